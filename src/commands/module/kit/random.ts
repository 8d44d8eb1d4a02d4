/** Random numbers that can be repeated: the same seed, the same numbers. */
export interface Random {
  readonly seed: number;
  /** A whole number from 0 to `limit` - 1; `limit` is at most 2^32. */
  below(limit: number): number;
  /** From 0n to `limit` - 1n. */
  belowBig(limit: bigint): bigint;
  /** True once in `times`. */
  once(times: number): boolean;
  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
}

/** Mulberry32. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (limit: number): number => next() % limit;
  return {
    seed,
    below,
    belowBig(limit) {
      let value = 0n;
      for (let rest = limit; rest > 0n; rest >>= 32n) value = (value << 32n) | BigInt(next());
      return value % limit;
    },
    once: (times) => below(times) === 0,
    pick<T>(list: readonly T[]): T {
      if (list.length === 0) throw new RangeError("Cannot pick from an empty list");
      return list[below(list.length)] as T; // in bounds: the list has that many
    },
  };
}
