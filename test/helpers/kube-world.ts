/** Time and chance for tests of the API client: nobody waits, and every sleep is written down. */
import type { World } from "../../src/os/world.ts";
import { realWorld } from "../../src/os/world.ts";

export interface TestWorld extends World {
  readonly sleeps: readonly number[];
}

/** Sleeping only moves the clock; `random` is the same every time. */
export function testWorld(random = 0.5): TestWorld {
  const sleeps: number[] = [];
  let sleptMs = 0;
  return {
    sleeps,
    monotonicMs: () => realWorld.monotonicMs() + sleptMs,
    wallMs: () => Date.UTC(2026, 0, 2, 3, 4, 5, 678) + sleptMs,
    random: () => random,
    async sleep(ms) {
      sleeps.push(ms);
      sleptMs += ms;
    },
  };
}
