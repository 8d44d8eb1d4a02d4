/** Netlink as values: bytes to values and back, one table per kernel object; pure. */
export type { Expression, NftFamily } from "./nftables/index.ts";
export * as nft from "./nftables/index.ts";
