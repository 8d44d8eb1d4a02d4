/** Firewall rules of the node as a replica takes them over. */
import type { Nftables } from "../../kernel/index.ts";
import type { ChainName } from "../../netlink/index.ts";
import { findProgram, runProgram } from "../../os/index.ts";
import type { ProcessEnvironment } from "../output.ts";

/** What one tool prints and another reads again. */
export interface CopiedRules {
  readonly program: string;
  readonly args: readonly string[];
  readonly text: string;
}

/** Tables of nftables that plugins work on; those of iptables are copied by its own tools. */
const nftTables = ["inet cni_plugins_masquerade", "ip cni_hostport", "ip6 cni_hostport", "bridge nat"] as const;

/** Of tools that are there; a table that is not there is nothing. */
export async function copiedRules(environment: ProcessEnvironment): Promise<readonly CopiedRules[]> {
  const nft = await Promise.all(nftTables.map(async (table) => {
    return await printed("nft", ["list", "table", ...table.split(" ")], environment);
  }));
  const text = nft.join("\n");
  const iptables = await Promise.all((["iptables", "ip6tables"] as const).map(async (program) => ({
    program: `${program}-restore`, args: [], text: await printed(`${program}-save`, [], environment),
  })));
  return [{ program: "nft", args: ["-f", "-"], text }, ...iptables].filter((one) => one.text.trim() !== "");
}

/** What our rules are marked with, in the order of each chain's. */
export type RuleMarks = ReadonlyMap<string, readonly (string | undefined)[]>;

export function chainKey({ family, table, chain }: ChainName): string {
  return `${family} ${table} ${chain}`;
}

/** Of all chains in what nft has printed. */
export function ruleMarks(copied: readonly CopiedRules[], nftables: Pick<Nftables, "rules">): RuleMarks {
  const text = copied.find(({ program }) => program === "nft")?.text ?? "";
  const marks = new Map<string, (string | undefined)[]>();
  let table: Pick<ChainName, "family" | "table"> | undefined;
  for (const line of text.split("\n")) {
    const [, family, name] = /^table (inet|ip|ip6|bridge) (\S+) \{$/.exec(line) ?? [];
    // The expression admits no other families.
    if (family !== undefined && name !== undefined) table = { family: family as ChainName["family"], table: name };
    const [, chain] = /^\s+chain (\S+) \{$/.exec(line) ?? [];
    if (table === undefined || chain === undefined) continue;
    const place = { ...table, chain };
    marks.set(chainKey(place), (nftables.rules(place) ?? []).map(({ mark }) => mark));
  }
  return marks;
}

const printLimitMs = 20_000;
const printedBytesMax = 64 * 1024 * 1024;

async function printed(program: string, args: readonly string[], environment: ProcessEnvironment): Promise<string> {
  const file = findProgram(program, toolPath(environment));
  if (file === undefined) return "";
  const options = { env: environment, timeoutMs: printLimitMs, outputBytesMax: printedBytesMax };
  const { status, stdout } = await runProgram(file, args, options);
  return status === 0 ? stdout : "";
}

export function toolPath({ PATH = "" }: ProcessEnvironment): readonly string[] {
  return [...PATH.split(":").filter((one) => one !== ""), "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
}
