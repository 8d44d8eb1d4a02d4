import { CniError, code, messageOf } from "../../cni/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";
import type {
  Claimant, CommitOutcome, CommitRequest, IsValid, LeaseStore, LeaseView, ListedLease, StoreNode, ViewRequest,
} from "../leases.ts";
import { ownerKeyOf } from "../leases.ts";
import type { Seen, Taking } from "./changes.ts";
import { conflictsOf, giving, idsOf, isGeneratedName, isTaken, taking } from "./changes.ts";
import {
  blockCount, fewBlocks, guessedAmong, guesses, otherBlocks, ownBlocks, unclaimedAmong,
} from "./choice-of-blocks.ts";
import type { BlockChange, BlockEngine, PendingRelease, ReleaseJournal, SeenBlock } from "./engine.ts";
import { noRoom } from "./engine.ts";
import { reclaim, surveyOf } from "./reclaiming.ts";
import { claimSlice } from "./slices.ts";
import type { Found, Shown, Sight } from "./sight.ts";
import { activeIn, isOwners, namedOf, standing, toListed, viewOf } from "./sight.ts";

export interface BlockLeasesOptions {
  readonly engine: BlockEngine;
  readonly node: StoreNode;
  readonly journal: ReleaseJournal;
  /** Keeps others of this node waiting while `work` runs: they would only conflict. */
  readonly alone: <T>(scope: string, work: () => Promise<T>) => Promise<T>;
  /** A line for people. */
  readonly tell: (line: string) => void;
  readonly world: Pick<World, "random" | "sleep" | "wallMs">;
}

/** Time and chance, as `os` has them. */
interface World {
  wallMs(): number;
  sleep(ms: number): Promise<void>;
  random(): number;
}

/** More conflicts in a row than ever come of others' haste. */
const triesMax = 32;
/** The longest pause after a conflict, before it is looked at again. */
const pauseMs = 50;

/**
 * Reservations in blocks that nodes share: each allocates from its own blocks, claims free ones, then borrows from
 * others'. Only the engine's compare-and-swap decides who has an address; whose a block is only keeps nodes apart.
 *
 * What cannot be released because the engine is away is written into the journal, and released before this node asks
 * for anything else of that scope.
 */
