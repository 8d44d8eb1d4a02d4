/**
 * The running kernel: network namespaces as handles for links, addresses, routes, VLANs, sysctls, nftables and
 * conntrack, over netlink sockets of our own; and the few other things we ask of the C library, file locks among them.
 */
export type { BridgeVlan, KernelRoute, Link, LinkAddress, Links, Namespace, NewLink, NewRoute } from "./namespace.ts";
export type { NftRule, Nftables } from "./nftables.ts";
export type { LinkInfo, LinkKind, LinkSettings } from "../netlink/index.ts";
export { openNamespace, openNamespaceIfPresent, openOwnNamespace } from "./namespace-handle.ts";
export { isOwnNetns } from "./netns.ts";
export { isErrno, NetlinkError } from "./netlink-error.ts";
