/**
 * A stand-in for the node that may be changed at will: this thread leaves for namespaces of its own, where the links
 * that matter have stand-ins of the same names, files can be read and not written, and `/tmp`, or a directory like it,
 * is empty memory. There is no way back; what is in there goes with the process.
 */
import { existsSync, openSync } from "node:fs";
import type { KernelRoute, Link, LinkAddress, Namespace } from "../../kernel/index.ts";
import { openNamespace, openOwnNamespace } from "../../kernel/index.ts";
import { messageOf } from "../../cni/index.ts";
import {
  findProgram, leaveForNewMounts, leaveForNewNetworkNamespace, mountMemory, runProgram, setReadOnly,
} from "../../os/index.ts";
import { moduleDirectory } from "../../program/index.ts";
import type { ProcessEnvironment } from "../output.ts";
import type { CopiedRules, RuleMarks } from "./rules.ts";
import { copiedRules, ruleMarks, toolPath } from "./rules.ts";

/** What of the node is to be seen in the replica. */
export interface Snapshot {
  /** Lower links first. */
  readonly links: readonly Link[];
  readonly addresses: readonly LinkAddress[];
  readonly routes: readonly KernelRoute[];
  readonly sysctls: readonly (readonly [name: string, value: string])[];
  readonly rules: readonly CopiedRules[];
  readonly marks: RuleMarks;
}

export interface Replica {
  /** Path of the container's namespace, with nothing in it. */
  readonly netns: string;
  /** What could not be made as it is on the node. */
  readonly notes: readonly string[];
}

/** Where there is room to write: a directory that every machine has, and that hides nothing of this program's own. */
export const memory = memoryFor(moduleDirectory, existsSync);

/** The first that is there and not above the program. Pure but for `isThere`. */
export function memoryFor(program: string, isThere: (path: string) => boolean): string {
  const usual = ["/tmp", "/var/tmp", "/mnt", "/media"];
  return usual.find((path) => isThere(path) && !program.startsWith(`${path}/`)) ?? "/mnt";
}

/** @param named  words of the configuration, among them names of links */
export async function takeSnapshot(named: ReadonlySet<string>, environment: ProcessEnvironment): Promise<Snapshot> {
  const host = openOwnNamespace();
  try {
    const links = host.links.list(), addresses = host.addresses.list();
    const routes = ([4, 6] as const).flatMap((family) => host.routes.list(family, { table: mainTable }));
    const rules = await copiedRules(environment);
    return {
      rules,
      marks: ruleMarks(rules, host.nftables),
      links: wantedLinks(links, { addresses, routes, named }),
      addresses, routes,
      sysctls: forwarding.map((name) => [name, host.sysctl.get(name)] as const),
    };
  } finally {
    host.close();
  }
}

/** RT_TABLE_MAIN (linux/rtnetlink.h) */
const mainTable = 254;
const forwarding = ["net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"] as const;

type Around = Pick<Snapshot, "addresses" | "routes"> & { readonly named: ReadonlySet<string> };

/** Bridges, and those that the configuration names or that have an address, with what they hang on. Pure. */
export function wantedLinks(links: readonly Link[], { addresses, routes, named }: Around): readonly Link[] {
  const byIndex = new Map(links.map((link) => [link.index, link]));
  const leading = routes.filter(({ gateway }) => gateway !== undefined);
  const used = new Set([...addresses.filter(({ scope }) => scope === 0), ...leading].map(({ index }) => index));
  const wanted = new Set<Link>();
  const want = (link: Link | undefined): void => {
    if (link === undefined || link.loopback || wanted.has(link)) return;
    if (link.parentNamespaceId === undefined && link.kind !== "veth") want(byIndex.get(link.parent ?? 0));
    want(byIndex.get(link.master ?? 0));
    wanted.add(link);
  };
  for (const link of links) if (link.kind === "bridge" || named.has(link.name) || used.has(link.index)) want(link);
  return [...wanted];
}

/** Leaves for the replica. From here on nothing of the node can be changed by this thread. */
export async function enterReplica(snapshot: Snapshot, environment: ProcessEnvironment): Promise<Replica> {
  leaveForNewMounts();
  mountMemory(memory);
  setReadOnly("/", true, true);
  setReadOnly(memory, false);
  // Settings of the network are those of the namespace that asks.
  setReadOnly("/proc", false);
  const netns = emptyNamespace();
  emptyNamespace();
  const host = openOwnNamespace(), notes: string[] = [];
  try {
    build(host, snapshot, notes);
  } finally {
    host.close();
  }
  for (const rules of snapshot.rules) await copyRules(rules, notes, environment);
  return { netns, notes };
}

