/**
 * Addresses that are given out: ranges, the contract that every store of reservations keeps, and the one procedure that
 * reserves: somebody decides, the store commits.
 */
export type { EtcdServers, KubernetesServer, NodeStores, StoreChoice } from "./choice.ts";
export type { AllocateDecision, AllocateRequest, Hold, NodeIdentity, OfferedRange, Pod } from "./decision.ts";
export { claimKey, claimOfKey, ownerKeyOf } from "./leases.ts";
export type {
  Claimant, CommitOutcome, CommitRequest, KeptForClaim, Lease, LeaseStore, LeaseTurn, LeaseView, ListedLease, NewLease,
  Reclaimable, Reclaimed, Slicing, StoreNode, Survey, ViewRequest,
} from "./leases.ts";
export { asksForNodeSubnet, familyMeant, withNodeSubnets } from "./node-subnets.ts";
export type { ClusterChoice, NodeSubnets } from "./node-subnets.ts";
export { normaliseRangeSets, refuseOverlappingSets, spanHolds } from "./ranges.ts";
export type { PoolRange, RangeConf, RangeSet } from "./ranges.ts";
export { heldUntil, sortHolds, takenViews, withoutAddresses } from "./views.ts";
export type { HeldAddress } from "./views.ts";
export { reserve } from "./reserve.ts";
export {
  addressAt, addressId, addressOfId, blockAddresses, blockStart, cursorsFromJson, cursorsToJson, emptyBlock, offsetOf,
} from "./blocks/block.ts";
export type { Block } from "./blocks/block.ts";
export { openBlockLeases } from "./blocks/block-leases.ts";
export { judge, judgeBlocks, judgeKept, usualGraceMs } from "./blocks/collection.ts";
export type { BlockVerdict, Evidence, KeptVerdict, Verdict } from "./blocks/collection.ts";
export { noRoom } from "./blocks/engine.ts";
export type { BlockChange, BlockEngine, PendingRelease, ReleaseJournal, SeenBlock } from "./blocks/engine.ts";
export { entryFromJson, entryToJson, keyOf, unreadable, withoutEnd } from "./blocks/entry.ts";
export type { Entry } from "./blocks/entry.ts";
export { RecalledBlocks } from "./blocks/recalled.ts";
export { takeOver } from "./blocks/take-over.ts";
export type { Fate, Foreign, TakenOver } from "./blocks/take-over.ts";
