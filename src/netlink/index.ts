/**
 * Netlink bytes as values, and back; pure. Tables say what a message holds (`attrs`, `struct`, scalars named by their
 * byte order), one file per kernel object. Nothing here opens a socket.
 */
export * from "./payload.ts";
export * from "./scalars.ts";
export * from "./struct.ts";
export * from "./ip.ts";
export * from "./attrs.ts";
export * from "./message.ts";
export * from "./ifinfomsg.ts";
export * from "./link.ts";
export * from "./link-kinds/index.ts";
export * from "./netns-id.ts";
export * from "./address.ts";
export * from "./route.ts";
export * from "./bridge-vlan.ts";
export type { BaseChain, ChainName, Expression, NftChange, NftFamily } from "./nftables/index.ts";
export * as nft from "./nftables/index.ts";
export * from "./nfnetlink.ts";
export * from "./conntrack.ts";
