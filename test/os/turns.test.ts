// src/os/turns.ts: work in the order of asking, and who has had the thread for long lets others have it, by a clock of
// the test's own.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { giveWay, inOrder } from "../../src/os/turns.ts";

const turn = suite("giveWay");
turn("goes on at once for a short while, then lets others come first, and begins to count anew", async () => {
  // Whatever the file before this one left of its turn.
  await new Promise(setImmediate);
  let ms = 1000;
  const now = (): number => ms, order: string[] = [];
  const step = async (name: string, tookMs: number): Promise<void> => {
    ms += tookMs;
    await giveWay(now);
    order.push(name);
  };
  await step("first", 500);
  setImmediate(() => order.push("another's"));
  await step("second", 24);
  await step("third", 1);
  await step("fourth", 500);
  setImmediate(() => order.push("a third's"));
  await step("fifth", 24);
  await step("sixth", 24);
  assert.equal(order, ["first", "second", "another's", "third", "fourth", "fifth", "a third's", "sixth"]);
});
turn.run();

const order = suite("inOrder");
order("runs one after the other, past failures, each with its own outcome", async () => {
  const next = inOrder(), said: string[] = [];
  const first = Promise.withResolvers<void>();
  const all = [
    next(async () => {
      await first.promise;
      said.push("first");
    }),
    next(() => {
      said.push("second");
      throw new Error("no");
    }),
    next(() => said.push("third")),
  ];
  await new Promise(setImmediate);
  assert.equal(said, []);
  first.resolve();
  assert.equal((await Promise.allSettled(all)).map(({ status }) => status), ["fulfilled", "rejected", "fulfilled"]);
  assert.equal(said, ["first", "second", "third"]);
});
order.run();
