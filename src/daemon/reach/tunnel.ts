/** The VXLAN link to nodes that share no link with this one: made by the vxlan plugin's own code. */
import type { Link, Namespace } from "../../kernel/index.ts";
import { isErrno } from "../../kernel/index.ts";
import type { Prefix } from "../../net/index.ts";
import { formatAddress, isLinkLocalUnicast, samePrefix } from "../../net/index.ts";
import type { Tunnel } from "../../plugins/index.ts";
import {
  hasVni, ignoreRouterAdvertisements, setForwarding, tunnelDifference, tunnelInfo, tunnelMtu,
} from "../../plugins/index.ts";
import type { PlannedTunnel } from "./plan.ts";

/** The link's name; its alias says whose it is. */
export const tunnelName = "vxlan-polynic", tunnelAlias = "polynic reach";
/** One that hardly anybody else uses (hex for "pol"), on the port that IANA has for VXLAN. */
const vni = 0x706f6c, port = 4789;

/** NUD_PERMANENT (linux/neighbour.h). */
const permanent = 0x80;

/**
 * The link as it is planned, up, with its forwarding entries, neighbours and addresses, and none of before. What the
 * kernel cannot change makes it anew, which takes its routes along.
 *
 * @throws Error naming a link of somebody else's that has its name or its number
 */
export async function ensureTunnel(host: Namespace, planned: PlannedTunnel): Promise<Link> {
  const parent = host.links.get(planned.parent), { local, remotes } = planned;
  const tunnel: Tunnel = {
    vni, device: tunnelName, family: local.family, port, ttl: 0, learning: false, group: undefined, entries: remotes };
  const underlay = { parent, local }, info = tunnelInfo(tunnel, underlay), mtu = tunnelMtu(tunnel, underlay);
  refuseTaken(host, tunnel);
  const before = host.links.find(tunnelName);
  if (before !== undefined && tunnelDifference(before, info) !== undefined) await host.links.delete(before.index);
  if (host.links.find(tunnelName) === undefined) host.links.add({ name: tunnelName, info, mtu, mac: planned.mac });
  const link = host.links.get(tunnelName);
  if (link.mtu !== mtu || link.mac !== planned.mac) host.links.set(link.index, { mtu, mac: planned.mac });
  if (link.alias !== tunnelAlias || !link.up) {
    ignoreRouterAdvertisements(host, tunnelName);
    host.links.set(link.index, { alias: tunnelAlias, up: true });
  }
  setForwarding(host, link, tunnel);
  setNeighbours(host, link, planned);
  setAddresses(host, link, planned.addresses);
  return link;
}

/** The tunnel goes, and with it the routes that lead into it. */
export async function removeTunnel(host: Namespace): Promise<boolean> {
  const link = ownTunnel(host);
  if (link === undefined) return false;
  await host.links.delete(link.index);
  return true;
}

/** Ours by its alias, or one that we were killed over. */
export function ownTunnel(host: Namespace): Link | undefined {
  const link = host.links.find(tunnelName);
  return link !== undefined && isOurs(link) ? link : undefined;
}

function isOurs({ kind, alias, up }: Link): boolean {
  return kind === "vxlan" && (alias === tunnelAlias || (alias === undefined && !up));
}

function refuseTaken(host: Namespace, tunnel: Tunnel): void {
  const taken = host.links.list().find((link) =>
    link.name === tunnelName ? !isOurs(link) : hasVni(link, tunnel));
  if (taken === undefined) return;
  const why = taken.name === tunnelName ? "it is not polynic's" : `it has VNI ${vni} on port ${port}`;
  throw new Error(`Cannot make the tunnel to other nodes: link "${taken.name}" is in its way, since ${why}; expected ` +
    "it to be gone");
}

function setNeighbours(host: Namespace, { index }: Link, { gateways }: PlannedTunnel): void {
  const wanted = new Map(gateways.map((one) => [formatAddress(one.address), one]));
  for (const family of [4, 6] as const) {
    for (const { address, mac, state } of host.neighbours.list(index, family)) {
      if ((state & permanent) === 0) continue;
      const kept = wanted.get(formatAddress(address));
      if (kept === undefined) host.neighbours.delete(index, address);
      else if (kept.mac === mac) wanted.delete(formatAddress(address));
    }
  }
  for (const one of wanted.values()) host.neighbours.replace(index, one);
}

function setAddresses(host: Namespace, { index }: Link, wanted: readonly Prefix[]): void {
  const present = host.addresses.list(index);
  for (const address of present) {
    if (!isLinkLocalUnicast(address.address) && !wanted.some((one) => samePrefix(one, address)))
      host.addresses.delete(index, address);
  }
  for (const address of wanted) {
    if (present.some((one) => samePrefix(one, address))) continue;
    try {
      host.addresses.add(index, address, { noDad: true });
    } catch (error) {
      if (!isErrno(error, "EEXIST")) throw error;
    }
  }
}
