/**
 * vrf: puts the container's interface, made by a plugin before it, into a VRF of the container.
 *
 * ADD    makes the VRF where it is missing, enslaves the interface, and takes its addresses and routes along.
 * DEL    takes the interface out, and the VRF away with its last member; missing is success.
 * CHECK  looks for the VRF and for the interface in it.
 * Refuses (7) a link of that name that is no VRF, a VRF of another table, and an interface with a master.
 *                                                                 Source: linux/if_link.h, IFLA_VRF_TABLE
 */
import { CniError, code, confSchema, versionsFrom } from "../../cni/index.ts";
import type { KernelRoute, Link, LinkAddress, Namespace } from "../../kernel/index.ts";
import type { Prefix } from "../../net/index.ts";
import {
  formatPrefix, hostPrefix, interfaceNameProblem, isGlobalUnicast, isInterfaceName, isLinkLocalUnicast, prefixKey,
} from "../../net/index.ts";
import { RT_TABLE_MAIN, RTN_UNICAST } from "../../netlink/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { AddContext } from "../contract/plugin.ts";
import { chainedResult } from "../interface/chained.ts";
import { broken, checkedLink, containerInterface, requirePrevResult } from "../interface/check.ts";
import { deleteLinkNamed } from "../interface/delete.ts";

export const vrf = definePlugin({
  type: "vrf",
  versions: versionsFrom("0.3.1"),
  schema: confSchema("vrf"),
  ipam: "none",
  isChained: true,

  read({ conf: { vrfname }, attachment: { ifName } }) {
    const problem = interfaceNameProblem(vrfname)
      ?? (vrfname === ifName ? "the interface itself has that name, expected another" : undefined)
      ?? (vrfname === "lo" ? "the loopback interface has that name, expected another" : undefined);
    if (problem !== undefined)
      throw new CniError(code.invalidConfig, `Cannot use vrfname ${JSON.stringify(vrfname)}: ${problem}`);
    return undefined;
  },

  async add({ attachment: { ifName }, conf: { vrfname, table = 0 }, network, prevResult }, context) {
    const result = chainedResult(prevResult, "vrf", network);
    const { container, undo } = context;
    const member = container.links.get(ifName);
    refuseMaster(container, member);
    const vrfLink = ensureVrf(container, vrfname, table, undo);
    const addresses = container.addresses.list(member.index).filter(isKept), routes = movable(container, member.index);
    undo.add(`take interface "${ifName}" out of VRF "${vrfname}"`, () => leave(container, ifName, addresses, routes));
    container.links.set(member.index, { master: vrfLink.index });
    await restoreAddresses(context, member, addresses, tableOf(vrfLink));
    for (const route of routes) container.routes.replace({ ...plain(route), table: tableOf(vrfLink) });
    return result;
  },

  async del({ attachment: { ifName }, conf: { vrfname = "" } }, { containerIfPresent: container, teardown }) {
    const vrfLink = isInterfaceName(vrfname) ? container?.links.find(vrfname) : undefined;
    if (container === undefined || vrfLink?.kind !== "vrf") return;
    const member = container.links.find(ifName);
    if (member?.master === vrfLink.index) container.links.set(member.index, { master: 0 });
    if (!container.links.list().some(({ master }) => master === vrfLink.index)) teardown.deleteLink(container, vrfLink);
  },

  async check({ attachment, conf: { vrfname }, network, prevResult }, { container }) {
    const result = requirePrevResult(prevResult, network);
    const vrfLink = container.links.find(vrfname);
    if (vrfLink?.kind !== "vrf") throw broken(`Cannot find VRF "${vrfname}": it is gone`);
    const member = checkedLink(container, containerInterface(result, attachment));
    if (member.master === vrfLink.index) return;
    throw broken(`Cannot accept interface "${member.name}": it is not in VRF "${vrfname}", expected it there`);
  },
});

function refuseMaster(container: Namespace, { name, master }: Link): void {
  if (master === undefined) return;
  const other = container.links.find(master)?.name ?? `link ${master}`;
  throw new CniError(
    code.invalidConfig,
    `Cannot put interface "${name}" into a VRF: its master is "${other}", expected none`,
  );
}

function ensureVrf(container: Namespace, name: string, table: number, undo: AddContext["undo"]): Link {
  const present = container.links.find(name);
  if (present !== undefined) return acceptedVrf(present, table);
  container.links.add({ name, info: { kind: "vrf", table: table === 0 ? freeTable(container) : table } });
  undo.add(`delete VRF "${name}"`, () => deleteLinkNamed(container, name));
  const made = container.links.get(name);
  container.links.set(made.index, { up: true });
  return made;
}

