import type { KeptForClaim, ListedLease, OwnedBlock } from "../leases.ts";

/** What decides about a lease: who may speak, and how old it must be. */
export interface CollectionRules {
  /** Who collects: what runs on other nodes it does not see. */
  readonly node: string;
  readonly nowMs: number;
  /** Younger ones stay: the evidence may be older than they are. Longer than any ADD takes. */
  readonly graceMs?: number;
  /** Of the scope's leases, the most that go in one run; 1 for all. */
  readonly share?: number;
  /** What is known of the owner of each of its own. */
  readonly evidence: (lease: ListedLease) => Evidence;
  /** The same of other nodes'; absent: nothing, and they stay. */
  readonly others?: (lease: ListedLease) => Evidence;
}

/** Whether an owner is known to be gone, and how. Nobody knowing of it is no evidence. */
export interface Evidence {
  readonly isGone: boolean;
  /** For people: `its container is there`. */
  readonly reason: string;
}

export const usualGraceMs = 3 * 60_000, usualShare = 0.5;
/** Of so few leases all may go: half of them would keep a small pool from ever being cleaned. */
const alwaysAllowed = 8;

export interface Verdict {
  readonly lease: ListedLease;
  readonly isCollected: boolean;
  /** For people: why it stays or goes. */
  readonly reason: string;
}

/**
 * Which of the leases of a scope go. They were listed before the evidence was gathered, except where that came with the
 * call: then the grace keeps what is younger. What stays without need goes in the next run; what goes
 * without right is two owners of one address.
 */
export function judge(
  listed: readonly ListedLease[],
  { node, nowMs, graceMs = usualGraceMs, share = usualShare, evidence, others = unknown }: CollectionRules,
): readonly Verdict[] {
  const most = Math.max(alwaysAllowed, Math.floor(listed.length * share));
  let count = 0;
  return listed.map((lease): Verdict => {
    const stays = (reason: string): Verdict => ({ lease, isCollected: false, reason });
    const { isGone, reason } = lease.owner.node === node ? evidence(lease) : others(lease);
    if (!isGone) return stays(reason);
    // A clock that was set back makes leases of the future: those are young.
    const ageMs = lease.sinceMs === undefined ? graceMs : nowMs - lease.sinceMs;
    if (ageMs < graceMs) return stays(`it is younger than ${graceMs / 1000} s`);
    if (share < 1 && count >= most) return stays(`${most} of ${listed.length} go in one run already`);
    count++;
    return { lease, isCollected: true, reason };
  });
}

function unknown({ owner: { node } }: ListedLease): Evidence {
  return { isGone: false, reason: `it is of node "${node}"` };
}

/** What becomes of an address that waits for a claim. */
export interface KeptVerdict {
  readonly kept: KeptForClaim;
  readonly isCollected: boolean;
  readonly reason: string;
}

/** What waits for a claim that is gone waits for nobody; a claim was there before anything was kept for it. */
export function judgeKept(
  kept: readonly KeptForClaim[], evidence: (claim: string) => Evidence,
): readonly KeptVerdict[] {
  return kept.map((one) => {
    const { isGone, reason } = evidence(one.claim);
    return { kept: one, isCollected: isGone, reason };
  });
}

/** What becomes of a block of another node. */
export interface BlockVerdict {
  readonly block: OwnedBlock;
  readonly isGivenBack: boolean;
  readonly reason: string;
}

/**
 * Which blocks become nobody's: those of nodes that are gone, and of which every lease goes. Nothing is said of blocks
 * of nodes of which nothing is known to be amiss.
 *
 * @param evidence  of a node; undefined: it is there, or nobody can tell
 */
export function judgeBlocks(
  blocks: readonly OwnedBlock[], verdicts: readonly Verdict[], evidence: (node: string) => Evidence | undefined,
): readonly BlockVerdict[] {
  return blocks.flatMap((block): readonly BlockVerdict[] => {
    const found = evidence(block.node);
    if (found === undefined) return [];
    const left = verdicts.filter(({ lease, isCollected }) => lease.owner.node === block.node && !isCollected).length;
    const stays = (reason: string): readonly BlockVerdict[] => [{ block, isGivenBack: false, reason }];
    if (!found.isGone) return stays(found.reason);
    if (left > 0) return stays(`${found.reason}, and ${left} ${left === 1 ? "address" : "addresses"} of it stay`);
    return [{ block, isGivenBack: true, reason: found.reason }];
  });
}
