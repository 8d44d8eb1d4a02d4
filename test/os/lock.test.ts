// src/os/lock.ts: turns within this process, flock(2) among processes, and what is done where a file cannot be had.
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { LockError, takeLock, withLock, withLockIfPossible } from "../../src/os/index.ts";
import { pauseMs } from "../../src/os/lock.ts";
import { rejects } from "../helpers/errors.ts";
import { kernelSuite, until } from "../helpers/netns.ts";

let directory = "";
let path = "";
const prepare = (): void => {
  directory = mkdtempSync(join(tmpdir(), "polynic-lock-"));
  path = join(directory, "lock");
};
const cleanUp = (): void => rmSync(directory, { recursive: true });
const now = { timeoutMs: 0 }, soon = { timeoutMs: 30 }, long = { timeoutMs: 60_000 };

/** Another process that holds the lock, by the program flock(1), until its stdin ends. */
async function held(lockPath = path): Promise<ChildProcess> {
  const ready = join(directory, "ready");
  const other = spawn("flock", ["-x", lockPath, "sh", "-c", `touch ${ready}; read end`],
    { stdio: ["pipe", "ignore", "ignore"] });
  await until("the other process has the lock", () => existsSync(ready));
  return other;
}

async function letGo(other: ChildProcess): Promise<void> {
  other.stdin?.end();
  if (other.exitCode === null) await new Promise((resolve) => other.once("exit", resolve));
}

async function busy(promise: Promise<unknown>): Promise<void> {
  try {
    await promise;
  } catch (error) {
    assert.instance(error, LockError);
    return;
  }
  assert.unreachable("the lock was had");
}

const lock = suite("takeLock");
lock.before.each(prepare);
lock.after.each(cleanUp);

lock("makes the file, and may be taken again after close", async () => {
  (await takeLock(path, now)).close();
  assert.is(statSync(path).mode & 0o777, 0o750 & ~process.umask());
  const again = await takeLock(path, now);
  again.close();
  again.close();
  const third = await takeLock(path, now);
  await busy(takeLock(path, now));
  third.close();
});
lock("makes the directory where it is given a mode for it", async () => {
  const below = join(directory, "a", "b", "lock");
  await rejects(takeLock(below, now), "ENOENT");
  (await takeLock(below, { ...now, directoryMode: 0o700 })).close();
  assert.is(statSync(join(directory, "a")).mode & 0o777, 0o700);
});
lock("makes nothing where a link leads nowhere, and locks the directory instead, as everybody does", async () => {
  symlinkSync(join(directory, "elsewhere"), path);
  const first = await takeLock(path, now);
  assert.not(existsSync(join(directory, "elsewhere")));
  assert.is(spawnSync("flock", ["-n", directory, "true"]).status, 1);
  first.close();
  rmSync(path);
  symlinkSync(path, path);
  (await takeLock(path, now)).close();
});
lock("takes a directory, waits for no pipe, and passes on what the system says of others", async () => {
  (await takeLock(directory, now)).close();
  assert.is(spawnSync("mkfifo", [join(directory, "pipe")]).status, 0);
  (await takeLock(join(directory, "pipe"), now)).close();
  writeFileSync(join(directory, "file"), "");
  await rejects(takeLock(join(directory, "file", "lock"), { ...now, directoryMode: 0o700 }), "ENOTDIR");
});
lock("is refused while another process has it, and had once that is done", async () => {
  const other = await held();
  await busy(takeLock(path, soon));
  const waiting = takeLock(path, long);
  await letGo(other);
  (await waiting).close();
});
lock("does not stop anything else while it waits for another process", async () => {
  const other = await held();
  let done = false;
  const waiting = takeLock(path, long).then((taken) => { done = true; taken.close(); });
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 1));
  await withLock(join(directory, "another"), now, () => assert.not(done));
  await letGo(other);
  await waiting;
});
lock("who waits for long looks rarely, and never at the moment at which others do", () => {
  const cases: readonly (readonly [looks: number, waitedMs: number, leastMs: number, mostMs: number])[] = [
    [0, 0, 1, 1], [1, 1, 3, 3], [2, 4, 5, 15], [20, 100, 5, 15], [30, 500, 25, 75], [100, 5_000, 50, 150],
    [1_000, 100_000, 50, 150],
  ];
  for (const [looks, waitedMs, leastMs, mostMs] of cases)
    assert.equal([pauseMs(looks, waitedMs, 0), pauseMs(looks, waitedMs, 1)], [leastMs, mostMs], `${waitedMs} ms`);
});
lock.run();

