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
  /** No link has an address that the cluster has of this node: one of the two is about to change, or wrong. */
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
  const ways = peers.flatMap((peer) => peer.subnets.map((subnet) => wayTo(peer, subnet, own, links, here)));
  const routes = ways.flatMap((way) => ("routes" in way ? way.routes : []));
  const tunneled = ways.flatMap((way) => ("tunneled" in way && way.tunneled !== undefined ? [way.tunneled] : []));
  const [under] = links, isAstray = own.addresses.length > 0 && links.length === 0;
  return {
    subnets: own.subnets, routes, isAstray,
    tunnel: tunneled.length === 0 || under === undefined ? undefined : {
      parent: under.index, local: under.address, mac: macOf(own.name), addresses: own.subnets.map(firstOf),
      remotes: [...new Map(tunneled.map(({ mac, remote }) => [mac, { mac, remote }])).values()],
      gateways: [...new Map(tunneled.map(({ mac, gateway }) =>
        [formatAddress(gateway), { mac, address: gateway }])).values()],
    },
    inside: nodes.flatMap(({ subnets, addresses }) => [...subnets, ...addresses.map(hostPrefix)]),
    problems: [
      ...(isAstray
        ? [`no link of this node has ${own.addresses.map(formatAddress).join(" or ")}, its InternalIP`] : []),
      ...ways.flatMap((way) => ("problem" in way ? [way.problem] : [])),
    ],
  };
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
function wayTo(
  peer: ClusterNode,
  subnet: Prefix,
  own: ClusterNode,
  links: Here["addresses"],
  { isTunnelOnly }: Here,
): Way {
  const { family } = subnet.address, what = `pods of node "${peer.name}" in ${formatPrefix(subnet)}`;
  const mine = own.subnets.find((one) => overlaps(one, subnet));
  if (mine !== undefined)
    return { problem: `Cannot reach ${what}: this node's are in ${formatPrefix(mine)}, expected subnets apart` };
  const direct = isTunnelOnly ? undefined : neighbourOf(peer.addresses.filter((one) => one.family === family), links);
  if (direct !== undefined) return { routes: [{ dst: subnet, ...direct, isForPods: false }] };
  const [under] = links, remote = peer.addresses.find((one) => one.family === under?.address.family);
  if (under === undefined || remote === undefined) {
    return { problem: `Cannot reach ${what}: the node has no InternalIP ` +
      `${under === undefined ? "to be reached from here" : `of IPv${under.address.family}, as this one has`}` };
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
