import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../cni/index.ts";

/** Stores that nodes share, and what nobody has any more in them. */
export interface CollectRequest {
  /** How many nodes share the work. */
  sharers(): Promise<number>;
  /** Frees what is nobody's; what was freed, and why, in words. */
  collect(): Promise<readonly string[]>;
}

export interface CollectOptions extends CollectRequest {
  log(line: string): void;
  readonly times?: CollectTimes;
  /** From 0, below 1. */
  random(): number;
}

export interface CollectTimes {
  /** Between two rounds: from half of it to one and a half. */
  readonly roundMs: number;
}

const usualTimes: CollectTimes = { roundMs: 10 * 60_000 };
/** A round reads all that is kept: of all nodes so many do it, by chance, however many there are. */
const collectors = 3;

/** Collects now and then, until the signal. What goes wrong is told once as long as it is the same, and tried again. */
export async function keepCollecting(options: CollectOptions, signal: AbortSignal): Promise<void> {
  const { collect, sharers, random, times = usualTimes } = options;
  let problem = "";
  // Nodes that are started together do not come together.
  for (let waitMs = random() * times.roundMs; ; waitMs = (0.5 + random()) * times.roundMs) {
    await delay(waitMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    try {
      const lines = random() * await sharers() < collectors ? await collect() : [];
      for (const line of lines) options.log(line);
      problem = "";
    } catch (error) {
      if (messageOf(error) !== problem) options.log(`cannot collect addresses: ${messageOf(error)}`);
      problem = messageOf(error);
    }
  }
}
