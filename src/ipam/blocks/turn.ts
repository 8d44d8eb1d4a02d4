import type { Address } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";
import type {
  Claimant, CommitOutcome, CommitRequest, LeaseTurn, LeaseView, StoreNode, ViewRequest,
} from "../leases.ts";
import { ownerKeyOf } from "../leases.ts";
import type { Seen, Taking } from "./changes.ts";
import { conflictsOf, idsOf, isGeneratedName, isTaken, taking } from "./changes.ts";
import {
  blockCount, fewBlocks, guessedAmong, guesses, otherBlocks, ownBlocks, unclaimedAmong,
} from "./choice-of-blocks.ts";
import type { BlockEngine, ReleaseJournal, SeenBlock } from "./engine.ts";
import { isAway, pauseMs, restless, triesMax } from "./engine.ts";
import type { Shown, Sight } from "./sight.ts";
import { namedOf, standing, viewOf } from "./sight.ts";
import type { Together } from "./together.ts";

export interface TurnOptions {
  readonly engine: BlockEngine;
  readonly node: StoreNode;
  readonly journal: ReleaseJournal;
  readonly world: World;
}

/** Time and chance, as `os` has them. */
export interface World {
  wallMs(): number;
  sleep(ms: number): Promise<void>;
  random(): number;
}

/** What one caller sees and does while it is its turn. */
export class Turn implements LeaseTurn {
  readonly #options: TurnOptions;
  readonly #scope: string;
  readonly #together: Together;
  /** By id; absent blocks of which it is known that they are absent are undefined. */
  readonly #seen = new Map<string, SeenBlock | undefined>();

  constructor(options: TurnOptions, scope: string, together: Together) {
    this.#options = options;
    this.#scope = scope;
    this.#together = together;
  }

  async view(request: ViewRequest): Promise<LeaseView> {
    const { engine, node } = this.#options;
    const keys = keysOf(request.owner);
    const isWide = request.widely === true || (request.yielding ?? 0) > 0;
    const recalled = isWide ? undefined : this.#recalled(request, keys);
    if (recalled !== undefined) return recalled;
    const settled = await this.#together.settle() && !isWide ? this.#recalled(request, keys) : undefined;
    if (settled !== undefined) return settled;
    this.#seen.clear();
    this.#keep(isWide ? await engine.readAll(this.#scope)
      : await engine.readFor(this.#scope, { node: node.name, keys }));
    if (isWide) return viewOf(this.#sight(request), standing(this.#sight(request)), undefined);
    await this.#look(namedOf(request, standing(this.#sight(request))));
    const shown = await this.#choose(request), sight = this.#sight(request);
    return viewOf(sight, standing(sight), shown);
  }

  /**
   * From what this process remembers and is about to write, without a read: where the node's own blocks have room, and
   * nothing is asked for that others may have, or that the owner may have had.
   */
  #recalled(request: ViewRequest, keys: readonly string[]): LeaseView | undefined {
    const { engine, node } = this.#options;
    if (keys.length > 0 || request.supersedes === true || (request.wanted ?? []).length > 0) return undefined;
    const blocks = engine.recall?.(this.#scope, node.name);
    if (blocks === undefined) return undefined;
    this.#seen.clear();
    this.#keep(blocks.map((block) => this.#together.over(block)));
    const sight = this.#sight(request), known = standing(sight), own = ownBlocks(sight, known);
    const isEnough = known.mine.length + known.stale.length === 0 && own.every((some) => some.length > 0);
    return isEnough ? viewOf(sight, known, own) : undefined;
  }

  /**
   * Where nobody knows whether it was written, it is given up as soon as that can be told. What is refused may have
   * been written, too: by a request whose answer was lost, and which was sent again.
   */
  async commit({ owner, leases, stale }: CommitRequest): Promise<CommitOutcome> {
    const { node, world, journal } = this.#options;
    await this.#look([...leases, ...stale].map(({ address }) => address));
    const request: Taking = { owner, leases, stale, node, ticket: ticketOf(world), nowMs: world.wallMs() };
    let wasRefused = false;
    try {
      return await this.#take(request, () => { wasRefused = true; });
    } catch (error) {
      if (wasRefused || isAway(error)) journal.add({ scope: this.#scope, owner, holds: [], ticket: request.ticket });
      throw error;
    }
  }

  /** @param refused  told of each write that was */
  async #take(request: Taking, refused: () => void): Promise<CommitOutcome> {
    const { engine, world } = this.#options, { leases, stale } = request;
    const addresses = [...leases, ...stale].map(({ address }) => address);
    for (let tries = 0; tries < triesMax; tries++) {
      const seen = this.#known();
      if (tries > 0 && isTaken(seen, request)) return { committed: true };
      const conflicts = conflictsOf(seen, request);
      if (conflicts.length > 0) return { committed: false, conflicts };
      const outcome = await this.#together.write(taking(seen, request), addresses.length);
      if (outcome === "written") return { committed: true };
      refused();
      if (outcome === "refused") await world.sleep(world.random() * pauseMs);
      this.#keep(await engine.readSome(this.#scope, idsOf(addresses)), idsOf(addresses));
    }
    throw restless(engine, `reserve ${addresses.map(formatAddress).join(", ")}`);
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
    if (missing.length === 0) return;
    // What was decided before us must be there to be read.
    await this.#together.settle();
    this.#keep(await this.#options.engine.readSome(this.#scope, missing), missing);
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

/** 96 bits: no two commits have one. */
function ticketOf({ random }: Pick<World, "random">): string {
  return Array.from({ length: 3 }, () => Math.floor(random() * 2 ** 32).toString(16).padStart(8, "0")).join("");
}