export function openBlockLeases(options: BlockLeasesOptions): LeaseStore {
  const { engine, node, alone } = options;
  return {
    place: engine.place,
    exclusively: async (scope, work) => await alone(scope, async () => {
      await drain(options, scope);
      return await work(new Turn(options, scope));
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
    survey: async (scope) => surveyOf(await engine.readAll(scope)),
    reclaim: async (scope, what) => await alone(scope, async () =>
      await reclaim({ engine, scope, world: options.world }, what)),
    slice: async (scope, slicings) => await alone(scope, async () =>
      await claimSlice({ engine, scope, node: node.name, slicings, world: options.world })),
  };
}

/** What one caller sees and does while it is its turn. */
class Turn {
  readonly #options: BlockLeasesOptions;
  readonly #scope: string;
  /** By id; absent blocks of which it is known that they are absent are undefined. */
  readonly #seen = new Map<string, SeenBlock | undefined>();

  constructor(options: BlockLeasesOptions, scope: string) {
    this.#options = options;
    this.#scope = scope;
  }

  async view(request: ViewRequest): Promise<LeaseView> {
    const { engine, node } = this.#options;
    const keys = keysOf(request.owner);
    const isWide = request.widely === true || (request.yielding ?? 0) > 0;
    const recalled = isWide ? undefined : this.#recalled(request, keys);
    if (recalled !== undefined) return recalled;
    this.#seen.clear();
    this.#keep(isWide ? await engine.readAll(this.#scope)
      : await engine.readFor(this.#scope, { node: node.name, keys }));
    if (isWide) return viewOf(this.#sight(request), standing(this.#sight(request)), undefined);
    await this.#look(namedOf(request, standing(this.#sight(request))));
    const shown = await this.#choose(request), sight = this.#sight(request);
    return viewOf(sight, standing(sight), shown);
  }

  /**
   * From what this process remembers, without a read: where the node's own blocks have room, and nothing is asked for
   * that others may have, or that the owner may have had.
   */
  #recalled(request: ViewRequest, keys: readonly string[]): LeaseView | undefined {
    const { engine, node } = this.#options;
    if (keys.length > 0 || request.supersedes === true || (request.wanted ?? []).length > 0) return undefined;
    const blocks = engine.recall?.(this.#scope, node.name);
    if (blocks === undefined) return undefined;
    this.#seen.clear();
    this.#keep(blocks);
    const sight = this.#sight(request), known = standing(sight), own = ownBlocks(sight, known);
    const isEnough = known.mine.length + known.stale.length === 0 && own.every((some) => some.length > 0);
    return isEnough ? viewOf(sight, known, own) : undefined;
  }

  async commit({ owner, leases, stale }: CommitRequest): Promise<CommitOutcome> {
    const { engine, node, world } = this.#options;
    const addresses = [...leases, ...stale].map(({ address }) => address);
    await this.#look(addresses);
    const request: Taking = { owner, leases, stale, node, ticket: ticketOf(world), nowMs: world.wallMs() };
    for (let tries = 0; tries < triesMax; tries++) {
      const seen = this.#known();
      if (tries > 0 && isTaken(seen, request)) return { committed: true };
      const conflicts = conflictsOf(seen, request);
      if (conflicts.length > 0) return { committed: false, conflicts };
      if (await this.#write(taking(seen, request), request)) return { committed: true };
      await world.sleep(world.random() * pauseMs);
      this.#keep(await engine.readSome(this.#scope, idsOf(addresses)), idsOf(addresses));
    }
    throw restless(engine, `reserve ${addresses.map(formatAddress).join(", ")}`);
  }

  /** Where nobody knows whether it was written, it is given up as soon as that can be told. */
  async #write(changes: readonly BlockChange[], { owner, ticket }: Taking): Promise<boolean> {
    const { engine, journal } = this.#options;
    try {
      return await engine.write(this.#scope, changes);
    } catch (error) {
      if (isAway(error)) journal.add({ scope: this.#scope, owner, holds: [], ticket });
      throw error;
    }
  }

  /** One read in the usual case: the node's own blocks have room. */
  async #choose(request: ViewRequest): Promise<Shown> {
    const { engine, world } = this.#options, random = () => world.random();
    const sight = this.#sight(request), own = ownBlocks(sight, standing(sight));
    const without = request.spans.flatMap((_, index) => ((own[index] ?? []).length === 0 ? [index] : []));
    if (without.length === 0) return own;
    const guessed = await this.#guess(request, without);
    if (guessed !== undefined) return own.map((blocks, index) => guessed.get(index) ?? blocks);
    this.#keep(await engine.readAll(this.#scope));
    const all = this.#sight(request), known = standing(all);
    return otherBlocks(all, known, ownBlocks(all, known), random);
  }

  /** Free blocks of wide spans, found without looking at all; undefined when there is a span that shows none. */
  async #guess(request: ViewRequest, without: readonly number[]) {
    const { world, engine } = this.#options, random = () => world.random();
    const spans = without.map((index) => request.spans[index]).filter((span) => span !== undefined);
    if (without.length > guessedSpansMax || spans.some((span) => blockCount(span) <= fewBlocks)) return undefined;
    for (const among of guessedAmong) {
      const ids = spans.map((span) => guesses(span, among, random));
      this.#keep(await engine.readSome(this.#scope, ids.flat()), ids.flat());
      const sight = this.#sight(request), known = standing(sight);
      const found = without.map((index, at) =>
        [index, unclaimedAmong(ids[at] ?? [], sight, known, index).slice(0, 1)] as const);
      if (found.every(([, blocks]) => blocks.length > 0)) return new Map(found);
    }
    return undefined;
  }

  /** Reads the blocks of these addresses that have not been looked at. */
  async #look(addresses: readonly Address[]): Promise<void> {
    const missing = idsOf(addresses).filter((id) => !this.#seen.has(id));
    if (missing.length > 0) this.#keep(await this.#options.engine.readSome(this.#scope, missing), missing);
  }

  /** @param asked  ids that are absent when they are not among the blocks */
  #keep(blocks: readonly SeenBlock[], asked: readonly string[] = []): void {
    for (const id of asked) this.#seen.set(id, undefined);
    for (const block of blocks) this.#seen.set(block.id, block);
  }

  #known(): Seen {
    return new Map([...this.#seen].filter((pair): pair is [string, SeenBlock] => pair[1] !== undefined));
  }

  #sight(request: ViewRequest): Sight {
    return { node: this.#options.node, nowMs: this.#options.world.wallMs(), request, blocks: this.#known() };
  }
}

/** More spans than this without room of their own are looked for in one reading of the scope. */
const guessedSpansMax = 8;

function keysOf(owner: Claimant): readonly string[] {
  if (owner.claim !== undefined) return [ownerKeyOf(owner)];
  return owner.pod === undefined || isGeneratedName(owner.pod.name) ? [] : [ownerKeyOf(owner)];
}

/** Releases of which the engine could not be told; an error leaves those that are not done for another time. */
async function drain(options: BlockLeasesOptions, scope: string): Promise<void> {
  for (const pending of options.journal.pending(scope)) {
    await release(options, pending);
    options.journal.done(pending);
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

/** No answer in time: what was asked for may have been done. */
function isAway(error: unknown): boolean {
  return error instanceof CniError && error.code === code.tryAgainLater && error.cause !== noRoom;
}

function restless({ place }: BlockEngine, act: string): CniError {
  return new CniError(
    code.tryAgainLater,
    `Cannot ${act}: others have changed the same blocks in ${place} each of ${triesMax} times, expected a quieter ` +
      "moment",
  );
}

/** 96 bits: no two commits have one. */
function ticketOf({ random }: Pick<World, "random">): string {
  return Array.from({ length: 3 }, () => Math.floor(random() * 2 ** 32).toString(16).padStart(8, "0")).join("");
}
