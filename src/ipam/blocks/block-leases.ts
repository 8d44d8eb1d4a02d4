import { CniError, messageOf } from "../../cni/index.ts";
import type { Address } from "../../net/index.ts";
import type { IsValid, LeaseStore, ListedLease } from "../leases.ts";
import type { Seen } from "./changes.ts";
import { giving } from "./changes.ts";
import type { PendingRelease, SeenBlock } from "./engine.ts";
import { isAway, noRoom, pauseMs, restless, triesMax } from "./engine.ts";
import { reclaim, surveyOf } from "./reclaiming.ts";
import { claimSlice } from "./slices.ts";
import type { Found } from "./sight.ts";
import { activeIn, isOwners, toListed } from "./sight.ts";
import { inTurn } from "./together.ts";
import type { TurnOptions } from "./turn.ts";
import { Turn } from "./turn.ts";

export interface BlockLeasesOptions extends TurnOptions {
  /** Keeps others of this node waiting while `work` runs: they would only conflict. */
  readonly alone: <T>(scope: string, work: () => Promise<T>) => Promise<T>;
  /** Where the journal is, and the lock: callers with another one have a turn of their own. */
  readonly home?: string;
  /** A line for people. */
  readonly tell: (line: string) => void;
}

/**
 * Reservations in blocks that nodes share: each allocates from its own blocks, claims free ones, then borrows from
 * others'. Only the engine's compare-and-swap decides who has an address; whose a block is only keeps nodes apart.
 * What callers of one process who wait for each other have decided is written in one step (together.ts).
 *
 * What cannot be released because the engine is away is written into the journal, and released before this node asks
 * for anything else of that scope.
 */
export function openBlockLeases(options: BlockLeasesOptions): LeaseStore {
  const { engine, node, alone, home } = options;
  return {
    place: engine.place,
    exclusively: async (scope, work) => await inTurn({ engine, scope, home, alone,
      begin: async () => await drain(options, scope),
      work: async (together) => await work(new Turn(options, scope, together)),
    }),
    async release(scope, owner, holds = []) {
      return await alone(scope, async () => await releaseOrNote(options, { scope, owner, holds }));
    },
    async list(scope, owner) {
      const blocks = owner === undefined
        ? await engine.readAll(scope) : await engine.readFor(scope, { node: node.name, keys: [] });
      return activeIn(blocks, owner === undefined ? undefined : isOwners(owner, node)).map(toListed);
    },
    async collect(scope, listed, isValid) {
      return await alone(scope, async () => {
        await drain(options, scope);
        return await collect(options, scope, listed, isValid);
      });
    },
    status: async () => await engine.status(),
    own: async (scope) => {
      const blocks = await engine.readFor(scope, { node: node.name, keys: [] });
      return activeIn(blocks, ({ entry }) => entry.owner.node === node.name).map(toListed);
    },
    refile: async (scope, isDry) => {
      const lost = await engine.misfiled?.(scope) ?? [], done: Address[] = [];
      for (const block of lost) if (isDry || await engine.refile?.(scope, block) === true) done.push(block.first);
      return done;
    },
    survey: async (scope) => surveyOf(await engine.readAll(scope)),
    reclaim: async (scope, what) => await alone(scope, async () =>
      await reclaim({ engine, scope, world: options.world }, what)),
    slice: async (scope, slicings) => await alone(scope, async () =>
      await claimSlice({ engine, scope, node: node.name, slicings, world: options.world })),
  };
}

/** Releases of which the engine could not be told; an error leaves those that are not done for another time. */
async function drain(options: BlockLeasesOptions, scope: string): Promise<void> {
  for (const pending of options.journal.pending(scope)) {
    const released = await release(options, pending);
    if (released.length === 0 && pending.isOfAnother === true) options.journal.passOn(pending);
    else options.journal.done(pending);
  }
}

async function releaseOrNote(options: BlockLeasesOptions, pending: PendingRelease): Promise<readonly Address[]> {
  const { engine, journal, tell } = options, { owner, scope } = pending;
  try {
    await drain(options, scope);
    return await release(options, pending);
  } catch (error) {
    if (!isAway(error)) throw error;
    journal.add(pending);
    tell(`${messageOf(error)}; what "${owner.ifName}" of container "${owner.containerId}" has in ${engine.place} is ` +
      "noted on this node, and released as soon as it answers");
    return [];
  }
}

async function release(options: BlockLeasesOptions, pending: PendingRelease): Promise<readonly Address[]> {
  const { engine, node, world } = options, { scope, owner, holds, ticket } = pending;
  let bare = false;
  const foundIn = (seen: Seen): readonly Found[] => activeIn(seen.values(), isOwners(owner, node))
    .filter(({ entry }) => ticket === undefined || entry.ticket === ticket);
  for (let tries = 0; tries < triesMax; tries++) {
    const recalled = tries === 0 ? toSeen(engine.recall?.(scope, node.name) ?? []) : noBlocks;
    const isKnown = foundIn(recalled).length > 0;
    const seen = isKnown ? recalled : toSeen(await engine.readFor(scope, { node: node.name, keys: [] }));
    const found = foundIn(seen);
    if (found.length === 0) return [];
    try {
      const changes = giving(seen, found, { owner, holds, nowMs: world.wallMs(), bare });
      if (await engine.write(scope, changes)) return found.map(({ address }) => address);
    } catch (error) {
      if (bare || !(error instanceof CniError) || error.cause !== noRoom) throw error;
      bare = true;
      continue;
    }
    await world.sleep(world.random() * pauseMs);
  }
  throw restless(engine, `release the addresses of "${owner.ifName}" of container "${owner.containerId}"`);
}

const noBlocks: Seen = new Map();

async function collect(
  { engine, node, world }: BlockLeasesOptions,
  scope: string,
  listed: readonly ListedLease[],
  isValid: IsValid,
): Promise<readonly Address[]> {
  const leases = listed.filter((lease) => lease.owner.node === node.name && !isValid(lease));
  return (await reclaim({ engine, scope, world }, { leases })).addresses;
}

function toSeen(blocks: readonly SeenBlock[]): Seen {
  return new Map(blocks.map((block) => [block.id, block]));
}
