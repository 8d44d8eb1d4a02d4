import type { BlockEngine } from "../ipam/index.ts";
import { realWorld } from "../os/index.ts";

/** Certificates and kubeconfigs are replaced now and then: what was read of them is not used for longer. */
const keptMs = 5 * 60_000;
/** Calls that have it go on with it: none takes so long. */
const closingMs = 60_000;
/** More than a node has stores. */
const enginesMax = 16;

/** Engines of stores that nodes share, which a process keeps between calls: connected, and with what they remember. */
export class KeptEngines {
  readonly #nowMs: () => number;
  readonly #kept = new Map<string, { readonly engine: BlockEngine; readonly sinceMs: number }>();

  constructor(nowMs: () => number = () => realWorld.monotonicMs()) {
    this.#nowMs = nowMs;
  }

  /** @param key  what tells it from others: its servers, and the node that it is of */
  of(key: string, open: () => BlockEngine): BlockEngine {
    const known = this.#kept.get(key), now = this.#nowMs();
    if (known !== undefined && now - known.sinceMs < keptMs) return known.engine;
    const engine = open();
    this.#drop(key);
    if (this.#kept.size >= enginesMax) for (const [oldest] of [...this.#kept].slice(0, 1)) this.#drop(oldest);
    this.#kept.set(key, { engine, sinceMs: now });
    return engine;
  }

  close(): void {
    for (const { engine } of this.#kept.values()) engine.close?.();
    this.#kept.clear();
  }

  #drop(key: string): void {
    const known = this.#kept.get(key);
    if (known !== undefined) setTimeout(() => known.engine.close?.(), closingMs).unref();
    this.#kept.delete(key);
  }
}
