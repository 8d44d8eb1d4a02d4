import type { World } from "../../os/index.ts";

/**
 * The time a command may spend on the API in all. It runs only while something waits for the API: a slow plugin does
 * not take away what the status needs afterwards.
 */
export class Budget {
  readonly limitMs: number;
  readonly #world: World;
  #spentMs = 0;
  #waiting = 0;
  #since = 0;

  constructor(limitMs: number, world: World) {
    this.limitMs = limitMs;
    this.#world = world;
  }

  leftMs(): number {
    const running = this.#waiting > 0 ? this.#world.monotonicMs() - this.#since : 0;
    return Math.max(0, this.limitMs - this.#spentMs - running);
  }

  /** Counts the time until `work` is done; works at the same time are counted once. */
  async count<T>(work: () => Promise<T>): Promise<T> {
    if (this.#waiting++ === 0) this.#since = this.#world.monotonicMs();
    try {
      return await work();
    } finally {
      if (--this.#waiting === 0) this.#spentMs += this.#world.monotonicMs() - this.#since;
    }
  }
}
