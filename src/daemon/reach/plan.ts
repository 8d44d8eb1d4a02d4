/** Which routes lead to the pods of the cluster's other nodes, as a value: nothing here touches the machine. */
import { createHash } from "node:crypto";
import type { ClusterNode } from "../../kube/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import {
  addressFromBytes, contains, formatAddress, formatPrefix, hostPrefix, networkOf, overlaps, sameAddress,
} from "../../net/index.ts";

/** What this node knows of itself. */
export interface Here {
  /** Its name in the cluster. */
  readonly node: string;
  /** The addresses of all its links. */
  readonly addresses: readonly (Prefix & { readonly index: number })[];
  /** Other nodes are reached through the tunnel, those on the same link too. */
  readonly isTunnelOnly: boolean;
}

/** A route to a peer's pods, or with a table to the peer itself for what pods send. */
export interface PlannedRoute {
  readonly dst: Prefix;
  readonly gateway: Address;
  /** The link's index; undefined: the tunnel. */
  readonly index: number | undefined;
  /** Only pods take it: what they send to nodes behind the tunnel goes through it as well, and so comes back. */
  readonly isForPods: boolean;
}

/** The VXLAN link to the nodes that share no link with this one. */
export interface PlannedTunnel {
  /** Index of the link that it stands on, and the address that it sends from. */
  readonly parent: number;
  readonly local: Address;
  /** Its own MAC; every node tells the others' by their names. */
  readonly mac: string;
  /** The first address of each of this node's subnets: what the node itself sends to pods comes from there. */
  readonly addresses: readonly Prefix[];
  /** At which node a MAC is. */
  readonly remotes: readonly { readonly mac: string; readonly remote: Address }[];
  /** Which MAC a gateway has. */
  readonly gateways: readonly { readonly mac: string; readonly address: Address }[];
}

export interface ReachPlan {
  /** Of this node's pods. */
  readonly subnets: readonly Prefix[];
  readonly routes: readonly PlannedRoute[];
  /** undefined: no node needs it. */
  readonly tunnel: PlannedTunnel | undefined;
  /** What does not leave the cluster: pods of all nodes, and the nodes. */
  readonly inside: readonly Prefix[];
  /**
   * No link has an address that the cluster has of this node, or none of the family that the tunnel takes: one of the
   * two is about to change, or wrong.
   */
  readonly isAstray: boolean;
  /** Peers that cannot be reached, and why; for people. */
  readonly problems: readonly string[];
}

/** @returns undefined where this node is not among them, which says nothing about the others */
export function planReach(nodes: readonly ClusterNode[], here: Here): ReachPlan | undefined {
  const own = nodes.find(({ name }) => name === here.node);
  if (own === undefined) return undefined;
  const peers = nodes.filter((one) => one !== own).toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const links = own.addresses.flatMap((address) => here.addresses.filter((one) => sameAddress(one.address, address)));
  const family = tunnelFamily(nodes), end = endOf(own, family);
  const under = links.find(({ address }) => address.family === end?.family);
  const from: From = { own, links, under, family, isTunnelOnly: here.isTunnelOnly, owners: ownersOf(peers) };
  const ways = peers.flatMap((peer) => peer.subnets.map((subnet) => wayTo(peer, subnet, from)));
  const routes = ways.flatMap((way) => ("routes" in way ? way.routes : []));
  const tunneled = ways.flatMap((way) => ("tunneled" in way && way.tunneled !== undefined ? [way.tunneled] : []));
  return {
    subnets: own.subnets, routes, isAstray: under === undefined,
    tunnel: tunneled.length === 0 || under === undefined ? undefined : {
      parent: under.index, local: under.address, mac: macOf(own.name), addresses: own.subnets.map(firstOf),
      remotes: [...new Map(tunneled.map(({ mac, remote }) => [mac, { mac, remote }])).values()],
      gateways: [...new Map(tunneled.map(({ mac, gateway }) =>
        [formatAddress(gateway), { mac, address: gateway }])).values()],
    },
    inside: nodes.flatMap(({ subnets, addresses }) => [...subnets, ...addresses.map(hostPrefix)]),
    problems: [
      ...(under === undefined ? [astray(own.addresses)] : []),
      ...ways.flatMap((way) => ("problem" in way ? [way.problem] : [])),
    ],
  };
}

function astray(addresses: readonly Address[]): string {
  return addresses.length === 0 ? "the cluster has no InternalIP of this node"
    : `no link of this node has ${addresses.map(formatAddress).join(" or ")}, its InternalIP`;
}

