/**
 * The host's side of a bridge network with `isGateway`: which addresses are gateways, and where the host holds them.
 */
import type { IpConfig, Route } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Link, Namespace } from "../../kernel/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import {
  addOffset,
  broadcastOf,
  formatAddress,
  formatPrefix,
  interfaceNameProblem,
  networkOf,
  overlaps,
  parseAddress,
  parsePrefix,
  prefixKey,
  samePrefix,
} from "../../net/index.ts";
import { RT_TABLE_MAIN } from "../../netlink/index.ts";
import { hasErrno } from "../contract/errno.ts";
import { deleteLinkNamed } from "../interface/delete.ts";
import { enableForwarding } from "../interface/forwarding.ts";
import { addUnderSpareName, hostEnd, ignoreRouterAdvertisements, setHostEndUp } from "../interface/veth.ts";
import { setPortVlans } from "./bridge-link.ts";
import type { BridgeSettings } from "./conf.ts";

/** The addresses with a gateway each: IPAM's, else with `isGateway` the first address of the network. */
export function withGateways(ips: readonly IpConfig[], isGateway: boolean): readonly IpConfig[] {
  if (!isGateway) return ips;
  return ips.map((ip) =>
    ip.gateway === undefined || ip.gateway === ""
      ? { ...ip, gateway: formatAddress(firstOf(parsePrefix(ip.address))) }
      : ip,
  );
}

function firstOf(prefix: Prefix): Address {
  const network = networkOf(prefix).address;
  // Only the last address of all, 255.255.255.255/32, has no next one.
  return addOffset(network, 1) ?? network;
}

/**
 * The routes with a default one over the first gateway of each family that has an address. A default route without a
 * gateway would go over the same one, so it counts as that route: adding both is an error of the kernel's.
 */
export function withDefaultRoutes(routes: readonly Route[], ips: readonly IpConfig[]): readonly Route[] {
  const lacking = new Set(([4, 6] as const).filter((family) => !routes.some((route) => isDefaultOf(route, family))));
  const added = ips.flatMap(({ gateway }): readonly Route[] => {
    if (gateway === undefined) return [];
    const { family } = parseAddress(gateway);
    return lacking.delete(family) ? [{ dst: family === 4 ? "0.0.0.0/0" : "::/0", gw: gateway }] : [];
  });
  return [...routes, ...added];
}

function isDefaultOf(route: Route, family: 4 | 6): boolean {
  const { address, prefixBits } = parsePrefix(route.dst);
  // A default route in a table of its own leaves the main one without.
  return (
    prefixBits === 0 &&
    address.family === family &&
    (route.table === undefined || route.table === RT_TABLE_MAIN)
  );
}

/** The gateways with the prefix of their network, each once, IPv4 before IPv6. */
export function gatewayPrefixes(ips: readonly IpConfig[]): readonly Prefix[] {
  const prefixes = new Map<string, Prefix>();
  for (const { address, gateway } of ips) {
    if (gateway === undefined || gateway === "") continue;
    const prefix = { address: parseAddress(gateway), prefixBits: parsePrefix(address).prefixBits };
    prefixes.set(prefixKey(prefix), prefix);
  }
  return [...prefixes.values()].sort((a, b) => a.address.family - b.address.family);
}

/** The host holds the gateways and forwards their families. Like the bridge, its addresses are shared and stay. */
export function holdGateways(host: Namespace, target: Link, gateways: readonly Prefix[], forceAddress: boolean): void {
  if (gateways.length === 0) return;
  const present: Prefix[] = [...host.addresses.list(target.index)], held = new Set(present.map(prefixKey));
  for (const gateway of gateways) {
    if (held.has(prefixKey(gateway))) continue;
    replaceConflicts(host, target, present, gateway, forceAddress);
    addAddress(host, target, gateway);
    present.push(gateway);
    pinMac(host, target);
  }
  for (const family of new Set(gateways.map(({ address }) => address.family))) enableForwarding(host, family);
}

/**
 * Writing the MAC it has pins it: a bridge otherwise takes the lowest of its ports' and changes as ports come and go.
 * One whose last port had left had none when it was looked at; by now it has the new port's.
 */
function pinMac(host: Namespace, target: Link): void {
  const mac = target.mac === noMac ? host.links.get(target.index).mac : target.mac;
  if (mac !== undefined) host.links.set(target.index, { mac });
}

