import { existsSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type { Ended, Environment } from "./tools.ts";
import { runTool, toolFinder } from "./tools.ts";

/**
 * firewalld, asked through `firewall-cmd`, which finds it on the system bus. What is changed lasts as long as the
 * daemon: it is its runtime configuration, as org.fedoraproject.FirewallD1.zone's addSource changes it.
 */
export interface Firewalld {
  /** The program is there and so is a bus; no process is started to find out. Whether the daemon runs is not known. */
  mayRun(): boolean;
  /** The daemon answers. */
  running(): Promise<boolean>;
  /**
   * Binds sources (addresses with their prefix) to the zone; one that is bound to it already is fine.
   *
   * @returns false when no daemon runs: nothing has been done
   * @throws CniError 110 with what firewalld said: a zone that it does not know, a source that another zone has
   */
  addSources(zone: string, sources: readonly string[]): Promise<boolean>;
  /** The other way; one that no zone has is fine. */
  removeSources(zone: string, sources: readonly string[]): Promise<boolean>;
  /**
   * The first source that the zone does not have; undefined when it has all of them.
   *
   * @throws CniError 110 with what firewalld said, that it does not run included
   */
  missingSource(zone: string, sources: readonly string[]): Promise<string | undefined>;
}

/** Nothing is looked for or started before it is needed. */
export function openFirewalld({ env }: { readonly env: Environment }): Firewalld {
  const locate = toolFinder(env);
  const run = async (args: readonly string[]): Promise<Ended> =>
    await runTool(env, { program, file: locate(program), supplier: "firewalld" }, args, "");

  async function change(zone: string, sources: readonly string[], option: string, fine: string): Promise<boolean> {
    const ended = await run([`--zone=${zone}`, ...sources.map((source) => `--${option}=${source}`)]);
    if (ended.status === notRunning) return false;
    // Of several, it succeeds when one does, and has warnings of the others.
    const complaints = complaintsOf(ended).filter((line) => !line.includes(fine));
    if (complaints.length > 0) throw refusal(ended, `${option} ${sources.join(" ")} in zone "${zone}"`, complaints);
    return true;
  }

  return {
    mayRun: () => locate(program) !== undefined && hasBus(env),
    running: async () => locate(program) !== undefined && (await run(["--state"])).status === 0,
    addSources: (zone, sources) => change(zone, sources, "add-source", "ZONE_ALREADY_SET"),
    removeSources: (zone, sources) => change(zone, sources, "remove-source", "UNKNOWN_SOURCE"),

    async missingSource(zone, sources) {
      const ended = await run([`--zone=${zone}`, "--list-sources"]);
      if (ended.status !== 0) throw refusal(ended, `list the sources of zone "${zone}"`, complaintsOf(ended));
      const listed = new Set(ended.stdout.split(/\s+/));
      return sources.find((source) => !listed.has(source));
    },
  };
}

const program = "firewall-cmd";
/** firewall-cmd(1), "Exit codes": NOT_RUNNING. */
const notRunning = 252;

/** Where the system bus is unless the environment says another place (D-Bus specification, "Well-known buses"). */
const busSocket = "/run/dbus/system_bus_socket";

function hasBus(env: Environment): boolean {
  return (env["DBUS_SYSTEM_BUS_ADDRESS"] ?? "") !== "" || existsSync(busSocket);
}

/** `Error: ...` and `Warning: ...`; what ended badly without a word still says its status. */
function complaintsOf({ status, stderr }: Ended): readonly string[] {
  const lines = stderr.split("\n").flatMap((line) => /^(?:Error|Warning): (.+)/.exec(line)?.[1] ?? []);
  return lines.length > 0 || status === 0 ? lines : [stderr.trim() || `it ended with status ${status}`];
}

function refusal({ status }: Ended, act: string, complaints: readonly string[]): CniError {
  const said = status === notRunning ? "firewalld is not running" : complaints.join("; ");
  return new CniError(code.kernel, `Cannot ${act} with ${program}: ${said}`);
}