/** The thread's from now on, kept by a descriptor. */
function emptyNamespace(): string {
  leaveForNewNetworkNamespace();
  const path = `/proc/${process.pid}/fd/${openSync("/proc/thread-self/ns/net", "r")}`;
  const namespace = openNamespace(path);
  try {
    namespace.links.set(namespace.links.get("lo").index, { up: true });
  } finally {
    namespace.close();
  }
  return path;
}

function build(host: Namespace, { links, addresses, routes, sysctls }: Snapshot, notes: string[]): void {
  const attempt = (what: string, work: () => void): void => {
    try {
      work();
    } catch (error) {
      notes.push(`${what} is not as on this machine: ${messageOf(error)}`);
    }
  };
  const indexes = new Map<number, number>();
  for (const [name, value] of sysctls) attempt(name, () => host.sysctl.set(name, value));
  for (const link of links) {
    attempt(`link "${link.name}"`, () => {
      addLike(host, link, indexes);
      const { index } = host.links.get(link.name);
      indexes.set(link.index, index);
      const { mac = noMac, mtu, up, alias } = link, master = indexes.get(link.master ?? 0);
      host.links.set(index, { mtu, ...(mac === noMac ? {} : { mac }), ...(alias === undefined ? {} : { alias }),
        ...(master === undefined ? {} : { master }) });
      if (up) host.links.set(index, { up: true });
    });
  }
  for (const { index: old, address, prefixBits, broadcast, scope } of addresses) {
    const index = indexes.get(old);
    if (index === undefined || scope !== 0) continue;
    const more = { noDad: address.family === 6, ...(broadcast === undefined ? {} : { broadcast }) };
    attempt("an address", () => host.addresses.add(index, { address, prefixBits }, more));
  }
  for (const { index: old, dst, gateway, metric, onLink } of routes) {
    const index = indexes.get(old ?? 0);
    // Those to networks of addresses are there by now.
    if (index === undefined || gateway === undefined) continue;
    attempt("a route", () => host.routes.replace({ dst, gateway, index,
      ...(metric === undefined ? {} : { metric }), ...(onLink === undefined ? {} : { onLink }) }));
  }
}

/** Of a bridge whose last port has gone: the kernel tells it, and takes it from nobody. */
const noMac = "00:00:00:00:00:00";

/** Of its kind where that can be made here, else one that only has its name. */
function addLike(host: Namespace, link: Link, indexes: ReadonlyMap<number, number>): void {
  const { name, parent } = link, info = settable(link.info);
  const own = parent === undefined ? undefined : indexes.get(parent);
  if (info !== undefined && ["bridge", "vlan", "macvlan", "dummy", "vrf"].includes(info.kind)) {
    try {
      return host.links.add({ name, info, ...(own === undefined ? {} : { parent: own }) });
    } catch {
      // A stand-in does.
    }
  }
  // Of a pair, since every kernel has these; the other end has to be up for this one to be.
  const far = `far${link.index}`;
  host.links.add({ name, info: { kind: "veth", peer: { name: far } } });
  host.links.set(host.links.get(far).index, { up: true });
}

/** What the kernel tells of a bridge's VLANs it takes back only where it has VLAN filtering. */
function settable(info: Link["info"]): Link["info"] {
  if (info?.kind !== "bridge") return info;
  return { kind: "bridge", ...(info.vlanFiltering === true ? { vlanFiltering: true } : {}) };
}

const copyLimitMs = 20_000;

async function copyRules(
  { program, args, text }: CopiedRules,
  notes: string[],
  environment: ProcessEnvironment,
): Promise<void> {
  const file = findProgram(program, toolPath(environment));
  const options = { input: text, env: environment, timeoutMs: copyLimitMs };
  const ended = file === undefined ? undefined : await runProgram(file, args, options);
  if (ended?.status === 0) return;
  const said = ended?.stderr.trim().split("\n")[0] ?? "it is not there";
  notes.push(`rules that are there are not seen, and would be made anew: ${program}: ${said}`);
}
