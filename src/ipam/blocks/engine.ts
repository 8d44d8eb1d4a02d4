import { CniError, code } from "../../cni/index.ts";
import type { Claimant } from "../leases.ts";
import type { Hold } from "../decision.ts";
import type { Block } from "./block.ts";

/** A block as an engine gave it, with what tells the engine whether it is still so. */
export interface SeenBlock extends Block {
  readonly stamp: unknown;
}

export interface BlockChange {
  /** undefined: there was none. */
  readonly before: SeenBlock | undefined;
  readonly after: Block;
}

/**
 * Something that keeps blocks for several nodes: the cluster's API, etcd. It decides nothing; it only promises that a
 * change is made when nothing of what it rests on has changed since it was read.
 *
 * Failures are CniError: 11 (no answer in time, worth another try), 5 and 120 (refused), 7 (its configuration).
 */
export interface BlockEngine {
  /** Its name and its servers, for messages. */
  readonly place: string;
  /** What concerns a node or the owner keys: blocks of the node, and with entries of them. More is no harm. */
  readFor(scope: string, who: Concerned): Promise<readonly SeenBlock[]>;
  /**
   * What a read of the node, and changes after it, have left there, as far as this process has made them. It may be
   * behind. undefined: nothing is known, or it is too old.
   */
  recall?(scope: string, node: string): readonly SeenBlock[] | undefined;
  /** Those of these ids that are there. */
  readSome(scope: string, ids: readonly string[]): Promise<readonly SeenBlock[]>;
  readAll(scope: string): Promise<readonly SeenBlock[]>;
  /** All or none; false: something has changed since it was read. After an error it may have been written. */
  write(scope: string, changes: readonly BlockChange[]): Promise<boolean>;
  /** Nothing of a node's is left: what else is kept of it may go. Absent: nothing is. */
  forget?(scope: string, node: string): Promise<void>;
  /** Blocks that an edit has taken something away from by which they are found; absent: there is nothing such. */
  misfiled?(scope: string): Promise<readonly SeenBlock[]>;
  /** Makes such a one findable again; false: somebody has written it meanwhile. */
  refile?(scope: string, block: SeenBlock): Promise<boolean>;
  /** undefined when an ADD could be served, else why not. */
  status(): Promise<string | undefined>;
  /** Drops connections, those in use too. */
  close?(): void;
}

export interface Concerned {
  readonly node: string;
  readonly keys: readonly string[];
}

/** The cause of the error that an engine without room for more gives: it still takes deletions. */
export const noRoom = "no room";

/** Releases that an engine could not be told of, kept on this node until it can. */
export interface ReleaseJournal {
  /** Those of a scope, oldest first. */
  pending(scope: string): readonly PendingRelease[];
  add(release: PendingRelease): void;
  done(release: PendingRelease): void;
  /** This engine has nothing of it: it is not pending here any more, and may be elsewhere. */
  passOn(release: PendingRelease): void;
}

export interface PendingRelease {
  readonly scope: string;
  readonly owner: Claimant;
  readonly holds: readonly Hold[];
  /** Only what was taken with it; absent: all that the owner has. */
  readonly ticket?: string;
  /**
   * Noted of an engine of that kind by another name: a configuration may call it otherwise by now, or mean another
   * one.
   */
  readonly isOfAnother?: boolean;
}

/** Whether there was no answer in time: what was asked for may have been done. */
export function isAway(error: unknown): boolean {
  return error instanceof CniError && error.code === code.tryAgainLater && error.cause !== noRoom;
}

/** More conflicts in a row than ever come of others' haste. */
export const triesMax = 32;
/** The longest pause after a conflict, before it is looked at again. */
export const pauseMs = 50;

export function restless({ place }: BlockEngine, act: string): CniError {
  return new CniError(
    code.tryAgainLater,
    `Cannot ${act}: others have changed the same blocks in ${place} each of ${triesMax} times, expected a quieter ` +
      "moment",
  );
}
