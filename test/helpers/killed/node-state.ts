/** The whole of a test's node, for a comparison of before and after: more than any one test of a plugin looks at. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { TestNetns } from "../netns.ts";
import type { World } from "../runtime.ts";
import { alike } from "../runtime.ts";
import { settledState } from "./settled.ts";

/** What of /run is no plugin's: namespaces, locks, and the folder of user-mode Linux. */
const notes = "/run/cni";

/**
 * Links, addresses, routes of every table, policy rules, neighbours, forwarding entries, bridge VLANs, qdiscs, filters,
 * sysctls and packet filter of both namespaces, and all files: a line each.
 */
export function nodeState(world: World): readonly string[] {
  const { host, container, directory } = world;
  const kernel = [["host", host], ["container", container]] as const;
  return [
    ...settledState(world),
    ...kernel.flatMap(([where, netns]) => numbered(questioned(netns, world)).map((line) => `/${where}: ${line}`)),
    ...[join(directory, "networks", ".polynic"), notes].flatMap(hidden),
  ];
}

const questions = [
  "ip -4 route show table all", "ip -6 route show table all", "ip -6 rule show", "ip neighbour show nud permanent",
  "bridge fdb show permanent", "bridge vlan show", "tc qdisc show",
  "tc qdisc show | sed -n 's/^qdisc ingress .* dev \\([^ ]*\\) .*/\\1/p' | while read l; do tc filter show dev $l " +
    "ingress; done",
  "iptables-save", "ip6tables-save",
].join("; ");

/**
 * What the kernel makes of an address or of a bridge's first port when it gets round to it: the local routes of an IPv6
 * address that was found to be unique, entries of the MAC that a bridge has taken from a port. The addresses and MACs
 * themselves are compared.
 */
const late = /^(?:local|anycast) [0-9a-f:]+ dev .* table local proto kernel|^\S+ dev (\S+) (?:self|.*master \1) permanent$/;

/** Lines without what comes and goes by itself, or is numbered by the kernel. */
function questioned(netns: TestNetns, world: World): readonly string[] {
  return alike(netns.exec("sh", "-c", `{ ${questions}; } 2>&1`), world).split("\n").map((line) => line.trim())
    .filter((line) => line !== "" && !/^#|fe80::|ff00::\/8|33:33:|01:00:5e:/.test(line) && !late.test(line))
    .map((line) => line.replaceAll(/\[\d+:\d+\]|\b(?:expires|refcnt|prio) \S+/g, "").trim());
}

/** The same line twice is not the same as once. */
function numbered(lines: readonly string[]): readonly string[] {
  const seen = new Map<string, number>();
  return lines.map((line) => {
    const count = (seen.get(line) ?? 0) + 1;
    seen.set(line, count);
    return count === 1 ? line : `${line} (${count})`;
  });
}

/** Help for ourselves that any next call may write anew, and what a killed write left, which a later call deletes. */
const passing = /\/(?:stamp|scan|lock)$|\/\.polynic-[^/]+\.tmp$/;

function hidden(directory: string): readonly string[] {
  if (statSync(directory, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
    .filter((path) => !passing.test(path))
    .map((path) => `/file ${path.slice(directory.length + 1)} ${readFileSync(path, "utf8")}`);
}
