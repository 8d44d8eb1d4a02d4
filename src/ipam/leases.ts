import type { Address, Span, TakenView } from "../net/index.ts";

/** Who holds an address: an interface of a container. */
export interface Owner {
  readonly containerId: string;
  readonly ifName: string;
}

/** A reservation of one network. `owner.ifName` is "" where an old file holds a container id alone. */
export interface Lease {
  readonly address: Address;
  readonly owner: Owner;
}

/** A lease as `list` saw it; `version` changes whenever somebody writes the entry anew. */
export interface ListedLease extends Lease {
  readonly version: string;
}

export interface ViewRequest {
  readonly owner: Owner;
  readonly spans: readonly Span[];
  /** Addresses never to be given out, span by span: gateways, and what just lost a commit. */
  readonly reserved: readonly (readonly Address[])[];
  /** How many range sets there are: cursors 0 to `sets` - 1 are read. */
  readonly sets: number;
  /** Who asks, where addresses may be held for it; absent: whatever is held is taken. */
  readonly ownerKey?: string;
  /** How many of others' holds, oldest first, give way: a hold never exhausts a range. */
  readonly yielding?: number;
}

export interface LeaseView {
  /** One for every span asked for, in order. */
  readonly views: readonly TakenView[];
  /** What the owner holds in this scope already. */
  readonly mine: readonly Address[];
  /** The address each range set gave out last; undefined when nobody knows. */
  readonly cursors: readonly (Address | undefined)[];
  /** What is held for the owner key. */
  readonly held: readonly Address[];
  /** How many addresses of the spans are held for others. */
  readonly heldForOthers: number;
}

/** Addresses to be held once they are released. */
export interface HoldRequest {
  readonly ownerKey: string;
  readonly holds: readonly { readonly address: Address; readonly seconds: number }[];
}

/** An address to reserve, and the range set whose cursor moves to it. */
export interface NewLease {
  readonly address: Address;
  readonly set: number;
}

export type CommitOutcome =
  | { readonly committed: true }
  | { readonly committed: false; readonly conflicts: readonly Address[] };

/** Why an address may not be collected, or that it may. */
export type IsValid = (lease: Lease) => boolean;

/**
 * Address reservations. A *scope* is a name inside which an address has at most one owner: the network's name.
 *
 * A view may be stale: `commit` decides, all of the addresses or none. Releasing compares and deletes, so that an
 * address given to somebody else meanwhile stays theirs.
 * An *owner key* outlives its containers: the pod's name and the interface's, for which released addresses may be held.
 * Failures are CniError 5 (path) and 11 (lock not had in time).
 */
export interface LeaseStore {
  /**
   * Runs `work` while no other process decides or releases in the scope, as far as the store can promise that.
   * Without it, concurrent commits are still exact; they only conflict more often. Calls do not nest.
   */
  exclusively<T>(scope: string, work: () => T | Promise<T>): Promise<T>;
  view(scope: string, request: ViewRequest): LeaseView;
  /** Inside `exclusively`. */
  commit(scope: string, leases: readonly NewLease[], owner: Owner): CommitOutcome;
  /** Gives up everything the owner has in the scope; [] when that is nothing. Of that, some may be held for its key. */
  release(scope: string, owner: Owner, hold?: HoldRequest): Promise<readonly Address[]>;
  /** The leases of the scope, or of one owner in it. */
  list(scope: string, owner?: Owner): readonly ListedLease[];
  /** Deletes the listed leases that are not valid and still as listed; says which. */
  collect(scope: string, listed: readonly ListedLease[], isValid: IsValid): Promise<readonly Address[]>;
  /** undefined when an ADD could be served, else why not. */
  status(): string | undefined;
}