const noMac = "00:00:00:00:00:00";

function replaceConflicts(host: Namespace, target: Link, present: Prefix[], wanted: Prefix, force: boolean): void {
  const conflicts = conflictsWith(present, wanted);
  if (conflicts.length > 0 && !force) {
    throw new CniError(
      code.invalidConfig,
      `Cannot add gateway ${formatPrefix(wanted)} to link "${target.name}": it holds ` +
        `${conflicts.map(formatPrefix).join(", ")}, expected no other network there, or "forceAddress"`,
    );
  }
  for (const conflict of conflicts) {
    host.addresses.delete(target.index, conflict);
    present.splice(present.indexOf(conflict), 1);
  }
}

function addAddress(host: Namespace, target: Link, address: Prefix): void {
  const broadcast = broadcastOf(address);
  try {
    host.addresses.add(target.index, address, { scope: 0, ...(broadcast === undefined ? {} : { broadcast }) });
  } catch (error) {
    // Another ADD of the same network was faster.
    if (!hasErrno(error, "EEXIST")) throw error;
  }
}

/** The addresses that cannot stay beside a new one: IPv4 allows one network, IPv6 any that do not overlap. */
export function conflictsWith(present: readonly Prefix[], wanted: Prefix): readonly Prefix[] {
  return present.filter((address) => address.address.family === wanted.address.family && !samePrefix(address, wanted))
    .filter((address) => wanted.address.family === 4 || overlaps(address, wanted));
}

/**
 * The host's foothold in a VLAN of the bridge: `<bridge>.<vlan>`, one end of a veth pair whose other end is a port in
 * that VLAN.
 */
export function vlanGatewayName({ bridge, vlan }: Pick<BridgeSettings, "bridge" | "vlan">): string {
  const name = `${bridge}.${vlan}`;
  const problem = interfaceNameProblem(name);
  if (problem === undefined) return name;
  throw new CniError(
    code.invalidConfig,
    `Cannot use vlan ${vlan} with "isGateway" on bridge "${bridge}": the host's link in it would be named "${name}", ` +
      `${problem}`,
  );
}

/**
 * The vlan gateway link, made when missing. Like the bridge it is shared and stays; only one that this call has made
 * and cannot finish is removed, since the next ADD would take it for a whole one.
 */
export async function ensureVlanGateway(host: Namespace, bridge: Link, settings: BridgeSettings): Promise<Link> {
  const name = vlanGatewayName(settings);
  const existing = host.links.find(name);
  if (existing !== undefined) return rejoined(host, bridge, existing, settings);

  let portName: string;
  try {
    const pair = { ifName: name, mtu: bridge.mtu, master: bridge.index };
    portName = addUnderSpareName(host, (spare) => hostEnd(pair, spare, undefined), (taken) => {
      if (host.links.find(name) !== undefined) throw taken;
    });
  } catch (error) {
    // Another ADD was faster.
    if (!hasErrno(error, "EEXIST")) throw error;
    return host.links.get(name);
  }
  try {
    const gateway = host.links.get(name);
    joinVlan(host, host.links.get(portName), gateway, settings);
    return gateway;
  } catch (error) {
    await deleteLinkNamed(host, portName);
    throw error;
  }
}

/**
 * It outlives its bridge: its other end, which was a port there, is then nobody's. What else has that name is somebody
 * else's, and used as it is.
 */
function rejoined(host: Namespace, bridge: Link, gateway: Link, settings: BridgeSettings): Link {
  const port = gateway.kind !== "veth" || gateway.parent === undefined ? undefined : host.links.find(gateway.parent);
  // An end in another namespace has its number there, which may be another link's here.
  if (port === undefined || port.parent !== gateway.index || port.master !== undefined) return gateway;
  host.links.set(port.index, { master: bridge.index });
  joinVlan(host, port, gateway, settings);
  return gateway;
}

/** The port becomes a member of the VLAN, and both ends are set up. */
function joinVlan(host: Namespace, port: Link, gateway: Link, settings: BridgeSettings): void {
  setPortVlans(host, port.index, { ...settings, trunk: [] });
  setHostEndUp(host, port.name, port.index);
  ignoreRouterAdvertisements(host, gateway.name);
  host.links.set(gateway.index, { up: true });
}
