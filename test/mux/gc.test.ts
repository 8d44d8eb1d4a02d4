// src/mux: GC and STATUS. What is stale is decided from the runtime's list; what belongs to whom, from what is on disk.
import { existsSync, readFileSync, readdirSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../src/cni/index.ts";
import { add, gc, status } from "../../src/mux/index.ts";
import { rejects } from "../helpers/errors.ts";
import type { Bench } from "../helpers/multiplexer.ts";
import { openBench } from "../helpers/multiplexer.ts";

let bench: Bench;
const prepared = (name: string) => {
  const test = suite(name);
  test.before.each(() => { bench = openBench(); });
  test.after.each(() => bench.remove());
  return test;
};

const single = (type: string, more: object = {}): object => ({ cniVersion: "1.1.0", name: `net-${type}`, type,
  ...more });
const two = { delegates: [single("one"), single("two")] };
const left = (): readonly string[] => existsSync(bench.cniDir)
  ? readdirSync(bench.cniDir, { recursive: true, encoding: "utf8" }).filter((name) => name !== "results").sort() : [];
const gone = { netns: "", ifName: "", containerId: "", verb: "GC" };

async function attach(config: object, containerId: string, ifName = "eth0"): Promise<void> {
  await add(bench.command(config, { containerId, ifName, netns: `/run/netns/${containerId}` }));
  bench.interfaces.clear();
}

const collecting = prepared("gc");

collecting("gives a full DEL to containers that are not listed, all their networks, then asks every plugin with the " +
  "right list", async () => {
  for (const id of ["a", "b"]) await attach(two, id);
  bench.calls.length = 0;
  await gc(bench.command(two, { ...gone, valid: [{ containerID: "a", ifname: "eth0" }] }));
  assert.equal(bench.story(), ["DEL two net1", "DEL one eth0", "GC one", "GC two"]);
  assert.equal(bench.calls.slice(0, 2).map(({ request }) => [request.attachment.containerId, request.attachment.netns,
    request.prevResult?.interfaces[0]?.name]),
    [["b", "/run/netns/b", "net1"], ["b", "/run/netns/b", "eth0"]]);
  assert.equal(bench.calls.slice(2).map(({ request }) => request.validAttachments),
    [[{ containerID: "a", ifname: "eth0" }], [{ containerID: "a", ifname: "net1" }]]);
  assert.equal(left(), ["a", "results/net-one-a-eth0", "results/net-two-a-net1"]);
});

collecting("removes nothing without a list, and hands on that there was none", async () => {
  await attach(two, "a");
  const before = left();
  bench.calls.length = 0;
  await gc(bench.command(two, gone));
  assert.equal(bench.calls.map(({ verb, request }) => [verb, request.validAttachments]),
    [["GC", undefined], ["GC", undefined]]);
  assert.equal(left(), before);
});

collecting("removes everything with an empty list", async () => {
  for (const id of ["a", "b"]) await attach(two, id);
  await gc(bench.command(two, { ...gone, valid: [] }));
  assert.equal(left(), []);
  await gc(bench.command(two, { ...gone, valid: [] }));
});

collecting("leaves the containers of another multiplexed network alone, and counts them as users of a shared one",
  async () => {
  await attach(two, "a");
  await attach({ name: "more", delegates: [single("three"), single("two")] }, "z");
  bench.calls.length = 0;
  await gc(bench.command(two, { ...gone, valid: [] }));
  assert.equal(left(), ["results/net-three-z-eth0", "results/net-two-z-net1", "z"]);
  assert.equal(bench.calls.filter(({ verb }) => verb === "GC").map(({ request }) => request.validAttachments),
    [[], [{ containerID: "z", ifname: "net1" }]]);
});

collecting("finishes containers whose scratch file is gone, and scratch files whose cache is", async () => {
  for (const id of ["a", "b"]) await attach(two, id);
  unlinkSync(join(bench.cniDir, "a"));
  for (const name of ["net-one-b-eth0", "net-two-b-net1"]) unlinkSync(join(bench.cniDir, "results", name));
  bench.calls.length = 0;
  await gc(bench.command(two, { ...gone, valid: [] }));
  assert.equal(bench.calls.filter(({ verb }) => verb === "DEL").map(({ type,
    request }) => [request.attachment.containerId, type, request.attachment.ifName]).sort(),
    [["a", "one", "eth0"], ["a", "two", "net1"], ["b", "one", "eth0"], ["b", "two", "net1"]]);
  assert.equal(left(), []);
});

collecting("goes by the cache where a network of the scratch file is no network any more", async () => {
  await attach(two, "a");
  const file = join(bench.cniDir, "a"), [first, ...rest] = JSON.parse(readFileSync(file, "utf8"));
  writeFileSync(file, JSON.stringify([{ ...first, Bytes: "e30=" }, ...rest]));
  bench.calls.length = 0;
  await gc(bench.command(two, { ...gone, valid: [] }));
  assert.equal(bench.story().slice(0, 2), ["DEL two net1", "DEL one eth0"]);
  assert.equal(left(), []);
});

collecting("collects what Multus wrote, by its default network", async () => {
  for (const id of ["a", "b"]) await attach(two, id);
  for (const name of left()) {
    const file = join(bench.cniDir, name), text = readFileSync(file, "utf8");
    writeFileSync(file, JSON.stringify(JSON.parse(text), (key, value: unknown) => key === "polynic" ? undefined
      : value));
  }
  await gc(bench.command({ name: "elsewhere", delegates: [single("three")] }, { ...gone, valid: [] }));
  assert.is(left().length, 6);
  await gc(bench.command(two, { ...gone, valid: [{ containerID: "b", ifname: "eth0" }] }));
  assert.equal(left(), ["b", "results/net-one-b-eth0", "results/net-two-b-net1"]);
});

collecting("does not enter a namespace by the number of a process that ended", async () => {
  await add(bench.command(two, { containerId: "a", netns: "/proc/4711/ns/net" }));
  bench.interfaces.clear();
  bench.calls.length = 0;
  await gc(bench.command(two, { ...gone, valid: [] }));
  assert.equal(bench.calls.filter(({ verb }) => verb === "DEL").map(({ request }) => request.attachment.netns),
    ["", ""]);
});

collecting("goes past errors, tells them, and keeps what failed for the next time", async () => {
  for (const id of ["a", "b"]) await attach(two, id);
  bench.failures.set("DEL two", new CniError(11, "busy"));
  bench.failures.set("GC one", new Error("no"));
  const error = await rejects(gc(bench.command(two, { ...gone, valid: [] })), 11);
  assert.match(error.message, /busy.*busy.*no/);
  assert.equal(left(), ["a", "b", "results/net-two-a-net1", "results/net-two-b-net1"]);
  bench.failures.clear();
  await gc(bench.command(two, { ...gone, valid: [] }));
  assert.equal(left(), []);
});

collecting("skips networks below 1.1.0 and those with disableGC", async () => {
  const delegates = [single("one", { cniVersion: "1.0.0" }),
    { cniVersion: "1.1.0", name: "list", disableGC: true, plugins: [{ type: "two" }] }, single("three")];
  await gc(bench.command({ delegates }, { ...gone, valid: [] }));
  assert.equal(bench.story(), ["GC three"]);
});

collecting("tidies up after writes that were killed", async () => {
  await attach(two, "a");
  for (const path of ["cni/.polynic-1-ab.tmp", "cni/results/.polynic-1-ab.tmp"]) utimesSync(bench.file(path,
    "{"), 0, 0);
  await gc(bench.command(two, { ...gone, valid: [{ containerID: "a", ifname: "eth0" }] }));
  assert.equal(left(), ["a", "results/net-one-a-eth0", "results/net-two-a-net1"]);
});

collecting("works without a data directory, and past broken files in it", async () => {
  await gc(bench.command(two, { ...gone, valid: [] }));
  bench.file("cni/broken", "{");
  bench.file("cni/results/net-one-x-eth0", "{");
  await gc(bench.command(two, { ...gone, valid: [] }));
  assert.equal(left(), ["broken", "results/net-one-x-eth0"]);
});
collecting.run();

const asking = prepared("status");

asking("asks every plugin of every network, whatever its version", async () => {
  const delegates = [{ cniVersion: "1.1.0", name: "chain", plugins: [{ type: "one" }, { type: "shaper" }] },
    single("two", { cniVersion: "1.0.0" }), single("three")];
  await status(bench.command({ delegates }, { ...gone, verb: "STATUS" }));
  assert.equal(bench.story(), ["STATUS one", "STATUS shaper", "STATUS two", "STATUS three"]);
});
asking("answers with the first refusal, code and words unchanged", async () => {
  bench.failures.set("STATUS one", new CniError(50, "no daemon", { details: "socket" }));
  const error = await rejects(status(bench.command(two, { ...gone, verb: "STATUS" })), 50);
  assert.ok(error instanceof CniError);
  assert.equal([error.message, error.details], ["no daemon", "socket"]);
  assert.equal(bench.story(), ["STATUS one"]);
});
asking("does not wait for the readiness file, as GC does", async () => {
  const file = join(bench.directory, "ready"), conf = { ...two, readinessindicatorfile: file };
  const error = await rejects(status(bench.command(conf, { ...gone, verb: "STATUS" })), 50);
  assert.match(error.message, /readinessindicatorfile .*\/ready is not there/);
  const done = gc(bench.command(conf, { ...gone, verb: "GC" }));
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(bench.calls, []);
  writeFileSync(file, "");
  await done;
  assert.equal(bench.story(), ["GC one", "GC two"]);
});
asking("fails when a network cannot be resolved", async () => {
  await rejects(status(bench.command({ clusterNetwork: "nowhere" }, { ...gone, verb: "STATUS" })), 7);
});
asking.run();
