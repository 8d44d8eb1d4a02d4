import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Budget } from "../../../src/kube/client/budget.ts";
import type { World } from "../../../src/os/world.ts";

function clock(): World & { nowMs: number } {
  return { nowMs: 100, monotonicMs() { return this.nowMs; }, wallMs: () => 0, sleep: async () => {}, random: () => 0 };
}

const budget = suite("Budget");

budget("counts only while something waits", async () => {
  const world = clock();
  const subject = new Budget(1000, world);
  await subject.count(async () => void (world.nowMs += 300));
  world.nowMs += 60_000;
  assert.is(subject.leftMs(), 700);
});

budget("counts works at the same time once", async () => {
  const world = clock();
  const subject = new Budget(1000, world);
  let finish = (): void => {};
  const first = subject.count(() => new Promise<void>((resolve) => (finish = resolve)));
  await subject.count(async () => void (world.nowMs += 200));
  world.nowMs += 100;
  assert.is(subject.leftMs(), 700);
  finish();
  await first;
  assert.is(subject.leftMs(), 700);
});

budget("counts a work that fails, and never goes below nothing", async () => {
  const world = clock();
  const subject = new Budget(1000, world);
  await subject.count(async () => {
    world.nowMs += 5000;
    throw new Error("no");
  }).catch(() => {});
  assert.is(subject.leftMs(), 0);
});

budget.run();
