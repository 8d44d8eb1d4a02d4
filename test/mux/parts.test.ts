// The small parts of src/mux that stand for themselves: interface names, undo steps, gathered deletions.
import { execFileSync } from "node:child_process";
import {
  mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { FailedStep } from "../../src/call/index.ts";
import { openHandles, teardownGroup, undoSteps } from "../../src/call/index.ts";
import type { Link, Namespace } from "../../src/kernel/index.ts";
import type { Delegate } from "../../src/mux/networks/delegate.ts";
import { interfaceNames } from "../../src/mux/networks/naming.ts";
import { waitUntilReady } from "../../src/mux/readiness.ts";
import { rejects, throws } from "../helpers/errors.ts";

const naming = suite("interfaceNames");
const delegate = (ifName?: string): Delegate => ({
  displayName: "n", list: false, fromFile: false, trusted: true, confText: "{}",
    requests: ifName === undefined ? {} : { ifName }, capabilityArgs: {},
  network: { name: "n", cniVersion: "1.0.0", plugins: [], disableCheck: false, disableGC: false,
    loadOnlyInlinedPlugins: false },
});
for (const [asked, names] of [
  [[undefined], ["eth0"]], [[undefined, undefined, undefined], ["eth0", "net1", "net2"]],
  [[undefined, "foo", undefined], ["eth0", "foo", "net2"]], [["bar", undefined], ["bar", "net1"]],
] as const) {
  naming(`gives ${names.join(", ")}`, () => { assert.equal(interfaceNames(asked.map(delegate), "eth0"), names); });
}
naming.run();

const undoing = suite("undoSteps");
undoing("runs newest first, past errors, once", async () => {
  const undo = undoSteps(), order: string[] = [], error = new Error("no");
  undo.add("first", () => { order.push("first"); });
  undo.add("second", () => { throw error; });
  undo.add("third", async () => { order.push("third"); });
  assert.equal(await undo.run(), [{ what: "second", error }]);
  assert.equal(order, ["third", "first"]);
  assert.equal(await undo.run(), []);
});
undoing.run();

const reading = suite("handles.readText");
const textOf = (path: string): string => {
  const handles = openHandles({ netns: "", path: [], execute: [], modules: "",
    log: { error: () => {}, warn: () => {}, verbose: () => {}, debug: () => {} }, surroundings: { env: {}, tell: () => {} } });
  return handles.readText(path);
};
reading("gives a file's text, through links and from /proc too", () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-text-"));
  writeFileSync(join(directory, "file"), "nameserver 10.0.0.1\n");
  symlinkSync("file", join(directory, "link"));
  assert.is(textOf(join(directory, "link")), "nameserver 10.0.0.1\n");
  assert.match(textOf("/proc/self/status"), /^Name:/);
  rmSync(directory, { recursive: true });
});
for (const [what, make, says] of [
  ["a device", () => "/dev/zero", /\/dev\/zero: it is no regular file/],
  ["a pipe", (directory: string) => { execFileSync("mkfifo", [join(directory, "pipe")]); return join(directory,
    "pipe"); }, /it is no regular file/],
  ["a directory", (directory: string) => directory, /it is no regular file/],
  ["a file without an end", (directory: string) => { writeFileSync(join(directory, "big"),
    ""); truncateSync(join(directory, "big"), 2 ** 40); return join(directory, "big"); },
    /it is longer than 1048576 bytes/],
  ["a file that is not there", (directory: string) => join(directory, "none"), /ENOENT/],
] as const) {
  reading(`refuses ${what} at once`, () => {
    const directory = mkdtempSync(join(tmpdir(), "polynic-text-"));
    assert.match(throws(() => textOf(make(directory)), 5).message, says);
    rmSync(directory, { recursive: true });
  });
}
reading.run();

const tearing = suite("teardownGroup");
const link = (index: number): Link => ({ index, name: `l${index}`, mtu: 0, up: true, loopback: false, promiscuity: 0,
  allMulticast: false, operState: "up", group: 0 });
function namespace(log: string[], stubborn?: number): Namespace {
  const links = {
    async deleteAll(indexes: readonly number[]) {
      log.push(`all ${indexes.join(" ")}`);
      if (stubborn !== undefined) throw new Error("not together");
    },
    find: (index: number) => index === 9 ? undefined : { ...link(index), name: index === 8 ? "someone else's"
      : `l${index}` },
    async delete(index: number) {
      log.push(`one ${index}`);
      if (index === stubborn) throw new Error("stays");
    },
  };
  // True as far as deleting links goes.
  return { links } as unknown as Namespace;
}
tearing("deletes all links of a namespace at once, each once, then runs the steps in order", async () => {
  const log: string[] = [], failures: FailedStep[] = [], one = namespace(log), other = namespace(log),
    group = teardownGroup();
  const first = group.for(failures), second = group.for(failures);
  first.after("a", () => { log.push("after a"); });
  first.deleteLink(one, link(1));
  second.deleteLink(one, link(2));
  second.deleteLink(one, link(1));
  second.deleteLink(other, link(3));
  second.after("b", () => { throw new Error("no"); });
  second.after("c", () => { log.push("after c"); });
  await group.finish();
  assert.equal(log, ["all 1 2", "all 3", "after a", "after c"]);
  assert.equal(failures.map(({ what }) => what), ["b"]);
  await group.finish();
  assert.is(log.length, 4);
});
tearing("deletes one by one when together does not work, leaving gone and foreign ones", async () => {
  const log: string[] = [], mine: FailedStep[] = [], theirs: FailedStep[] = [], host = namespace(log, 2),
    group = teardownGroup();
  for (const index of [1, 8, 9]) group.for(theirs).deleteLink(host, link(index));
  group.for(mine).deleteLink(host, link(2));
  await group.finish();
  assert.equal(log, ["all 1 8 9 2", "one 1", "one 2"]);
  assert.equal([mine.map(({ what }) => what), theirs], [['delete link "l2"'], []]);
});
tearing.run();

const waiting = suite("waitUntilReady");
waiting("looks every 100 ms, 45 s long, then says what is missing with code 11", async () => {
  const pauses: number[] = [];
  const { message } = await rejects(waitUntilReady("/nowhere/ready", async (ms) => { pauses.push(ms); }), 11);
  assert.match(message, /\/nowhere\/ready did not appear within 45000 ms/);
  assert.equal([pauses.length, new Set(pauses)], [450, new Set([100])]);
});
waiting("does not wait where nothing is to be waited for, or for what is there", async () => {
  const never = async (): Promise<void> => { throw new Error("it waits"); };
  for (const file of ["", import.meta.filename]) await waitUntilReady(file, never);
});
waiting.run();
