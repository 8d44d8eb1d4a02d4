// src/daemon/queue.ts: order, limits and fairness, without a clock.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Queue } from "../../src/daemon/queue.ts";

/** Work that a test ends itself. */
function desk(limits: { readonly running: number; readonly waiting: number }) {
  const queue = new Queue(limits);
  const started: string[] = [];
  const ends = new Map<string, () => void>();
  return {
    queue, started,
    add: (key: string, name: string): ReturnType<Queue["add"]> => queue.add(key, () => {
      started.push(name);
      return new Promise((resolve) => { ends.set(name, resolve); });
    }),
    /** Ends that work, and lets whatever follows from it happen. */
    async end(name: string): Promise<void> {
      ends.get(name)?.();
      await new Promise(setImmediate);
    },
  };
}

const order = suite("Queue");
order("starts different containers side by side and one container's calls in turn", async () => {
  const { add, started, end } = desk({ running: 9, waiting: 9 });
  add("a", "a1"); add("a", "a2"); add("b", "b1");
  assert.equal(started, ["a1", "b1"]);
  await end("a1");
  assert.equal(started, ["a1", "b1", "a2"]);
});
order("has no more at work than it may", async () => {
  const { add, started, end, queue } = desk({ running: 2, waiting: 9 });
  for (const key of ["a", "b", "c", "d"]) add(key, key);
  assert.equal([started, queue.running, queue.waiting], [["a", "b"], 2, 2]);
  await end("a");
  assert.equal([started, queue.running, queue.waiting], [["a", "b", "c"], 2, 1]);
});
order("lets a container with many calls hold nobody up", async () => {
  const { add, started, end } = desk({ running: 1, waiting: 9 });
  for (const name of ["a1", "a2", "a3"]) add("a", name);
  add("b", "b1"); add("c", "c1");
  for (const name of ["a1", "b1", "c1", "a2"]) await end(name);
  assert.equal(started, ["a1", "b1", "c1", "a2", "a3"]);
});
order("takes nothing more once as many wait as may", async () => {
  const { add, started, end } = desk({ running: 1, waiting: 2 });
  assert.ok(add("a", "a")); assert.ok(add("b", "b")); assert.ok(add("c", "c"));
  assert.is(add("d", "d"), undefined);
  await end("a");
  assert.ok(add("e", "e"));
  for (const name of ["b", "c", "e"]) await end(name);
  assert.equal(started, ["a", "b", "c", "e"]);
});
order("starts nothing that has left, and goes on with what comes after it", async () => {
  const { add, started, end, queue } = desk({ running: 1, waiting: 9 });
  add("a", "a1");
  const second = add("a", "a2"), other = add("b", "b1");
  add("a", "a3");
  second?.leave(); other?.leave(); other?.leave();
  assert.is(queue.waiting, 1);
  await end("a1");
  assert.equal(started, ["a1", "a3"]);
  await end("a3");
  add("b", "b2");
  assert.equal(started, ["a1", "a3", "b2"]);
});
order("leaves what has started alone", async () => {
  const { add, queue, end } = desk({ running: 1, waiting: 9 });
  const one = add("a", "a");
  one?.leave();
  assert.equal([queue.running, queue.waiting], [1, 0]);
  await end("a");
  assert.equal([queue.running, queue.waiting], [0, 0]);
});
order("starts aside what must not wait for what runs, up to the same number", async () => {
  const { add, queue } = desk({ running: 1, waiting: 9 });
  add("a", "a");
  const ends: (() => void)[] = [];
  const aside = (): boolean => queue.addAside(() => new Promise((resolve) => { ends.push(resolve); }));
  assert.equal([aside(), aside(), ends.length], [true, false, 1]);
  ends[0]?.();
  await new Promise(setImmediate);
  assert.is(aside(), true);
});
order("is idle once nothing runs, waits or is aside", async () => {
  const { add, queue, end } = desk({ running: 1, waiting: 9 });
  await queue.whenIdle();
  let isIdle = false, endAside = (): void => {};
  add("a", "a"); add("a", "b");
  queue.addAside(() => new Promise((resolve) => { endAside = resolve; }));
  void queue.whenIdle().then(() => { isIdle = true; });
  await end("a");
  await end("b");
  assert.is(isIdle, false);
  endAside();
  await new Promise(setImmediate);
  assert.is(isIdle, true);
});
order("keeps nothing of containers that are done with", async () => {
  const { add, queue, end } = desk({ running: 4, waiting: 9 });
  for (let i = 0; i < 1000; i++) {
    add(`c${i}`, `c${i}`);
    await end(`c${i}`);
  }
  assert.equal([queue.running, queue.waiting, queue.containers], [0, 0, 0]);
});
order.run();
