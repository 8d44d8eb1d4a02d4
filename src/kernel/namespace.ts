import type { Address, Prefix } from "../net/index.ts";
import type { LinkInfo } from "../netlink/index.ts";
import type { Conntrack } from "./netfilter/conntrack.ts";
import type { Neighbours } from "./rtnetlink/neighbours.ts";
import type { Nftables } from "./netfilter/nftables.ts";
import type { PacketSocket, PacketSocketOptions } from "./packet-socket.ts";
import type { Qdiscs } from "./rtnetlink/qdiscs.ts";
import type { Rules } from "./rtnetlink/rules.ts";

/**
 * One network namespace as a handle. Its sockets were opened inside the namespace and remember it,
 * so nothing here changes the calling thread's namespace for longer than one synchronous call.
 */
export interface Namespace {
  /** The path it was opened by, as given; "" for the namespace this process runs in. */
  readonly path: string;
  /** Descriptor of the namespace, for IFLA_NET_NS_FD. */
  readonly fd: number;
  readonly links: Links;
  readonly addresses: Addresses;
  readonly routes: Routes;
  readonly rules: Rules;
  readonly neighbours: Neighbours;
  readonly qdiscs: Qdiscs;
  readonly bridgeVlans: BridgeVlans;
  readonly sysctl: Sysctl;
  /**
   * The first link in another network namespace of this machine that stands on a link of this one and is as described.
   * For the words of an error: every namespace is looked into that has a name or a process.
   */
  findElsewhere(master: number, matches: (link: Link) => boolean): LinkElsewhere | undefined;
  /** Whoever opens it closes it; it outlives the handle. */
  openPacketSocket(options: PacketSocketOptions): PacketSocket;
  /** Opened at first use. */
  readonly nftables: Nftables;
  /** Opened at first use. */
  readonly conntrack: Conntrack;
  close(): void;
}

/** A link of another network namespace. */
export interface LinkElsewhere {
  readonly link: Link;
  /** Where that namespace is: `/run/netns/blue`, `/proc/1234/ns/net`. */
  readonly path: string;
}

/** What the kernel says of a link. */
export interface Link {
  /** From 1. */
  readonly index: number;
  readonly name: string;
  /** Lower case, colon separated; absent for links without a hardware address. */
  readonly mac?: string;
  readonly mtu: number;
  readonly up: boolean;
  readonly loopback: boolean;
  /** How many times promiscuous mode was asked for (IFLA_PROMISCUITY). */
  readonly promiscuity: number;
  /** All multicast frames are received because somebody asked for it (IFF_ALLMULTI). */
  readonly allMulticast: boolean;
  readonly operState: OperState;
  /** ifindex of the master (IFLA_MASTER), e.g. the bridge it is a port of. */
  readonly master?: number;
  /** ifindex of the peer or lower link (IFLA_LINK), in the namespace IFLA_LINK_NETNSID names. */
  readonly parent?: number;
  /** The namespace `parent` is in, as `Links.namespaceId` numbers it; absent when it is this one. */
  readonly parentNamespaceId?: number;
  readonly group: number;
  readonly alias?: string;
  readonly txQueueLength?: number;
  /** IFLA_INFO_KIND, whatever it is; absent for physical links. */
  readonly kind?: string;
  /** The same kind with its settings (IFLA_INFO_DATA), where netlink/link-kinds has a table for it. */
  readonly info?: LinkInfo;
  /** Decoded IFLA_INFO_SLAVE_DATA when the link is a bridge port. */
  readonly bridgePort?: BridgePort;
}

export type OperState =
  | "unknown" | "notpresent" | "down" | "lowerlayerdown" | "testing" | "dormant" | "up";

export interface BridgePort {
  readonly hairpin: boolean;
  readonly isolated: boolean;
}

/** A link to be created; absent fields are left to the kernel. */
export interface NewLink {
  readonly name: string;
  readonly info: LinkInfo;
  readonly mtu?: number;
  readonly mac?: string;
  readonly txQueueLength?: number;
  readonly master?: number;
  /** ifindex of the lower link, in `parentNamespace` when given, else in the namespace the request goes to. */
  readonly parent?: number;
  readonly parentNamespace?: Namespace;
}

/** Changes to a link; absent fields stay as they are. */
export interface LinkChanges {
  readonly name?: string;
  readonly up?: boolean;
  readonly mtu?: number;
  readonly mac?: string;
  readonly promiscuous?: boolean;
  readonly allMulticast?: boolean;
  readonly txQueueLength?: number;
  /** 0 clears the master. */
  readonly master?: number;
  /** "" clears the alias. */
  readonly alias?: string;
  /** Moves the link to that namespace, where the kernel gives it an index anew unless the old one is free. */
  readonly namespace?: Namespace;
}

/**
 * Names and indexes are interchangeable: a string is a name, a number an ifindex; alternative names count as names.
 * Missing links throw NetlinkError ENODEV.
 */
