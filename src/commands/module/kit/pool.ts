import type { Address, TakenView } from "../../../net/index.ts";
import {
  addressFromBytes,
  addressToInteger,
  lastOf,
  networkOf,
  parsePrefix,
  writeModuleAddress,
} from "../../../net/index.ts";
import type { Random } from "./random.ts";

/** Both ends included; numbers, because the kit counts on them. */
export interface Run {
  readonly first: bigint;
  readonly last: bigint;
}

/** Addresses that a range may be cut from. */
export interface Pool extends Run {
  readonly family: 4 | 6;
  readonly prefixBits: number;
  /** CIDR text. */
  readonly subnet: string;
}

/** What is taken of one range: sorted, disjoint, never touching. */
export type Taken = readonly Run[];

/** The whole prefix of a CIDR text, first and last address included. */
export function poolOf(subnet: string): Pool {
  const prefix = parsePrefix(subnet);
  const network = networkOf(prefix);
  return {
    family: prefix.address.family, prefixBits: prefix.prefixBits, subnet,
    first: addressToInteger(network.address), last: addressToInteger(lastOf(network)),
  };
}

export function addressAt(family: 4 | 6, value: bigint): Address {
  const bytes = new Uint8Array(family === 4 ? 4 : 16);
  let rest = value;
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return family === 4 ? addressFromBytes(bytes) : { family, bytes };
}

export function sizeOf({ first, last }: Run): bigint {
  return last - first + 1n;
}

export function holds(runs: Taken, value: bigint): boolean {
  return runs.some(({ first, last }) => first <= value && value <= last);
}

/** Runs of any values, in any order, repeats allowed. */
export function runsOf(values: readonly bigint[]): Taken {
  return united(values.map((value) => ({ first: value, last: value })));
}

/** The runs with one value more. */
export function withTaken(runs: Taken, value: bigint): Taken {
  return united([...runs, { first: value, last: value }]);
}

/** Runs in any order, overlapping or touching, as `Taken` has them. */
export function united(parts: readonly Run[]): Taken {
  const sorted = [...parts].sort((a, b) => (a.first < b.first ? -1 : a.first > b.first ? 1 : 0));
  const runs: { first: bigint; last: bigint }[] = [];
  for (const { first, last } of sorted) {
    const open = runs.at(-1);
    if (open === undefined || first > open.last + 1n) runs.push({ first, last });
    else if (last > open.last) open.last = last;
  }
  return runs;
}

/** How a module reads what is taken: a view of kind 0. */
export function runsView(family: 4 | 6, runs: Taken): TakenView {
  const bytes = new Uint8Array(runs.length * 32);
  const data = new DataView(bytes.buffer);
  runs.forEach(({ first, last }, index) => {
    writeModuleAddress(data, index * 32, addressAt(family, first));
    writeModuleAddress(data, index * 32 + 16, addressAt(family, last));
  });
  return { kind: 0, count: runs.length, bytes };
}

/** The same as a bitmap, kind 1; the range holds at most 2^24 addresses. */
export function bitmapView(range: Run, runs: Taken): TakenView {
  const count = Number(sizeOf(range));
  const bytes = new Uint8Array(Math.ceil(count / 64) * 8);
  for (const { first, last } of runs) {
    for (let bit = Number(first - range.first); bit <= Number(last - range.first); bit++)
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) | (1 << (bit & 7));
  }
  return { kind: 1, count, bytes };
}

/** The ways a range can be filled that an allocator may get wrong. */
export const densities = ["empty", "scattered", "dense", "fragmented", "full but one", "full"] as const;

export type Density = (typeof densities)[number];

/** Small ranges are filled address by address, wide ones with a few hundred runs. */
const smallRange = 4096n;
const wideRuns = 200;

export function takenOf(any: Random, range: Run, density: Density): Taken {
  const size = sizeOf(range);
  switch (density) {
    case "empty":
      return [];
    case "full":
      return [{ first: range.first, last: range.last }];
    case "full but one":
      return allBut(range, range.first + any.belowBig(size));
    case "fragmented":
      return every(range, size, 2n);
    case "scattered":
      return size <= smallRange
        ? runsOf(someOf(any, range, 4))
        : runsOf(Array.from({ length: wideRuns }, () => range.first + any.belowBig(size)));
    case "dense":
      return size <= smallRange
        ? invert(range, runsOf(someOf(any, range, 8)))
        : invert(range, runsOf(Array.from({ length: wideRuns }, () => range.first + any.belowBig(size))));
  }
}

/** About one value in `times`. */
function someOf(any: Random, range: Run, times: number): bigint[] {
  const values: bigint[] = [];
  for (let value = range.first; value <= range.last; value++) {
    if (any.once(times)) values.push(value);
  }
  return values;
}

function every(range: Run, size: bigint, step: bigint): Taken {
  const count = size / step < BigInt(wideRuns) ? size / step : BigInt(wideRuns);
  return Array.from({ length: Number(count) }, (_, index) => {
    const value = range.first + BigInt(index) * step;
    return { first: value, last: value };
  });
}

function allBut(range: Run, value: bigint): Taken {
  return [
    { first: range.first, last: value - 1n },
    { first: value + 1n, last: range.last },
  ].filter(({ first, last }) => first <= last);
}

function invert(range: Run, free: Taken): Taken {
  const taken: Run[] = [];
  let from = range.first;
  for (const { first, last } of free) {
    if (first > from) taken.push({ first: from, last: first - 1n });
    from = last + 1n;
  }
  if (from <= range.last) taken.push({ first: from, last: range.last });
  return taken;
}
