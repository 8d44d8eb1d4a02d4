import type { SeenBlock } from "./engine.ts";

/** For so long what is remembered is taken for so; whoever else writes for the node is seen after that. */
const usualMostMs = 60_000;
/** More than a node has networks. */
const placesMax = 200;

interface Recalled {
  readonly readMs: number;
  readonly blocks: Map<string, SeenBlock>;
}

/**
 * What concerns a node of what an engine has read and written, for a process that serves many calls. It may be behind:
 * a change that rests on it is refused then, as any other.
 */
export class RecalledBlocks {
  readonly #nowMs: () => number;
  readonly #mostMs: number;
  readonly #places = new Map<string, Recalled & { readonly scope: string; readonly node: string }>();

  constructor(nowMs: () => number, mostMs = usualMostMs) {
    this.#nowMs = nowMs;
    this.#mostMs = mostMs;
  }

  /** undefined: nothing is known, or it is too old. */
  of(scope: string, node: string): readonly SeenBlock[] | undefined {
    const known = this.#places.get(keyOf(scope, node));
    return known === undefined || this.#nowMs() - known.readMs > this.#mostMs ? undefined : [...known.blocks.values()];
  }

  /** All that concerns the node, just read. */
  read(scope: string, node: string, blocks: readonly SeenBlock[]): void {
    if (this.#places.size >= placesMax) this.#places.clear();
    const own = blocks.filter((block) => concerns(block, node)).map((block) => [block.id, block] as const);
    this.#places.set(keyOf(scope, node), { scope, node, readMs: this.#nowMs(), blocks: new Map(own) });
  }

  /**
   * Has a change made. What comes of it is remembered; where it is refused, or nobody knows, all is read anew.
   *
   * @param work  the blocks as they are then; undefined: something has changed since it was read
   */
  async writing(scope: string, work: () => Promise<readonly SeenBlock[] | undefined>): Promise<boolean> {
    let written: readonly SeenBlock[] | undefined;
    try {
      written = await work();
    } finally {
      if (written === undefined) this.#forget(scope);
      else this.#wrote(scope, written);
    }
    return written !== undefined;
  }

  #wrote(scope: string, blocks: readonly SeenBlock[]): void {
    for (const place of this.#places.values()) {
      if (place.scope !== scope) continue;
      for (const block of blocks) {
        if (concerns(block, place.node)) place.blocks.set(block.id, block);
        else place.blocks.delete(block.id);
      }
    }
  }

  #forget(scope: string): void {
    for (const [key, place] of this.#places) if (place.scope === scope) this.#places.delete(key);
  }
}

function keyOf(scope: string, node: string): string {
  return JSON.stringify([scope, node]);
}

function concerns({ node, entries }: SeenBlock, name: string): boolean {
  return node === name ||
    [...entries.values()].some((entry) => entry.state === "active" && entry.owner.node === name);
}
