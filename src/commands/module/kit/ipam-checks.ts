import { CniError, code } from "../../../cni/index.ts";
import type { AllocateRequest } from "../../../ipam/index.ts";
import { addressToInteger, formatAddress } from "../../../net/index.ts";
import type { Check, Trial } from "./check.ts";
import type { Density, Pool, Run } from "./pool.ts";
import { bitmapView, poolOf, runsOf, sizeOf } from "./pool.ts";
import type { Random } from "./random.ts";
import { random } from "./random.ts";
import { KitFailure } from "./report.ts";
import type { IpamState, RangeState, ViewForm } from "./state.ts";
import { awkwardPools, edgePools, isFull, randomState, rangeState, requestOf, taking, text } from "./state.ts";
import type { Outcome } from "./subject.ts";
import { allocate } from "./subject.ts";

/** Items 2 to 6 and 8 of the conformance kit: what holds for every ipam module, whatever it decides. */
export const ipamChecks: readonly Check[] = [
  { title: "every decision is legal, a full range is an error", run: legalDecisions },
  { title: "runs and bitmap of one state agree", run: formsAgree },
  { title: "edges: /30 to /32, /126 to /128, ends of a family, cursors outside", run: edges },
  { title: "a lost address is not proposed again, and asking ends", run: conflicts },
  { title: "allocating and releasing at random: none twice, none lost", run: simulation },
  { title: "100,000 runs stay within fuel and memory", run: largeViews },
];

const statesOfFull = 10_000;

function legalDecisions(trial: Trial): string {
  const count = trial.scaled(statesOfFull);
  const any = random(trial.seed);
  for (let i = 0; i < count; i++) {
    const state = randomState(any, poolsFor(trial, any), any.pick(trial.configs));
    decide(trial, state, any.once(2) ? "runs" : "bitmap", `state ${i}`);
  }
  return `${count} states`;
}

/** Pools of the author's cases every second time: a config may allow no others. */
function poolsFor({ pools }: Trial, any: Random): readonly Pool[] {
  return pools.length > 0 && any.once(2) ? pools : awkwardPools;
}

function formsAgree(trial: Trial): string {
  const count = trial.scaled(statesOfFull / 10);
  const any = random(trial.seed + 1);
  for (let i = 0; i < count; i++) {
    const state = randomState(any, poolsFor(trial, any), any.pick(trial.configs));
    const [byRuns, byBits] = (["runs", "bitmap"] as const).map((form) =>
      shown(decide(trial, state, form, `state ${i}`)),
    );
    if (byRuns !== byBits)
      throw new KitFailure(`by runs it answers ${byRuns}, by bitmap ${byBits}, expected the same: ${describe(state)}`);
  }
  return `${count} states`;
}

function edges(trial: Trial): string {
  const any = random(trial.seed + 2);
  let count = 0;
  for (const config of trial.configs) {
    for (const pool of edgePools) {
      for (const density of ["empty", "full but one", "full", "dense"] as const satisfies readonly Density[]) {
        for (let round = 0; round < 4; round++) {
          const range = rangeState(any, pool, 0, pool, density);
          const state: IpamState = { ranges: [range], requested: [], mine: [], config, pod: round, attempt: 0 };
          for (const form of ["runs", "bitmap"] as const) decide(trial, state, form, `${pool.subnet} ${density}`);
          count++;
        }
      }
    }
  }
  return `${count} states`;
}

/**
 * Whoever loses a commit asks again with that address taken; a node gives up after 16 tries, here it goes on to the
 * end.
 */
function conflicts(trial: Trial): string {
  const any = random(trial.seed + 3);
  const rounds = trial.scaled(200);
  let tries = 0;
  for (let i = 0; i < rounds; i++) {
    const pool = any.pick([poolOf("10.7.0.0/27"), poolOf("2001:db8:7::/123"), ...trial.pools]);
    let state: IpamState = { ...randomState(any, [pool], any.pick(trial.configs)), requested: [], mine: [] };
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const outcome = decide(trial, { ...state, attempt }, "runs", `round ${i}, attempt ${attempt}`);
      tries++;
      if (!("decision" in outcome)) break;
      for (const { range, address } of outcome.decision.ips) state = taking(state, range, addressToInteger(address));
    }
  }
  return `${tries} tries`;
}

const mostAttempts = 64;

const stepsOfFull = 100_000;
const owners = 400;

/** A set model beside the module: what it hands out was free, and what was released can be had again. */
function simulation(trial: Trial): string {
  const any = random(trial.seed + 4);
  const small = trial.pools.filter((pool) => sizeOf(pool) <= 1024n).slice(0, 2);
  const pools = [poolOf("10.8.0.0/24"), poolOf("2001:db8:8::/121"), ...small];
  const steps = Math.ceil(trial.scaled(stepsOfFull) / pools.length);
  for (const pool of pools) {
    const model = modelOf(trial, pool, any.pick(trial.configs));
    const before = model.fill();
    for (let step = 0; step < steps; step++) {
      const owner = any.below(owners);
      if (!model.release(owner)) model.give(owner, any.once(16) ? "runs" : "bitmap");
    }
    model.clear();
    const after = model.fill();
    if (before !== after)
      throw new KitFailure(
        `${pool.subnet} held ${before} addresses before ${steps} steps and ${after} after them, expected as many`,
      );
  }
  return `${steps * pools.length} steps`;
}

/** Who holds what in one range. */
interface Model {
  /** False when the module refuses. */
  give(owner: number, form: ViewForm): boolean;
  release(owner: number): boolean;
  clear(): void;
  /** Gives each owner in turn an address until the module refuses one; how many hold one then. */
  fill(): number;
}

