import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { whenReadable } from "../../src/os/index.ts";

const waiting = suite("whenReadable");

const directory = mkdtempSync(join(tmpdir(), "polynic-readable-"));
waiting.after(() => rmSync(directory, { recursive: true }));

let made = 0;
/** Both ends of a named pipe, which can be polled and whose writing end does not wait. */
function pipe(): { readonly from: number; readonly to: number; close(): void } {
  const path = join(directory, `pipe${made++}`);
  execFileSync("mkfifo", [path]);
  const from = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const to = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  return { from, to, close: () => [from, to].forEach((fd) => closeSync(fd)) };
}

waiting("is true when something is there to be read already", async () => {
  const { from, to, close } = pipe();
  writeSync(to, "x");
  assert.is(await whenReadable(from, 20_000), true);
  close();
});

waiting("is true when something comes, and stays so until it is read", async () => {
  const { from, to, close } = pipe();
  const later = whenReadable(from, 20_000);
  setTimeout(() => writeSync(to, "x"), 5);
  assert.is(await later, true);
  assert.is(await whenReadable(from, 20_000), true);
  readSync(from, new Uint8Array(1));
  assert.is(await whenReadable(from, 1), false);
  close();
});

waiting("is true when the other end is gone", async () => {
  const { from, to } = pipe();
  closeSync(to);
  assert.is(await whenReadable(from, 20_000), true);
  closeSync(from);
});

waiting("is false when the time is over, whoever else waits longer", async () => {
  const one = pipe(), other = pipe();
  const order: string[] = [];
  const long = whenReadable(one.from, 20_000).then((found) => order.push(`long ${found}`));
  const short = whenReadable(other.from, 5).then((found) => order.push(`short ${found}`));
  await short;
  writeSync(one.to, "x");
  await long;
  assert.equal(order, ["short false", "long true"]);
  for (const each of [one, other]) each.close();
});

waiting("is false when the signal says so, before or during", async () => {
  const { from, close } = pipe();
  assert.is(await whenReadable(from, 20_000, AbortSignal.abort()), false);
  const controller = new AbortController();
  const found = whenReadable(from, 20_000, controller.signal);
  setTimeout(() => controller.abort(), 5);
  assert.is(await found, false);
  close();
});

waiting("waits that begin while others wait are seen at once", async () => {
  const pipes = Array.from({ length: 20 }, pipe);
  const found: number[] = [];
  const all = pipes.map(async ({ from }, i) => {
    await new Promise((resolve) => setTimeout(resolve, i));
    assert.is(await whenReadable(from, 20_000), true);
    found.push(i);
  });
  for (const [i, { to }] of pipes.entries()) setTimeout(() => writeSync(to, "x"), 30 + i);
  await Promise.all(all);
  assert.equal(found.toSorted((a, b) => a - b), pipes.map((_, i) => i));
  for (const each of pipes) each.close();
});

waiting("a descriptor that is not open counts as readable, for reading it to say why", async () => {
  const { from, close } = pipe();
  close();
  assert.is(await whenReadable(from, 20_000), true);
});
waiting.run();
