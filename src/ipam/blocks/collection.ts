import type { ListedLease } from "../leases.ts";

/** What decides about a lease: who may speak, and how old it must be. */
export interface CollectionRules {
  /** Only its own leases does a node collect: what runs on others it cannot know. */
  readonly node: string;
  readonly nowMs: number;
  /** Younger ones stay: the evidence may be older than they are. Longer than any ADD takes. */
  readonly graceMs?: number;
  /** Of the scope's leases, the most that go in one run; 1 for all. */
  readonly share?: number;
  /** What is known of the owner of each. */
  readonly evidence: (lease: ListedLease) => Evidence;
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
  { node, nowMs, graceMs = usualGraceMs, share = usualShare, evidence }: CollectionRules,
): readonly Verdict[] {
  const most = Math.max(alwaysAllowed, Math.floor(listed.length * share));
  let count = 0;
  return listed.map((lease): Verdict => {
    const stays = (reason: string): Verdict => ({ lease, isCollected: false, reason });
    if (lease.owner.node !== node) return stays(`it is of node "${lease.owner.node}"`);
    const { isGone, reason } = evidence(lease);
    if (!isGone) return stays(reason);
    // A clock that was set back makes leases of the future: those are young.
    const ageMs = lease.sinceMs === undefined ? graceMs : nowMs - lease.sinceMs;
    if (ageMs < graceMs) return stays(`it is younger than ${graceMs / 1000} s`);
    if (share < 1 && count >= most) return stays(`${most} of ${listed.length} go in one run already`);
    count++;
    return { lease, isCollected: true, reason };
  });
}
