/**
 * The running kernel: network namespaces as handles for links, addresses, routes, VLANs, sysctls, nftables and
 * conntrack, over netlink sockets of our own; and the few other things we ask of the C library, file locks among them.
 */
export type {
  Namespace, Link, NewLink, LinkChanges, Links, LinkAddress, KernelRoute, NewRoute, BridgeVlan,
} from "./namespace.ts";
export type { Rule } from "./rtnetlink/rules.ts";
export type { QdiscPlace } from "./rtnetlink/qdiscs.ts";
export type { ForwardingEntry } from "./rtnetlink/neighbours.ts";
export { isReachable } from "./rtnetlink/neighbours.ts";
export type { WholeState } from "./rtnetlink/whole-state.ts";
export { openWholeState } from "./rtnetlink/whole-state.ts";
export type { WholeAddress } from "./rtnetlink/whole-addresses.ts";
export { factsOfAddress } from "./rtnetlink/whole-addresses.ts";
export type { WholeRoute } from "./rtnetlink/whole-routes.ts";
export { factsOfRoute, relinked } from "./rtnetlink/whole-routes.ts";
export type { NftRule, Nftables, WholeNftRule } from "./netfilter/nftables.ts";
export type { OriginalPorts } from "./netfilter/conntrack.ts";
export { udpPortFilter } from "./packet-filter.ts";
export type { PacketSocket, ReceivedPacket } from "./packet-socket.ts";
export type { LinkInfo, LinkKind, LinkSettings, TokenBucket } from "../netlink/index.ts";
export { openNewNamespace, openOwnNamespace, openNamespace, openNamespaceIfPresent } from "./namespace-handle.ts";
export type { NamespaceOptions } from "./namespace-handle.ts";
export { isOwnNetns, leftoverOfNetns } from "./netns.ts";
export { NetlinkError, isErrno } from "./netlink-error.ts";