function modelOf(trial: Trial, pool: Pool, config: object): Model {
  const held = new Map<number, bigint>();
  const takenBits = bitmapView(pool, []);
  let cursor: bigint | undefined;
  const flip = (value: bigint) => {
    const bit = Number(value - pool.first);
    takenBits.bytes[bit >>> 3] = (takenBits.bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
  };
  const model: Model = {
    give(owner, form) {
      const range: RangeState = {
        pool,
        set: 0,
        first: pool.first,
        last: pool.last,
        gateway: undefined,
        cursor,
        taken: form === "runs" ? runsOf([...held.values()]) : [],
      };
      const request = requestOf({ ranges: [range], requested: [], mine: [], config, pod: owner, attempt: 0 }, form);
      const ranges = form === "runs" ? request.ranges : request.ranges.map((range) => ({ ...range, view: takenBits }));
      const outcome = decideOn(
        trial,
        { ...request, ranges },
        () => `${pool.subnet} with ${held.size} held, owner ${owner}`,
      );
      if (!("decision" in outcome)) return false;
      for (const { address } of outcome.decision.ips) {
        const value = addressToInteger(address);
        if ([...held.values()].includes(value))
          throw new KitFailure(`it hands out ${formatAddress(address)} twice in ${pool.subnet}`);
        held.set(owner, value);
        flip(value);
        cursor = value;
      }
      return held.has(owner);
    },
    release(owner) {
      const value = held.get(owner);
      if (value === undefined) return false;
      flip(value);
      return held.delete(owner);
    },
    clear() {
      for (const owner of held.keys()) model.release(owner);
    },
    fill() {
      for (let owner = 0; owner < owners; owner++) {
        if (!held.has(owner) && !model.give(owner, "bitmap")) break;
      }
      return held.size;
    },
  };
  return model;
}

const largeRuns = 100_000n;

/** What an operator with 100,000 pods in a range would see. */
function largeViews(trial: Trial): string {
  const any = random(trial.seed + 5);
  const shapes: readonly (readonly [string, string, bigint])[] = [
    ["scattered", "10.0.0.0/8", 2n], ["far apart", "2001:db8:9::/64", 1_000_003n], ["in one run", "10.0.0.0/8", 1n],
  ];
  for (const config of trial.configs) {
    for (const [title, subnet, step] of shapes) {
      const pool = poolOf(subnet);
      const taken =
        step === 1n
          ? [{ first: pool.first, last: pool.first + largeRuns }]
          : Array.from({ length: Number(largeRuns) }, (_, index) => run(pool.first + BigInt(index) * step));
      const range: RangeState = {
        pool,
        set: 0,
        first: pool.first,
        last: pool.last,
        gateway: undefined,
        cursor: any.pick([undefined, pool.first]),
        taken,
      };
      decide(trial, { ranges: [range], requested: [], mine: [], config, pod: 1, attempt: 0 }, "runs", title);
    }
  }
  refuseOverBudget(trial);
  return `${shapes.length * trial.configs.length} states`;
}

function refuseOverBudget({
  subject: {
    metadata: { budget = {} },
  },
  figures: { fuel, memoryBytes },
}: Trial): void {
  if (budget.fuel !== undefined && fuel > budget.fuel)
    throw new KitFailure(`a call took ${fuel} fuel, expected at most its budget of ${budget.fuel}`);
  if (budget.memoryMiB !== undefined && memoryBytes > budget.memoryMiB * 2 ** 20)
    throw new KitFailure(
      `a call took ${memoryBytes} bytes of memory, expected at most its budget of ${budget.memoryMiB} MiB`,
    );
}

function run(value: bigint): Run {
  return { first: value, last: value };
}

function decide(trial: Trial, state: IpamState, form: ViewForm, where: string): Outcome {
  const outcome = decideOn(
    trial,
    requestOf(state, form),
    () => `${where}, seed ${trial.seed}, as ${form}: ${describe(state)}`,
  );
  const refusedWell =
    "decision" in outcome ||
    state.requested.length > 0 ||
    state.mine.length > 0 ||
    !isFull(state) ||
    isRefusal(outcome.code);
  if (!refusedWell)
    throw new KitFailure(
      `a full range is answered with code ${outcome.code}, expected 100, or 7 for a range it cannot serve: ` +
        `${describe(state)}`,
    );
  return outcome;
}

function isRefusal(number: number): boolean {
  return number === code.invalidConfig || number >= code.exhausted;
}

function decideOn(trial: Trial, request: AllocateRequest, where: () => string): Outcome {
  try {
    return allocate(trial.subject, request, trial.figures);
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new KitFailure(`${error.message} (${error.code}), in ${where()}`, { cause: error });
  }
}

function shown(outcome: Outcome): string {
  if (!("decision" in outcome)) return `error ${outcome.code}`;
  return outcome.decision.ips.map(({ range, address }) => `${formatAddress(address)} of range ${range}`).join(", ");
}

/** A state as a person would write it in a case. */
function describe({ ranges, requested, mine, config }: IpamState): string {
  return JSON.stringify({
    config, requested, mine,
    ranges: ranges.map((range) => ({
      subnet: range.pool.subnet, set: range.set, first: text(range, range.first), last: text(range, range.last),
      ...(range.gateway === undefined ? {} : { gateway: text(range, range.gateway) }),
      ...(range.cursor === undefined ? {} : { cursor: text(range, range.cursor) }),
      taken: range.taken.slice(0, shownRuns).map(({ first, last }) => `${text(range, first)}-${text(range, last)}`),
      ...(range.taken.length > shownRuns ? { andMore: range.taken.length - shownRuns } : {}),
    })),
  });
}

const shownRuns = 8;
