import { readFileSync, realpathSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type { Ended, Environment } from "./tools.ts";
import { runTool, toolFinder } from "./tools.ts";

/** A change of one table, decided from what the table holds. */
export interface IptablesChange {
  readonly family: 4 | 6;
  readonly table: string;
  /**
   * Lines tried first, before the table was read. They must fail by themselves where their assumption is wrong:
   * `-N CHAIN` fails when the chain exists, `-C CHAIN rule` when the rule does not.
   */
  readonly guess?: readonly string[] | undefined;
  /**
   * From what `save` gives to the lines to restore; none when there is nothing to do. Asked again when another program
   * was faster.
   */
  decide(saved: readonly string[]): readonly string[];
}

/**
 * The iptables tools of both families, run as child processes in the namespace of this process.
 * One batch is one `iptables-restore --noflush --wait`: all of its lines or none. A line `:CHAIN - [0:0]` would flush a
 * chain that others share, so chains are made with `-N`.
 */
export interface Iptables {
  /** The program is there; no process is started to find out. */
  present(family: 4 | 6): boolean;
  /** The program is there and `filter INPUT` can be listed. */
  usable(family: 4 | 6): Promise<boolean>;
  /**
   * Tables of the older kernel interface (ip_tables) that exist, as far as the program reaches them; no process is
   * started.
   */
  legacyTables(family: 4 | 6): readonly string[];
  /** The table as `iptables-save` prints it, one rule or chain line an entry; [] when the table has nothing. */
  save(family: 4 | 6, table: string): Promise<readonly string[]>;
  /**
   * Lines of one table as `iptables-restore` reads them (`-N ...`, `-A ...`, `-D ...`), without `*table` and `COMMIT`.
   */
  restore(family: 4 | 6, table: string, lines: readonly string[]): Promise<void>;
  /** The first of the rules (`CHAIN words...`) that the table lacks; undefined when it holds all of them. */
  missing(family: 4 | 6, table: string, rules: readonly string[]): Promise<string | undefined>;
  /** Reads, decides and restores, alone among processes that share the lock. */
  change(change: IptablesChange): Promise<void>;
}

export interface IptablesOptions {
  /** Runs `work` while no other call of ours changes tables. Absent: only the tools' own locking. */
  readonly exclusive?: (work: () => Promise<void>) => Promise<void>;
  /** The tools' environment; they are looked for on its PATH, then in the usual places. */
  readonly env: Environment;
}

/** The tool itself gives up on the xtables lock after these. */
const lockWaitSeconds = 10;
/** How often a change is decided anew because the table was another one when it was to be made. */
const attemptsMax = 5;

/** Nothing is looked for or started before it is needed. */
export function openIptables(options: IptablesOptions): Iptables {
  const locate = toolFinder(options.env);
  const usable = new Map<4 | 6, boolean>();

  async function run(family: 4 | 6, suffix: string, args: readonly string[], input = ""): Promise<Ended> {
    const program = `${family === 4 ? "iptables" : "ip6tables"}${suffix}`;
    return await runTool(options.env, { program, file: locate(program), supplier: "iptables" }, args, input);
  }

  async function save(family: 4 | 6, table: string): Promise<readonly string[]> {
    const ended = await run(family, "-save", ["-t", table]);
    if (ended.status !== 0) throw refusal(ended, `read table "${table}"`);
    return ended.stdout.split("\n").filter((line) => line.startsWith("-A ") || line.startsWith(":"));
  }

  async function tryRestore(family: 4 | 6, table: string, lines: readonly string[]): Promise<Ended> {
    const input = [`*${table}`, ...lines, "COMMIT", ""].join("\n");
    return await run(family, "-restore", ["--noflush", `--wait=${lockWaitSeconds}`], input);
  }

  async function changeNow({ family, table, guess, decide }: IptablesChange): Promise<void> {
    if (guess !== undefined && (await tryRestore(family, table, guess)).status === 0) return;
    let before = "";
    for (let attempt = 1; ; attempt++) {
      const lines = decide(await save(family, table));
      if (lines.length === 0) return;
      const ended = await tryRestore(family, table, lines);
      if (ended.status === 0) return;
      // Refused twice over an unchanged table: the lines are at fault, not another program.
      const text = lines.join("\n");
      if (text === before || attempt === attemptsMax) throw refusal(ended, `change table "${table}"`, lines);
      before = text;
    }
  }

  return {
    present: (family) => locate(family === 4 ? "iptables-restore" : "ip6tables-restore") !== undefined,

    async usable(family) {
      const known = usable.get(family);
      if (known !== undefined) return known;
      const words = [`--wait=${lockWaitSeconds}`, "-t", "filter", "-S", "INPUT", "1"];
      const answer = locate(family === 4 ? "iptables" : "ip6tables") !== undefined
        && (await run(family, "", words)).status === 0;
      usable.set(family, answer);
      return answer;
    },

    legacyTables(family) {
      const file = locate(family === 4 ? "iptables" : "ip6tables");
      // The tool over nf_tables ("xtables-nft-multi") never sees the older kernel interface.
      if (file !== undefined && realpathSync(file).includes("nft")) return [];
      try {
        return readFileSync(`/proc/thread-self/net/${family === 4 ? "ip" : "ip6"}_tables_names`, "utf8")
          .split("\n")
          .filter((name) => name !== "");
      } catch {
        return []; // the kernel has no ip_tables, or has not loaded it
      }
    },

    save,

    async restore(family, table, lines) {
      const ended = await tryRestore(family, table, lines);
      if (ended.status !== 0) throw refusal(ended, `change table "${table}"`, lines);
    },

    async missing(family, table, rules) {
      const lines = rules.map((rule) => `-C ${rule}`);
      const ended = await tryRestore(family, table, lines);
      if (ended.status === 0) return undefined;
      // Of a rule whose target is a chain that is not there the tool says only the chain, in the words of nf_tables or
      // legacy.
      const [, chain, target] =
        /Chain '([^']+)' does not exist|Couldn't load target [`']([^']+)'/.exec(ended.stderr) ?? [];
      const absent = chain ?? target;
      const rule = absent === undefined ? rules[lineOf(ended) - 1]
        : rules.find((one) => one.endsWith(` -j ${absent}`) || one.startsWith(`${absent} `));
      if ((ended.status === 1 || absent !== undefined) && rule !== undefined) return rule;
      throw refusal(ended, `check table "${table}"`, lines);
    },

    async change(change) {
      if (options.exclusive === undefined) await changeNow(change);
      else await options.exclusive(() => changeNow(change));
    },
  };
}

function refusal(ended: Ended, act: string, lines: readonly string[] = []): CniError {
  const said = ended.stderr.split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("Try `") && !line.startsWith("#")).join("; ");
  const line = lines[lineOf(ended) - 1];
  const at = line === undefined ? "" : ` at ${JSON.stringify(line)}`;
  return new CniError(
    code.kernel,
    `Cannot ${act} with ${ended.program}${at}: ${said === "" ? `it ended with status ${ended.status}` : said}`,
  );
}

/** Which of our lines the tool stopped at, from 1; line 1 of its input is `*table`. 0 when it did not say. */
function lineOf(ended: Ended): number {
  const [, line] = /line:? (\d+)/.exec(ended.stderr) ?? [];
  return line === undefined ? 0 : Number(line) - 1;
}
