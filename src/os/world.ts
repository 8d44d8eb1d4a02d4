/** Time and chance, which tests replace. */
export interface World {
  /** Milliseconds that only go up. */
  monotonicMs(): number;
  /** Milliseconds since the epoch. */
  wallMs(): number;
  sleep(ms: number): Promise<void>;
  /** From 0, below 1. */
  random(): number;
}

export const realWorld: World = {
  monotonicMs: () => Number(process.hrtime.bigint() / 1_000_000n),
  wallMs: () => Date.now(),
  sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  random: Math.random,
};
