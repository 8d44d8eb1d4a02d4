import type { AllocateRequest, OfferedRange } from "../../../ipam/index.ts";
import type { Address } from "../../../net/index.ts";
import { formatAddress } from "../../../net/index.ts";
import { seedOf } from "../../../wasm/index.ts";
import type { Density, Pool, Run, Taken } from "./pool.ts";
import { addressAt, bitmapView, densities, holds, poolOf, runsView, sizeOf, takenOf, withTaken } from "./pool.ts";
import type { Random } from "./random.ts";

/** One range and what is taken of it. */
export interface RangeState extends Run {
  readonly pool: Pool;
  readonly set: number;
  readonly gateway: bigint | undefined;
  /** Also outside the range, which a module must bear. */
  readonly cursor: bigint | undefined;
  /** Holds the gateway. */
  readonly taken: Taken;
}

/** What a module is asked, but for the form of the views. */
export interface IpamState {
  readonly ranges: readonly RangeState[];
  readonly requested: readonly string[];
  readonly mine: readonly Address[];
  readonly config: object;
  readonly pod: number;
  readonly attempt: number;
}

export type ViewForm = "runs" | "bitmap";

/** A bitmap is sent for ranges up to this size. */
const bitmapLargestRange = 2n ** 16n;

/** Awkward places: word borders, both ends of a family, neighbours, prefixes without room, wide ones. */
export const awkwardPools: readonly Pool[] = [
  "10.1.2.0/24",
  "10.1.255.240/28",
  "192.168.0.0/23",
  "255.255.255.192/26",
  "0.0.0.0/26",
  "172.16.7.8/29",
  "198.51.100.4/30",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "2001:db8::/64",
  "2001:db8:1:2::/64",
  "2001:db8::ffff:ffff:ffff:fff0/124",
  "2001:db8:0:0:ffff:ffff:0:0/96",
  "fd00:0:0:1::/120",
  "::/120",
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00/120",
].map(poolOf);

/** The ends of what a range can be. */
export const edgePools: readonly Pool[] = [
  "10.0.0.0/30", "10.0.0.2/31", "10.0.0.7/32", "255.255.255.255/32", "255.255.255.254/31", "0.0.0.0/32", "0.0.0.0/30",
  "2001:db8::/126", "2001:db8::4/127", "2001:db8::9/128", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128", "::/128",
].map(poolOf);

/** A random state over the pools; every second one has two range sets, of different families where there are both. */
export function randomState(any: Random, pools: readonly Pool[], config: object): IpamState {
  const first = any.pick(pools);
  const others = pools.filter(({ family }) => family !== first.family);
  const chosen = any.once(2) && others.length > 0 ? [first, any.pick(others)] : [first];
  const ranges = chosen.flatMap((pool, set) => rangesIn(any, pool, set));
  return {
    ranges, config, attempt: 0, pod: any.below(64),
    requested: any.once(6) ? [textIn(any, any.pick(ranges))] : [],
    mine: any.once(6) ? someTaken(any, any.pick(ranges)) : [],
  };
}

/** One or two ranges of a pool, the whole of it or a part. */
function rangesIn(any: Random, pool: Pool, set: number): readonly RangeState[] {
  const part = any.once(2) ? pool : partOf(any, pool);
  const size = sizeOf(part);
  const density = any.pick(densities);
  if (size < 4n || !any.once(3)) return [rangeState(any, pool, set, part, density)];
  const middle = part.first + size / 2n;
  return [
    rangeState(any, pool, set, { first: part.first, last: middle - 1n }, density),
    { ...rangeState(any, pool, set, { first: middle + 1n, last: part.last }, any.pick(densities)), cursor: undefined },
  ];
}

function partOf(any: Random, pool: Pool): Run {
  const size = sizeOf(pool);
  const from = any.belowBig(size);
  const most = size - from;
  const count = 1n + any.belowBig(most > 200n ? 200n : most);
  return { first: pool.first + from, last: pool.first + from + count - 1n };
}

export function rangeState(any: Random, pool: Pool, set: number, run: Run, density: Density): RangeState {
  const size = sizeOf(run);
  const gateway = any.once(3) || size < 3n ? undefined : run.first + any.belowBig(size < 8n ? size : 8n);
  const free = takenOf(any, run, density);
  const cursor = any.pick([undefined, run.first, run.last, run.first + any.belowBig(size), pool.first, pool.last]);
  return {
    pool,
    set,
    first: run.first,
    last: run.last,
    gateway,
    cursor,
    taken: gateway === undefined ? free : withTaken(free, gateway),
  };
}

function textIn(any: Random, range: RangeState): string {
  return text(range, range.first + any.belowBig(sizeOf(range)));
}

function someTaken(any: Random, range: RangeState): readonly Address[] {
  const own = range.taken.filter(({ first }) => first !== range.gateway);
  return own.length === 0 ? [] : [addressAt(range.pool.family, any.pick(own).first)];
}

export function text({ pool }: RangeState, value: bigint): string {
  return formatAddress(addressAt(pool.family, value));
}

/** Whether no range has an address left. */
export function isFull({ ranges }: IpamState): boolean {
  return ranges.every(
    ({ first, last, taken }) => taken.length === 1 && taken[0]?.first === first && taken[0].last === last,
  );
}

/** The request as the host would send it, with the views in that form; wide ranges have no bitmap. */
export function requestOf(state: IpamState, form: ViewForm): AllocateRequest {
  const { pod, attempt, config, requested, mine } = state;
  const containerId = `kit${pod.toString(16).padStart(4, "0")}`;
  return {
    attempt, config, requested, mine,
    attachment: { containerId, ifName: "net1", network: "kit", mac: `02:00:5e:00:${hex(pod >> 8)}:${hex(pod)}` },
    pod: {
      namespace: `team-${pod % 4}`,
      name: `web-${pod}`,
      uid: `00000000-0000-4000-8000-${pod.toString(16).padStart(12, "0")}`,
    },
    seed: seedOf({ containerId, ifName: "net1", attempt }),
    node: { name: `node-${pod % 8}`, index: pod % 8 },
    ranges: state.ranges.map((range) => moduleRange(range, form)),
  };
}

function hex(value: number): string {
  return (value & 0xff).toString(16).padStart(2, "0");
}

function moduleRange(range: RangeState, form: ViewForm): OfferedRange {
  const { pool, set, first, last, gateway, cursor, taken } = range;
  const asBitmap = form === "bitmap" && sizeOf(range) <= bitmapLargestRange;
  return {
    set, subnet: pool.subnet, prefixBits: pool.prefixBits,
    first: addressAt(pool.family, first),
    last: addressAt(pool.family, last),
    ...(gateway === undefined ? {} : { gateway: addressAt(pool.family, gateway) }),
    ...(cursor === undefined ? {} : { cursor: addressAt(pool.family, cursor) }),
    view: asBitmap ? bitmapView(range, taken) : runsView(pool.family, taken),
  };
}

/** The state after an address was given to someone. */
export function taking(state: IpamState, index: number, value: bigint): IpamState {
  return {
    ...state,
    ranges: state.ranges.map((range, i) =>
      i === index && !holds(range.taken, value) ? { ...range, taken: withTaken(range.taken, value) } : range,
    ),
  };
}