/** What most nodes have an address of, else what most name first: all find the same, since one tunnel speaks one. */
function tunnelFamily(nodes: readonly ClusterNode[]): Address["family"] {
  const have = (family: number) =>
    nodes.filter(({ addresses }) => addresses.some((one) => one.family === family)).length;
  const prefer = (family: number) => nodes.filter(({ addresses: [first] }) => first?.family === family).length;
  return (have(6) - have(4) || prefer(6) - prefer(4)) > 0 ? 6 : 4;
}

/** The address at which a node's tunnel ends: of that family, or of the one that it has. */
function endOf({ addresses }: ClusterNode, family: Address["family"]): Address | undefined {
  return addresses.find((one) => one.family === family) ?? addresses[0];
}

/** By subnet the first node that has it: of two only one can be right, and a route leads to one. */
function ownersOf(nodes: readonly ClusterNode[]): ReadonlyMap<string, string> {
  return new Map(nodes.toReversed().flatMap(({ name, subnets }) =>
    subnets.map((subnet) => [formatPrefix(subnet), name] as const)));
}

/** From where ways are looked for. */
interface From {
  readonly own: ClusterNode;
  /** This node's addresses by its links. */
  readonly links: Here["addresses"];
  /** Which of them the tunnel stands on. */
  readonly under: Here["addresses"][number] | undefined;
  /** What tunnels go by. */
  readonly family: Address["family"];
  readonly isTunnelOnly: boolean;
  readonly owners: ReadonlyMap<string, string>;
}

interface Tunneled {
  readonly mac: string;
  readonly remote: Address;
  readonly gateway: Address;
}

type Way =
  | { readonly routes: readonly PlannedRoute[]; readonly tunneled?: Tunneled }
  | { readonly problem: string };

/** Over a link that both are on, else through the tunnel, whose ends are the nodes' addresses of one family. */
function wayTo(peer: ClusterNode, subnet: Prefix, from: From): Way {
  const { own, links, under, isTunnelOnly, owners } = from, { family } = subnet.address;
  const what = `pods of node "${peer.name}" in ${formatPrefix(subnet)}`;
  const mine = own.subnets.find((one) => overlaps(one, subnet));
  if (mine !== undefined)
    return { problem: `Cannot reach ${what}: this node's are in ${formatPrefix(mine)}, expected subnets apart` };
  const owner = owners.get(formatPrefix(subnet));
  if (owner !== peer.name)
    return { problem: `Cannot reach ${what}: node "${owner}" has them, too, expected subnets apart` };
  const direct = isTunnelOnly ? undefined : neighbourOf(peer.addresses.filter((one) => one.family === family), links);
  if (direct !== undefined) return { routes: [{ dst: subnet, ...direct, isForPods: false }] };
  const remote = endOf(peer, from.family), is = under?.address.family;
  if (remote === undefined || remote.family !== is) {
    const lacks = is === undefined ? "the node has no InternalIP to be reached from here"
      : remote !== undefined && peer.addresses.some((one) => one.family === is)
        ? `its tunnel goes by IPv${remote.family}, of which this node has no InternalIP`
        : `the node has no InternalIP of IPv${is}, as this one has`;
    return { problem: `Cannot reach ${what}: ${lacks}` };
  }
  const mac = macOf(peer.name), gateway = family === 4 ? networkOf(subnet).address : linkLocalOf(mac);
  const way = { gateway, index: undefined };
  return {
    routes: [
      { dst: subnet, ...way, isForPods: false },
      ...peer.addresses.filter((one) => one.family === family)
        .map((address) => ({ dst: hostPrefix(address), ...way, isForPods: true })),
    ],
    tunneled: { mac, remote, gateway },
  };
}

/** The first address that is on a link of ours. */
function neighbourOf(addresses: readonly Address[], links: Here["addresses"]) {
  for (const gateway of addresses) {
    const link = links.find((one) => contains(one, gateway));
    if (link !== undefined) return { gateway, index: link.index };
  }
  return undefined;
}

/**
 * Of a MAC (RFC 4291, appendix A): IPv6 takes it for a gateway whatever other routes there are, where one of the
 * peer's subnet would have to be reached by none.
 */
function linkLocalOf(mac: string): Address {
  const [first = 0, ...rest] = mac.split(":").map((digits) => parseInt(digits, 16));
  const id = [first ^ 0x02, ...rest.slice(0, 2), 0xff, 0xfe, ...rest.slice(2)];
  return addressFromBytes(Uint8Array.from([0xfe, 0x80, 0, 0, 0, 0, 0, 0, ...id]));
}

function firstOf(subnet: Prefix): Prefix {
  return hostPrefix(networkOf(subnet).address);
}

/** A node's MAC in the tunnel: unicast, locally administered (IEEE 802), and 46 bits of its name's digest. */
export function macOf(node: string): string {
  const bytes = createHash("sha256").update(node).digest().subarray(0, 6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}
