/**
 * Leases in etcd: its JSON gateway, and blocks of addresses as keys of it. Loaded late: only networks whose addresses
 * are kept there need it.
 */
export { openEtcdBlocks } from "./blocks.ts";
