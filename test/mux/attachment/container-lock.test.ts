import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { withContainerLock } from "../../../src/mux/attachment/container-lock.ts";
import { rejects } from "../../helpers/errors.ts";
import { until } from "../../helpers/netns.ts";

let cniDir = "", order: string[] = [];
let other: ChildProcess | undefined;
const lock = suite("withContainerLock");
lock.before.each(() => {
  cniDir = mkdtempSync(join(tmpdir(), "polynic-container-lock-"));
  order = [];
});
lock.after.each(() => {
  if (other?.pid !== undefined && other.exitCode === null) process.kill(-other.pid, "SIGKILL");
  other = undefined;
  rmSync(cniDir, { recursive: true });
});

/** Work on a container that lasts until it is told to end. */
function work(containerId: string): { readonly done: Promise<void>; readonly end: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = withContainerLock({ cniDir, containerId }, async () => {
    order.push(`${containerId} begins`);
    await promise;
    order.push(`${containerId} ends`);
  });
  return { done, end: resolve };
}

/** Locks are asked for in turns of the event loop. */
const settled = () => new Promise((resolve) => setTimeout(resolve, 50));

/** Where the one lock is that was ever taken. */
function lockPath(): string {
  const [name = "", ...others] = readdirSync(join(cniDir, ".polynic"));
  assert.equal(others, []);
  return join(cniDir, ".polynic", name);
}

lock("lets one work on a container at a time, in the order they came", async () => {
  const works = [work("c1"), work("c1"), work("c1")];
  await settled();
  assert.equal(order, ["c1 begins"]);
  for (const { end, done } of works) {
    end();
    await done;
  }
  assert.equal(order, ["c1 begins", "c1 ends", "c1 begins", "c1 ends", "c1 begins", "c1 ends"]);
});

lock("lets others work on other containers meanwhile", async () => {
  const first = work("c1"), second = work("c2");
  await until("both to begin", () => order.length === 2);
  second.end();
  await second.done;
  first.end();
  await first.done;
  assert.equal(order.slice(2), ["c2 ends", "c1 ends"]);
});

lock("is of 256 for all containers there ever are, in a directory for nobody else", async () => {
  for (let i = 0; i < 2_000; i++) await withContainerLock({ cniDir, containerId: `pod-${i}` }, async () => {});
  const names = readdirSync(join(cniDir, ".polynic"));
  assert.ok(names.length > 200 && names.length <= 256, `${names.length}`);
  assert.is(statSync(join(cniDir, ".polynic")).mode & 0o777, 0o700);
});

lock("is free again when the work fails, and passes the failure on", async () => {
  const failing = withContainerLock({ cniDir, containerId: "c1" }, async () => { throw new RangeError("no"); });
  await failing.then(() => assert.unreachable(), (error: unknown) => assert.instance(error, RangeError));
  assert.is(await withContainerLock({ cniDir, containerId: "c1" }, async () => "free"), "free");
});

lock("keeps other processes waiting, and waits for them", async () => {
  const held = work("c1");
  await until("it to begin", () => order.length === 1);
  const path = lockPath(), entered = join(cniDir, "entered"), leave = join(cniDir, "leave");
  const script = `touch ${entered}; while ! [ -e ${leave} ]; do sleep 0.02; done`;
  other = spawn("flock", [path, "sh", "-c", script], { stdio: "ignore", detached: true });
  const closed = once(other, "close");
  await settled();
  assert.not.ok(existsSync(entered));
  held.end();
  await held.done;
  await until("the other process to have it", () => existsSync(entered));

  const next = work("c1");
  await settled();
  assert.is(order.length, 2);
  writeFileSync(leave, "");
  await closed;
  next.end();
  await next.done;
  assert.is(order.length, 4);
});

lock("that is not had in time ends in 11, with the container and the file", async () => {
  const held = work("c1");
  await until("it to begin", () => order.length === 1);
  const late = withContainerLock({ cniDir, containerId: "c1", timeoutMs: 20 }, async () => assert.unreachable());
  assert.match((await rejects(late, 11)).message, `Cannot work on container c1, its lock ${lockPath()} cannot be had: `);
  held.end();
  await held.done;
});

lock("whose file cannot be made ends in 5", async () => {
  writeFileSync(join(cniDir, ".polynic"), "");
  const failing = withContainerLock({ cniDir, containerId: "c1" }, async () => assert.unreachable());
  assert.match((await rejects(failing, 5)).message, /^Cannot work on container c1, its lock .*ENOTDIR/);
});
(process.geteuid?.() === 0 ? lock : lock.skip)("tells who is not root what would be right", async () => {
  process.seteuid?.(65534);
  try {
    const error = await rejects(withContainerLock({ cniDir, containerId: "c1" }, async () => {}), code.ioFailure);
    assert.match(error.message, /lock-\d+ cannot be had: EACCES: .*, expected to be run as root$/);
  } finally {
    process.seteuid?.(0);
  }
});

lock.run();
