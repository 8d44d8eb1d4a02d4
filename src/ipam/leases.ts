import type { Address, Prefix, Span, TakenView } from "../net/index.ts";
import type { Hold, Pod } from "./decision.ts";

/** Who holds an address: an interface of a container. */
export interface Owner {
  readonly containerId: string;
  /** "" where an entry of old holds a container id alone: then it stands for any interface. */
  readonly ifName: string;
  /** Name of the node the container runs on. */
  readonly node: string;
  /** Which boot of that node it was made in; "" where nobody wrote it down. */
  readonly bootId: string;
  readonly pod?: Pod;
  /** Where several networks share the scope: the one it was given for. */
  readonly network?: string;
  /** `namespace/name` of the IPAMClaim that it is recorded in: it stays the claim's when the container goes. */
  readonly claim?: string;
}

/** Who asks for addresses or gives them up: an interface of a container on the node that the store was opened for. */
export type Claimant = Pick<Owner, "containerId" | "ifName" | "pod" | "network" | "claim">;

/** What a store knows of the node that it was opened for. */
export interface StoreNode {
  readonly name: string;
  /** Another one after each start of the machine. */
  readonly bootId: string;
}

/** A reservation. */
export interface Lease {
  readonly address: Address;
  readonly owner: Owner;
}

/** A lease as it was seen; `version` changes whenever somebody writes the entry anew. */
export interface ListedLease extends Lease {
  readonly version: string;
  /** When it was made, milliseconds since 1970 by the clock of its node, where the store knows. */
  readonly sinceMs?: number;
}

export interface ViewRequest {
  readonly owner: Claimant;
  readonly spans: readonly Span[];
  /** Addresses never to be given out, span by span: gateways, and what just lost a commit. */
  readonly reserved: readonly (readonly Address[])[];
  /** How many range sets there are: cursors 0 to `sets` - 1 are read. */
  readonly sets: number;
  /** How many of others' holds, oldest first, give way: a hold never exhausts a range. */
  readonly yielding?: number;
  /** Addresses that are asked for by name: the views tell of them as they are, whatever else they leave out. */
  readonly wanted?: readonly Address[];
  /** Everything is to be seen: what was left out of a narrowed view may be what is looked for. */
  readonly widely?: boolean;
  /**
   * What the interface holds counts as stale, and so does what an earlier container of the same pod, by its UID, has
   * for that interface on this node: a sandbox that came anew without a DEL between. Stores in files know nothing of
   * it.
   */
  readonly supersedes?: boolean;
}

export interface LeaseView {
  /** One for every span asked for, in order. */
  readonly views: readonly TakenView[];
  /** What the owner holds in this scope already. */
  readonly mine: readonly Address[];
  /** What it held when its node was started last: free to it, and to be given up by its next commit. */
  readonly stale: readonly ListedLease[];
  /** What its owner key had last: a wish, since others may have it by now. Nothing without a name to remember by. */
  readonly remembered: readonly Address[];
  /** What is held for its owner key. */
  readonly held: readonly Address[];
  /** How many addresses of the spans are held for others. */
  readonly heldForOthers: number;
  /** The address each range set gave out last; undefined when nobody knows. */
  readonly cursors: readonly (Address | undefined)[];
  /**
   * Some free addresses are shown as taken, so that nodes keep out of each other's way; every span that has a free
   * address shows one all the same.
   */
  readonly narrowed?: boolean;
}

/** An address to reserve, and the range set whose cursor moves to it, if any does. */
export interface NewLease {
  readonly address: Address;
  readonly set?: number;
}

export interface CommitRequest {
  readonly owner: Claimant;
  readonly leases: readonly NewLease[];
  /** What a view called stale: given up in the same step, where it is still as it was seen. */
  readonly stale: readonly ListedLease[];
}

export type CommitOutcome =
  | { readonly committed: true }
  | { readonly committed: false; readonly conflicts: readonly Address[] };

/** A range that is cut into equal slices, one a node. */
export interface Slicing {
  readonly cidr: Prefix;
  /** Prefix length of one slice: at least that of the range, and a block at the smallest. */
  readonly sliceBits: number;
}

/** All that a store which nodes share keeps in a scope, as it was seen. */
export interface Survey {
  readonly leases: readonly ListedLease[];
  readonly kept: readonly KeptForClaim[];
  /** Blocks that are a node's, whatever is taken of them. */
  readonly blocks: readonly OwnedBlock[];
}