const turns = suite("withLock");
turns.before.each(prepare);
turns.after.each(cleanUp);

turns("is had in the order of asking, one at a time, also after one that failed", async () => {
  const order: number[] = [];
  let inside = 0;
  const asked = Array.from({ length: 50 }, (_, index) => withLock(path, long, async () => {
    assert.is(++inside, 1);
    await new Promise((resolve) => setTimeout(resolve, index % 3));
    order.push(index);
    inside--;
    if (index % 7 === 0) throw new Error(`no ${index}`);
    return index;
  }));
  const ended = await Promise.allSettled(asked);
  assert.equal(order, Array.from({ length: 50 }, (_, index) => index));
  assert.equal(ended.filter(({ status }) => status === "rejected").length, 8);
  assert.is(await withLock(path, now, () => 3), 3);
});
turns("says that it is busy to who has waited too long in the row, and the others keep their turns", async () => {
  const order: string[] = [];
  const first = await takeLock(path, now);
  const asked = [withLock(path, long, () => { order.push("second"); }), busy(takeLock(path, soon)),
    withLock(path, long, () => { order.push("fourth"); })];
  await asked[1];
  assert.equal(order, []);
  first.close();
  await Promise.all(asked);
  assert.equal(order, ["second", "fourth"]);
});
turns("lets two hundred at once through when another process is done", async () => {
  const other = await held();
  const waiting = Array.from({ length: 200 }, () => takeLock(path, long).then((taken) => taken.close()));
  await letGo(other);
  await Promise.all(waiting);
});
turns.run();

const optional = suite("withLockIfPossible");
optional.before.each(prepare);
optional.after.each(cleanUp);
const whys: string[] = [];
const told = (why: Error): void => void whys.push(why.message);
optional.before.each(() => void whys.splice(0));

optional("does its work without a file that cannot be had, one after the other all the same", async () => {
  let inside = 0;
  const work = async (): Promise<void> => {
    assert.is(++inside, 1);
    await new Promise((resolve) => setTimeout(resolve, 1));
    inside--;
  };
  const nowhere = join(directory, "nowhere", "lock");
  await Promise.all([1, 2, 3].map(() => withLockIfPossible(nowhere, long, told, work)));
  assert.is(whys.length, 3);
  assert.match(whys[0] ?? "", /ENOENT/);
});
optional("passes by a holder that has had it for too long, at once when that is known already", async () => {
  const options = { ...long, stuckMs: 10_000 };
  await withLockIfPossible(path, options, told, () => {});
  const other = await held();
  const hourAgo = Date.now() / 1000 - 3_600;
  utimesSync(path, hourAgo, hourAgo);
  for (let i = 0; i < 2; i++) await withLockIfPossible(path, options, told, () => {});
  assert.equal(whys, [1, 2].map(() =>
    `Cannot lock "${path}": others have held it for 10000 ms, expected it to be free by then`));
  await letGo(other);
});
optional("waits for a row of holders that each has it for a short time", async () => {
  const options = { ...long, stuckMs: 2_000 };
  const other = await held();
  const waiting = withLockIfPossible(path, options, told, () => {});
  for (let i = 0; i < 10; i++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    utimesSync(path, new Date(), new Date());
  }
  await letGo(other);
  await waiting;
  assert.equal(whys, []);
});
optional("marks when it was taken", async () => {
  mkdirSync(join(directory, "folder"));
  writeFileSync(path, "");
  utimesSync(path, 1, 1);
  await withLockIfPossible(path, { ...long, stuckMs: 2_000 }, told, () =>
    assert.ok(Math.abs(statSync(path).mtimeMs - Date.now()) < 60_000));
});
optional.run();

const full = kernelSuite("a lock on a full disk", import.meta.url);
full.before.each(prepare);
full.after.each(cleanUp);
full("is one on the nearest directory, on a read-only one too", async () => {
  assert.is(spawnSync("mount", ["-t", "tmpfs", "-o", "size=4k,nr_inodes=1", "none", directory]).status, 0);
  try {
    const first = await takeLock(join(directory, "a", "lock"), { ...now, directoryMode: 0o700 });
    assert.is(spawnSync("flock", ["-n", directory, "true"]).status, 1);
    first.close();
    assert.is(spawnSync("mount", ["-o", "remount,ro", directory]).status, 0);
    (await takeLock(path, now)).close();
  } finally {
    spawnSync("umount", [directory]);
  }
});
full.run();
