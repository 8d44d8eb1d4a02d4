// src/daemon/monitor/held-up.ts: by a clock of the test's own, and in a daemon that is held up in earnest.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { watchHeldUp } from "../../../src/daemon/monitor/held-up.ts";
import { startDaemon } from "../../helpers/daemon/process.ts";
import { kernelSuite } from "../../helpers/netns.ts";
import { makeWorld } from "../../helpers/runtime.ts";

/** What is measured and logged when a look comes after each of these many milliseconds. */
async function looks(...afterMs: readonly number[]): Promise<{ readonly seconds: number[]; readonly log: string[] }> {
  const seconds: number[] = [], log: string[] = [], left = [...afterMs];
  const { promise: done, resolve } = Promise.withResolvers<void>();
  let ms = 5000;
  const now = (): number => (ms += left.shift() ?? 0);
  const stop = watchHeldUp({
    log: (line) => { log.push(line); }, measured: (one) => { seconds.push(one); }, daemon: { running: 3 },
    now: () => {
      if (left.length === 0) resolve();
      return now();
    },
  });
  // Nothing else keeps a process from ending that only looks.
  const awake = setInterval(() => undefined, 1000);
  await done;
  stop();
  clearInterval(awake);
  return { seconds, log };
}

const watched = suite("watchHeldUp");
watched("measures the longest delay of ten looks, and tells nobody of short ones", async () => {
  const { seconds, log } = await looks(0, ...Array(3).fill(100), 140, 120, ...Array(5).fill(100));
  assert.equal([seconds, log], [[0.04], []]);
});
watched("tells of a long one at once, and counts anew", async () => {
  const { seconds, log } = await looks(0, 100, 1912, ...Array(10).fill(101));
  assert.equal(seconds, [1.812, 0.001]);
  assert.equal(log, ["nothing could be served for 1812 ms, 3 calls are at work"]);
});
watched.run();

const daemon = kernelSuite("a daemon that is held up", import.meta.url);
daemon("says so, and counts it", async () => {
  const world = makeWorld();
  try {
    const script = join(world.directory, "busy.cjs");
    writeFileSync(script,
      "setInterval(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1500), 3000)");
    const run = await startDaemon(world, { require: script, args: ["--health", "127.0.0.1:9877"] });
    const line = /^nothing could be served for (\d+) ms, 0 calls are at work$/gm;
    const told = (): readonly number[] => [...run.log.matchAll(line)].map(([, ms]) => Number(ms));
    while (!told().some((ms) => ms >= 1400)) await sleep(20);
    const asking = "fetch('http://127.0.0.1:9877/metrics').then((r) => r.text()).then(console.log)";
    const page = world.host.exec(process.execPath, "-e", asking).split("\n");
    const value = (name: string): number => Number(page.find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
    const all = value("polynic_held_up_seconds_count"), short = value('polynic_held_up_seconds_bucket{le="1"}');
    assert.ok(short < all, `${short} of ${all}`);
    await run.kill();
  } finally {
    world.remove();
  }
});
daemon.run();
