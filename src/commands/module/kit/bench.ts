import { allocateFrame, callModule, op, readAnswer } from "../../../wasm/index.ts";
import type { CaseRun } from "./case-run.ts";
import type { Taken } from "./pool.ts";
import { poolOf } from "./pool.ts";
import type { RangeState } from "./state.ts";
import { requestOf } from "./state.ts";
import type { Subject } from "./subject.ts";
import { ownError } from "./subject.ts";

/** One state of the bench: each `ask` is a call in an instance of its own, the request encoded before. */
export interface BenchState {
  readonly title: string;
  ask(): CaseRun;
}

const shapes: readonly (readonly [string, string, number, bigint])[] = [
  ["empty, IPv4 /8", "10.0.0.0/8", 0, 2n],
  ["1,000 runs, scattered, IPv4 /8", "10.0.0.0/8", 1000, 1009n],
  ["1,000 runs, every other one, IPv4 /8", "10.0.0.0/8", 1000, 2n],
  ["100,000 runs, scattered, IPv4 /8", "10.0.0.0/8", 100_000, 127n],
  ["100,000 runs, every other one, IPv4", "10.0.0.0/8", 100_000, 2n],
  ["100,000 in one run, IPv4 /8", "10.0.0.0/8", 100_000, 1n],
  ["100,000 runs, scattered, IPv6 /64", "2001:db8::/64", 100_000, 1_000_003n],
];

/** States an operator may come to, with the configuration of the module's first example. */
export function benchStates(subject: Subject): readonly BenchState[] {
  const config = subject.metadata.examples[0]?.config ?? {};
  return shapes.map(([title, subnet, count, step]) => {
    const pool = poolOf(subnet);
    const taken = takenEvery(pool.first, count, step);
    const range: RangeState = {
      pool,
      set: 0,
      first: pool.first,
      last: pool.last,
      gateway: undefined,
      cursor: undefined,
      taken,
    };
    const frame = allocateFrame(
      requestOf({ ranges: [range], requested: [], mine: [], config, pod: 1, attempt: 0 }, "runs"),
    );
    return {
      title,
      ask() {
        const { text, fuelUsed, memoryBytes, milliseconds } = callModule(subject.compiled, op.allocate, frame, {});
        const outcome = ownError(() => ({ answer: readAnswer(subject.name, text) }));
        const answer = "answer" in outcome ? outcome.answer : { error: outcome };
        return { answer, call: { fuel: Number(fuelUsed), memoryBytes, milliseconds } };
      },
    };
  });
}

function takenEvery(first: bigint, count: number, step: bigint): Taken {
  if (count === 0) return [];
  if (step === 1n) return [{ first, last: first + BigInt(count) - 1n }];
  return Array.from({ length: count }, (_, index) => ({
    first: first + BigInt(index) * step,
    last: first + BigInt(index) * step,
  }));
}