export interface Links {
  get(link: number | string): Link;
  find(link: number | string): Link | undefined;
  list(): readonly Link[];
  /** The number by which this namespace knows another; undefined while nothing has asked the kernel for one. */
  namespaceId(namespace: Pick<Namespace, "path" | "fd">): number | undefined;
  /**
   * Creates (CREATE | EXCL) and returns nothing: read the link back when its index is needed. EEXIST when the name is
   * taken.
   */
  add(link: NewLink): void;
  set(index: number, changes: LinkChanges): void;
  setBridgePort(index: number, changes: Partial<BridgePort>): void;
  /** Changes settings of the link's kind; absent ones stay as they are. */
  setInfo(index: number, info: LinkInfo): void;
  /** Done when nobody sees the link any more; the kernel may yet be clearing up after it. */
  delete(index: number): Promise<void>;
  /**
   * Deletes all of them in one request (one RCU wait), through a link group nothing else uses. Missing ones are
   * skipped.
   */
  deleteAll(indexes: readonly number[]): Promise<void>;
}

/** What the kernel says of one address on a link. */
export interface LinkAddress extends Prefix {
  readonly index: number;
  /** rtnetlink scope: 0 global, 253 link, 254 host. */
  readonly scope: number;
  /** The other end of a point-to-point address, whose prefix then is `prefixBits` long. */
  readonly peer?: Address;
  readonly broadcast?: Address;
  /** IPv4 only: the link's name, with a suffix where somebody gave it one. */
  readonly label?: string;
  readonly tentative: boolean;
  readonly dadFailed: boolean;
  /** Not one that the kernel made of a router's advertisement, and that it takes away when its time is over. */
  readonly permanent: boolean;
  /** Added without looking for duplicates. */
  readonly noDad: boolean;
  /** Added without the route to its network. */
  readonly noPrefixRoute: boolean;
}

export interface AddressOptions {
  /** IPv4 only; the kernel computes none. */
  readonly broadcast?: Address;
  /** rtnetlink scope; absent: global. */
  readonly scope?: number;
  readonly peer?: Address;
  readonly label?: string;
  /** IPv6 only: can be used at once. */
  readonly noDad?: boolean;
  readonly noPrefixRoute?: boolean;
}

export interface Addresses {
  /** The addresses of one link, or of all links when no index is given; primary first. */
  list(index?: number): readonly LinkAddress[];
  /** EEXIST when present. `broadcast` is computed by the caller. */
  add(index: number, address: Prefix, options?: AddressOptions): void;
  delete(index: number, address: Prefix): void;
}

/** A route; `dst` with 0 prefix bits is the default route, table 254 is main, scope and protocol as in rtnetlink. */
export interface KernelRoute {
  readonly dst: Prefix;
  readonly gateway?: Address;
  /** Output link. */
  readonly index?: number;
  /** Preferred source. */
  readonly source?: Address;
  readonly table: number;
  readonly metric?: number;
  readonly scope: number;
  readonly protocol: number;
  /** rtm_type: 1 unicast, 2 local ... */
  readonly type: number;
  /** The gateway is taken to be on the link, whatever its address (RTNH_F_ONLINK); absent: false. */
  readonly onLink?: boolean;
  readonly mtu?: number;
  readonly advmss?: number;
}

export interface NewRoute {
  readonly dst: Prefix;
  readonly gateway?: Address;
  readonly index?: number;
  readonly source?: Address;
  readonly table?: number;
  readonly metric?: number;
  /** Absent: for IPv4 without a gateway link (253), or host (254) of type local; else global (0): as `ip` chooses. */
  readonly scope?: number;
  /** RTPROT_*; absent: boot (3). */
  readonly protocol?: number;
  /** RTN_*; absent: unicast (1). Blackhole (6), unreachable (7), prohibit (8) and throw (9) have no link. */
  readonly type?: number;
  readonly onLink?: boolean;
  readonly mtu?: number;
  readonly advmss?: number;
}

export interface Routes {
  /**
   * All routes of a family, narrowed by output link and table; local and broadcast routes only when the table is 255.
   */
  list(family: 4 | 6, filter?: { readonly index?: number; readonly table?: number }): readonly KernelRoute[];
  /**
   * CREATE without EXCL or REPLACE: equal IPv6 routes become multipath, an identical IPv4 route is EEXIST. Protocol
   * boot.
   */
  add(route: NewRoute): void;
  replace(route: NewRoute): void;
  delete(route: NewRoute): void;
  /**
   * Takes an entry of `list` away: that very route, or one gateway of a multipath route, whose others stay. ESRCH when
   * it is gone.
   */
  deleteListed(route: KernelRoute): void;
  /** The route the kernel would take to `to` (RTM_GETROUTE for one destination); undefined when unreachable. */
  lookup(to: Address): KernelRoute | undefined;
}

/** VLAN ids on bridge ports and bridges (AF_BRIDGE, IFLA_BRIDGE_VLAN_INFO). */
export interface BridgeVlans {
  list(index: number): readonly BridgeVlan[];
  /** On the master side of a port: what its bridge lets through there. */
  add(index: number, vlan: BridgeVlan): void;
  delete(index: number, id: number): void;
}

export interface BridgeVlan {
  readonly id: number;
  readonly pvid: boolean;
  readonly untagged: boolean;
}

/** Files below /proc/sys, read and written inside the namespace. Names are paths: `net/ipv4/ip_forward`. */
export interface Sysctl {
  /** Without the final newline. */
  get(name: string): string;
  set(name: string, value: string): void;
  /** Sets it and returns what it was. */
  swap(name: string, value: string): string;
  /** Sets those that this namespace has and lets us: a family may be off in it, and /proc/sys read-only. */
  setPossible(settings: Readonly<Record<string, string>>): void;
}
