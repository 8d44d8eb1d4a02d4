// src/mux/del.ts: what a DEL could not take away is kept and told. The rest of DEL is in add.test.ts.
import { readdirSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../src/cni/index.ts";
import { add, check, del } from "../../src/mux/index.ts";
import { loadResult, loadScratch, saveResult, saveScratch } from "../../src/store/index.ts";
import { rejects } from "../helpers/errors.ts";
import type { Bench } from "../helpers/multiplexer.ts";
import { openBench } from "../helpers/multiplexer.ts";

let bench: Bench;
const deleting = suite("what is left");
deleting.before.each(() => { bench = openBench(); });
deleting.after.each(() => bench.remove());

const single = (type: string): object => ({ cniVersion: "1.0.0", name: `net-${type}`, type });
const two = { delegates: [single("one"), single("two")] };
const left = (): readonly string[] =>
  readdirSync(bench.cniDir, { recursive: true, encoding: "utf8" }).filter((name) => name !== "results").sort();

deleting("never forgets what a damaged scratch file may have been of, and goes on telling", async () => {
  await add(bench.command(two));
  for (const name of ["results/net-one-c1-eth0", "results/net-two-c1-net1"]) unlinkSync(join(bench.cniDir, name));
  writeFileSync(join(bench.cniDir, "c1"), "[");
  bench.failures.set("DEL two", new CniError(11, "busy"));
  for (let i = 0; i < 2; i++) {
    assert.match((await rejects(del(bench.command(two, { verb: "DEL" })), 11)).message, 'plugin "two"');
    assert.equal(left(), ["results/net-two-c1-net1"]);
  }
  bench.failures.clear();
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(left(), []);
});

deleting("takes away what an earlier DEL left, also after another ADD of the container without that network",
  async () => {
  await add(bench.command(two));
  bench.failures.set("DEL two", new Error("no"));
  await rejects(del(bench.command(two, { verb: "DEL" })), 999);
  const one = { delegates: [single("one")] };
  await add(bench.command(one));
  bench.calls.length = 0;
  await check(bench.command(one, { verb: "CHECK" }));
  assert.equal(bench.story(), ["CHECK one eth0"], "it is not attached any more");
  await rejects(del(bench.command(one, { verb: "DEL" })), 999);
  assert.equal(left(), ["results/net-two-c1-net1"]);
  bench.failures.clear();
  await del(bench.command(one, { verb: "DEL" }));
  assert.equal(left(), []);
});

deleting("keeps the scratch file where nothing can be kept in the cache", async () => {
  bench.failures.set("ADD two", new Error("no"));
  bench.failures.set("undo two", new Error("no"));
  await rejects(add(bench.command(two)), 999);
  bench.failures.set("DEL two", new Error("no"));
  rmSync(join(bench.cniDir, "results"), { recursive: true, force: true });
  writeFileSync(join(bench.cniDir, "results"), "no directory");
  for (let i = 0; i < 2; i++) await rejects(del(bench.command(two, { verb: "DEL" })), 999);
  rmSync(join(bench.cniDir, "results"));
  bench.failures.clear();
  await del(bench.command(two, { verb: "DEL" }));
  assert.equal(left(), []);
});

deleting("keeps telling of a network whose file or cluster network it was, when that is gone", async () => {
  bench.file("net.d/10-lan.conflist", JSON.stringify({ cniVersion: "1.0.0", name: "lan", plugins: [{ type: "two" }] }));
  await add(bench.command({ clusterNetwork: "lan" }));
  rmSync(join(bench.directory, "net.d"), { recursive: true });
  bench.failures.set("DEL two", new Error("no"));
  for (let i = 0; i < 3; i++) {
    await rejects(del(bench.command({ clusterNetwork: "lan" }, { verb: "DEL" })), 999);
    assert.equal(left(), ["results/lan-c1-eth0"]);
  }
  bench.failures.clear();
  await del(bench.command({ clusterNetwork: "lan" }, { verb: "DEL" }));
  assert.equal(left(), []);
});
const withoutScratch = (): void => unlinkSync(join(bench.cniDir, "c1"));
const withoutCache = (): void => unlinkSync(join(bench.cniDir, "results/net-one-c1-eth0"));
for (const [where, lose] of [["scratch file", withoutCache], ["cache", withoutScratch]] as const) {
  deleting(`takes away a network of more plugins than are attached today, which is in the ${where}`, async () => {
    const one = { delegates: [single("one")] };
    await add(bench.command(one));
    const plugins = Array.from({ length: 101 }, () => ({ type: "one" }));
    const confText = JSON.stringify({ cniVersion: "1.0.0", name: "net-one", plugins });
    const key = { networkName: "net-one", containerId: "c1", ifName: "eth0" };
    const scratch = loadScratch(bench.cniDir, key), cached = loadResult(bench.cniDir, key);
    assert.ok(scratch && cached);
    const delegates = scratch.delegates.map((delegate) => ({ ...delegate, confText, list: true }));
    saveScratch(bench.cniDir, key, { ...scratch, delegates });
    saveResult(bench.cniDir, { ...cached, confText });
    lose();
    bench.calls.length = 0;
    await del(bench.command(one, { verb: "DEL" }));
    assert.equal([bench.story().filter((call) => call === "DEL one eth0").length, left()], [101, []]);
  });
}
deleting.run();
