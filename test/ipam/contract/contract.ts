/**
 * What every store of reservations must show, whatever it is made of: guarantees G1 to G10 as far as a store alone can
 * keep them. A store's own test file runs it: `leaseContract({ ... }).run()`.
 */
import type { Test } from "uvu";
import { suite } from "uvu";
import { claiming } from "./claiming.ts";
import { collecting, sharing } from "./collecting.ts";
import { racing } from "./racing.ts";
import { clearing, reclaiming } from "./reclaiming.ts";
import { holding, remembering } from "./remembering.ts";
import type { Context, StoreUnderTest } from "./subject.ts";
import { now } from "./subject.ts";
import { releasing, taking } from "./taking.ts";

export interface ContractSubject {
  readonly title: string;
  readonly start: () => Promise<StoreUnderTest>;
  /** Several nodes have it in common. */
  readonly shared: boolean;
  /** It keeps what is an IPAMClaim's. */
  readonly claims?: boolean;
  /** How many random steps each of eight writers takes. */
  readonly steps?: number;
}

export function leaseContract({ title, start, shared, claims = false, steps = 60 }: ContractSubject): Test<Context> {
  // Filled before each test.
  const test = suite<Context>(title, {} as Context);
  test.before.each(async (context) => {
    context.store = await start();
    context.here = context.store.open(now);
  });
  test.after.each(async ({ store }) => await store.close?.());
  for (const add of [taking, releasing, collecting, remembering, holding, racing(steps)]) add(test);
  if (shared) sharing(test);
  if (claims) for (const add of [claiming, reclaiming, clearing]) add(test);
  return test;
}
