/** Firewall rules of ours, as nft and iptables-save print them. */
import { createHash } from "node:crypto";
import { findProgram, runProgram } from "../../../os/index.ts";
import type { ProcessEnvironment } from "../../output.ts";
import type { RuleFacts } from "../facts.ts";

/** Tables that hold rules of containers. */
const ourTables = ["inet cni_plugins_masquerade", "ip cni_hostport", "ip6 cni_hostport", "bridge nat"] as const;

/** Programs that are not there have made no rules that they could print. */
export async function ruleFacts(environment: ProcessEnvironment): Promise<readonly RuleFacts[]> {
  const nft = await Promise.all(ourTables.map(async (table) => {
    return nftRules(await printed("nft", ["list", "table", ...table.split(" ")], environment));
  }));
  const iptables = await Promise.all(["iptables-save", "ip6tables-save"].map(async (program) => {
    return iptablesRules(await printed(program, [], environment));
  }));
  return [...nft, ...iptables].flat();
}

/** What rules of a container name as their owner. */
export function ruleOwners(containerId: string, ifNames: readonly string[]): readonly string[] {
  // Where a comment has no room for all of an id, a hash at its beginning has.
  const hash = (ifName: string) => createHash("sha512").update(`${ifName}:${containerId}`).digest("hex").slice(0, 16);
  return [containerId, ...ifNames.flatMap((ifName) => [`${containerId}-${ifName}`, hash(ifName)])];
}

/** Rules of containers in what `nft list table` prints. */
export function nftRules(text: string): readonly RuleFacts[] {
  const rules: RuleFacts[] = [];
  let table = "", chain = "";
  for (const line of text.split("\n").map((one) => one.trim())) {
    const [, kind, name = ""] = /^(table|chain) (.+) \{$/.exec(line) ?? [];
    if (kind === "table") table = name;
    else if (kind === "chain") chain = name;
    else {
      const owner = nftOwner(line, chain);
      if (owner !== undefined) rules.push({ tool: "nftables", table, chain, text: line, owner });
    }
  }
  return rules;
}

/** Undefined for what is no container's; a line that is a comment alone is a table's or a chain's. */
function nftOwner(line: string, chain: string): string | undefined {
  const [, comment] = / comment "([^"]*)"$/.exec(line) ?? [];
  if (comment === undefined) return undefined;
  const [, hash] = /^[0-9a-f]{16}-([0-9a-f]{16}), net: /.exec(comment) ?? [];
  const [, attachment] = /^macspoofchk-(.*)$/.exec(comment) ?? [];
  const isPort = ["hostports", "hostip_hostports", "masquerading"].includes(chain);
  return hash ?? attachment ?? (isPort ? comment : undefined);
}

/** Those that name their container, in what iptables-save prints. */
export function iptablesRules(text: string): readonly RuleFacts[] {
  const rules: RuleFacts[] = [];
  let table = "";
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) table = line.slice(1);
    const [, chain, rule = ""] = /^-A (\S+) (.*)$/.exec(line) ?? [];
    const [, owner] = /--comment "(?:dnat )?name: \\"[^"]*\\" id: \\"([^"]*)\\"" /.exec(rule) ?? [];
    if (chain !== undefined && owner !== undefined) rules.push({ tool: "iptables", table, chain, text: rule, owner });
  }
  return rules;
}

const printLimitMs = 10_000;
/** Of a node with thousands of services. */
const printedBytesMax = 64 * 1024 * 1024;

async function printed(program: string, args: readonly string[], environment: ProcessEnvironment): Promise<string> {
  // Root's PATH has them, that of a runtime's hook may not.
  const path = `${environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"}:/usr/local/sbin:/usr/sbin:/sbin`;
  const file = findProgram(program, path.split(":"));
  if (file === undefined) return "";
  const options = { env: environment, timeoutMs: printLimitMs, outputBytesMax: printedBytesMax };
  const { status, stdout } = await runProgram(file, args, options);
  return status === 0 ? stdout : ""; // a table that is not there
}
