/** The running kernel: network namespaces as handles for links, addresses, routes, VLANs, sysctls and nftables. */
export type * from "./namespace.ts";
export type * from "./nftables.ts";
export type * from "./conntrack.ts";