function acceptedVrf(link: Link, table: number): Link {
  const { name, kind = "physical" } = link;
  if (kind !== "vrf") {
    throw new CniError(
      code.invalidConfig,
      `Cannot use VRF "${name}": the link of that name is ${kind}, expected a VRF or none`,
    );
  }
  if (table === 0 || tableOf(link) === table) return link;
  throw new CniError(code.invalidConfig, `Cannot use VRF "${name}" with table ${table}: it has table ${tableOf(link)}`);
}

function tableOf({ info }: Link): number {
  return info?.kind === "vrf" ? info.table ?? 0 : 0;
}

/** The lowest from 1 that no VRF of the namespace has. */
function freeTable(container: Namespace): number {
  return lowestFree(new Set(container.links.list().map(tableOf)));
}

export function lowestFree(taken: ReadonlySet<number>): number {
  let table = 1;
  while (taken.has(table)) table++;
  return table;
}

/** The kernel drops a link's IPv6 addresses when its master changes, those of its own making apart. */
function isKept({ address, scope, permanent }: LinkAddress): boolean {
  return address.family === 6 && scope === 0 && permanent && isGlobalUnicast(address);
}

/** Routes of the main table that go with the interface; of IPv4, those that its addresses do not make by themselves. */
function movable(container: Namespace, index: number): readonly KernelRoute[] {
  const routes = ([4, 6] as const).flatMap((family) => container.routes.list(family, { index, table: RT_TABLE_MAIN }));
  return routes.filter(
    ({ scope, type, dst }) => scope === 0 && type === RTN_UNICAST && !isLinkLocal(dst),
  );
}

/** fe80::/10: the kernel makes these anew. */
function isLinkLocal({ address }: Prefix): boolean {
  return address.family === 6 && isLinkLocalUnicast(address);
}

function plain({ dst, gateway, index, source, metric, onLink, mtu, advmss, scope }: KernelRoute): KernelRouteParts {
  return {
    dst, scope,
    ...(gateway === undefined ? {} : { gateway }), ...(index === undefined ? {} : { index }),
    ...(source === undefined ? {} : { source }), ...(metric === undefined ? {} : { metric }),
    ...(onLink === undefined ? {} : { onLink }), ...(mtu === undefined ? {} : { mtu }),
    ...(advmss === undefined ? {} : { advmss }),
  };
}

type KernelRouteParts = Pick<KernelRoute, "dst" | "scope"> & Partial<Omit<KernelRoute, "dst" | "scope">>;

/** Pauses between looks for an address's route; the kernel makes it in the background. */
const pausesMs = [0, 10, 20, 40, 80, 160, 320, 640, 1280];

async function restoreAddresses(
  { container, sleep }: AddContext, member: Link, addresses: readonly LinkAddress[], table: number,
): Promise<void> {
  addMissing(container, member, addresses);
  let waiting: readonly Prefix[] = addresses.map(({ address }) => hostPrefix(address));
  for (const pauseMs of pausesMs) {
    if (pauseMs > 0) await sleep(pauseMs);
    const present = waiting.length === 0 ? [] : container.routes.list(6, { table });
    const reached = new Set(present.map(({ dst }) => prefixKey(dst)));
    waiting = waiting.filter((one) => !reached.has(prefixKey(one)));
    if (waiting.length === 0) return;
  }
  throw new CniError(
    code.kernel,
    `Cannot put interface "${member.name}" into its VRF: route ${waiting.slice(0, 1).map(formatPrefix).join()} has ` +
      `not come up in table ${table}`,
  );
}

function addMissing(container: Namespace, member: Link, addresses: readonly LinkAddress[]): void {
  const present = new Set(container.addresses.list(member.index).map(prefixKey));
  for (const one of addresses) {
    if (present.has(prefixKey(one))) continue;
    container.addresses.add(member.index, { address: one.address, prefixBits: one.prefixBits }, { scope: 0 });
  }
}

/** Back to where it was: addresses and routes that the change of master took are there again. */
function leave(
  container: Namespace,
  ifName: string,
  addresses: readonly LinkAddress[],
  routes: readonly KernelRoute[],
): void {
  const member = container.links.find(ifName);
  if (member === undefined) return;
  container.links.set(member.index, { master: 0 });
  addMissing(container, member, addresses);
  for (const route of routes) container.routes.replace({ ...plain(route), table: RT_TABLE_MAIN });
}