/** An address that nobody has, and that waits for an IPAMClaim without an end. */
export interface KeptForClaim {
  readonly address: Address;
  /** `namespace/name`. */
  readonly claim: string;
  readonly version: string;
}

export interface OwnedBlock {
  readonly first: Address;
  readonly node: string;
}

/** Of a survey, what is known to be nobody's any more. */
export interface Reclaimable {
  /** Of whichever node. */
  readonly leases?: readonly ListedLease[];
  readonly kept?: readonly KeptForClaim[];
  /** Their blocks become nobody's, where no lease of them is left. */
  readonly nodes?: readonly string[];
}

export interface Reclaimed {
  readonly addresses: readonly Address[];
  /** The first address of each block that has become nobody's. */
  readonly blocks: readonly Address[];
}

/** Whether the owner of a lease is still there. */
export type IsValid = (lease: Lease) => boolean;

/**
 * Address reservations, opened for one node. A *scope* is a name inside which an address has at most one owner: the
 * network's name, unless its configuration names a wider one.
 *
 * A view may be behind: `commit` decides, all of the addresses or none. Releasing compares and deletes in one step, so
 * that an address given to somebody else meanwhile stays theirs. Nothing here touches what another node holds: two
 * containers of one id on two nodes are two owners.
 * An *owner key* outlives containers: see `ownerKeyOf`. Released addresses may be held for it.
 *
 * Failures are CniError 5 (naming what could not be read or written) and 11 (not had in time, worth another try).
 */
export interface LeaseStore {
  /** Where it is, for messages: a directory, or the name of an engine and its servers. */
  readonly place: string;
  /**
   * Runs `work` while nobody else decides or releases in the scope, as far as the store can promise that. Without it,
   * concurrent commits are still exact; they only conflict more often. Turns do not nest, and end with `work`.
   */
  exclusively<T>(scope: string, work: (turn: LeaseTurn) => Promise<T>): Promise<T>;
  /** Gives up everything the owner has in the scope; [] when that is nothing. Of that, some may be held for its key. */
  release(scope: string, owner: Claimant, holds?: readonly Hold[]): Promise<readonly Address[]>;
  /** The leases of the scope, all nodes' where the store spans them, or those of one owner in it. */
  list(scope: string, owner?: Claimant): Promise<readonly ListedLease[]>;
  /**
   * Deletes those of the listed leases that are this node's, not valid, and still as listed; says which.
   * Evidence is to be gathered after the listing, or an owner that came in between is taken for gone.
   */
  collect(scope: string, listed: readonly ListedLease[], isValid: IsValid): Promise<readonly Address[]>;
  /** undefined when an ADD could be served, else why not. */
  status(): Promise<string | undefined>;
  /** What is this node's of the scope; no other's is read. Absent, as the next ones: the store is this node's alone. */
  own?(scope: string): Promise<readonly ListedLease[]>;
  /**
   * The first addresses of blocks whose leases are not found by their owners, since somebody has edited what they are
   * found by: DEL and GC pass them over.
   *
   * @param isDry  what would be put right
   */
  refile?(scope: string, isDry: boolean): Promise<readonly Address[]>;
  /** All of the scope. */
  survey?(scope: string): Promise<Survey>;
  /** Gives up what is as it was surveyed, whosever it is: whoever asks knows who is gone. */
  reclaim?(scope: string, what: Reclaimable): Promise<Reclaimed>;
  /**
   * The number of the slice of these ranges that is this node's in the scope, claimed when it has none.
   */
  slice?(scope: string, slicings: readonly Slicing[]): Promise<number>;
}

/** What may be asked for and changed in a scope while it is one's turn. */
export interface LeaseTurn {
  view(request: ViewRequest): Promise<LeaseView>;
  commit(request: CommitRequest): Promise<CommitOutcome>;
}

/**
 * Who an interface is across restarts of its container: its IPAMClaim, else the pod's name and its own, without a pod
 * the container's id. A container engine without pods gives a name and no namespace.
 */
export function ownerKeyOf({ containerId, ifName, pod, claim }: Claimant): string {
  if (claim !== undefined) return claimKey(claim);
  return pod === undefined ? `${containerId.trim()}/${ifName}` : `${pod.namespace}/${pod.name}/${ifName}`;
}

/** No namespace has a colon: no other key is like it. */
export function claimKey(claim: string): string {
  return `claim:${claim}`;
}

/** The claim of an owner key; undefined for a key of something else. */
export function claimOfKey(key: string): string | undefined {
  return key.startsWith("claim:") ? key.slice("claim:".length) : undefined;
}
