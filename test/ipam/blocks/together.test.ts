// src/ipam/blocks/together.ts: callers of one process that wait for each other are written in one step, and what goes
// wrong with one of them is not the others'.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError, code } from "../../../src/cni/index.ts";
import type { BlockEngine } from "../../../src/ipam/index.ts";
import { RecalledBlocks } from "../../../src/ipam/index.ts";
import { inTurn } from "../../../src/ipam/blocks/together.ts";
import { rejects } from "../../helpers/errors.ts";
import { SharedBlocks, away, openMemoryBlocks } from "../../helpers/shared/memory-blocks.ts";
import { allocate, linesOf, nodeWith, rangesOf, scope } from "../../helpers/shared/nodes.ts";

const sets = rangesOf("10.0.0.0/26"), both = rangesOf("10.0.0.0/26", "fd00::/122"), pods = 25;
const who = (containerId: string) => ({ containerId, ifName: "eth0" });
const ids = Array.from({ length: pods }, (_, i) => `c${i}`);
const world = { monotonicMs: () => 0, wallMs: () => Date.now(), random: Math.random, sleep: async () => {} };

/** A node's process, which has allocated before. */
async function nodeOf(
  shared: SharedBlocks, change: (engine: BlockEngine) => BlockEngine = (engine) => engine, before = "first",
) {
  const node = nodeWith("a", change(openMemoryBlocks(shared, new RecalledBlocks(() => 0))), { world });
  await allocate(node, who(before), both);
  return node;
}

const together = suite("callers that wait for each other");

for (const [title, ranges, of] of [["a family", sets, 1], ["both families", both, 2]] as const)
  together(`are a few writes, with an address of ${title} each`, async () => {
    const shared = new SharedBlocks(), node = await nodeOf(shared), before = shared.writes;
    const given = await Promise.all(ids.map(async (id) => await allocate(node, who(id), ranges)));
    assert.is(new Set(given.flat()).size, pods * of);
    assert.ok(shared.writes - before <= 3, `${shared.writes - before} writes`);
    assert.is((await linesOf(node)).length, pods * of + 2);
    for (const id of ids) assert.is((await node.store.release(scope, who(id))).length, of);
  });

together("are read for anew, one after the other, where another process of the node was faster", async () => {
  const shared = new SharedBlocks(), node = await nodeOf(shared);
  await nodeOf(shared, (engine) => engine, "other");
  const given = await Promise.all(ids.map(async (id) => await allocate(node, who(id), sets)));
  assert.is(new Set(given.flat()).size, pods);
  assert.is(new Set((await linesOf(node)).map((line) => line.split(" ")[0])).size, pods + 4);
});

together("are each told that nobody knows, and each given up later, where an answer is lost", async () => {
  const shared = new SharedBlocks(), node = await nodeOf(shared);
  shared.answered = () => { throw away(); };
  const errors = await Promise.all(ids.map(async (id) => await rejects(allocate(node, who(id), sets), 11)));
  assert.is(errors.length, pods);
  shared.answered = () => {};
  await node.store.release(scope, who("none"));
  assert.equal([await linesOf(node), node.journal.noted], [["10.0.0.2 first", "fd00::2 first"], []]);
});

for (const count of [1, pods])
  together(`are given up later where a write of ${count} was sent twice, and nobody answers after that`, async () => {
    const shared = new SharedBlocks();
    let isLost = false;
    const node = await nodeOf(shared, (engine) => ({ ...engine,
      async write(of, changes) {
        const isWritten = await engine.write(of, changes);
        return isLost ? false : isWritten;
      },
      async readSome(of, blocks) {
        if (isLost) throw away();
        return await engine.readSome(of, blocks);
      },
    }));
    isLost = true;
    const asked = ids.slice(0, count);
    await Promise.all(asked.map(async (id) => await rejects(allocate(node, who(id), sets), 11)));
    // Those who come after so many others have begun with what these have noted.
    assert.ok((await linesOf(node)).length > 2);
    isLost = false;
    await allocate(node, who("next"), sets);
    assert.equal([(await linesOf(node)).length, node.journal.noted], [3, []]);
  });

together("begin with what is noted where they note it themselves, and not with others'", async () => {
  const engine = openMemoryBlocks(new SharedBlocks(), new RecalledBlocks(() => 0)), drained: string[] = [];
  const calls = ["one", "other", "one", "other"].map(async (home) => await inTurn({
    engine, scope, home, alone: async (_, work) => await work(), begin: async () => void drained.push(home),
    work: async () => home }));
  assert.equal(await Promise.all(calls), ["one", "other", "one", "other"]);
  assert.equal(drained.toSorted(), ["one", "other"]);
});

together("get theirs where one of them is refused", async () => {
  const shared = new SharedBlocks();
  const node = await nodeOf(shared, (engine) => ({ ...engine, async write(of, changes) {
    const isBad = changes.some(({ after }) => [...after.entries.values()].some((entry) =>
      entry.state === "active" && entry.owner.containerId === "bad"));
    if (isBad) throw new CniError(code.cluster, "Cannot update: it is invalid, expected another");
    return await engine.write(of, changes);
  } }));
  const bad = rejects(allocate(node, who("bad"), sets), 120);
  const given = await Promise.all(ids.map(async (id) => await allocate(node, who(id), sets)));
  await bad;
  assert.is(new Set(given.flat()).size, pods);
  assert.is((await linesOf(node)).some((line) => line.includes("bad")), false);
});

together("of one interface get one address", async () => {
  const shared = new SharedBlocks(), node = await nodeOf(shared);
  const first = allocate(node, who("twin"), sets), second = rejects(allocate(node, who("twin"), sets), 102);
  assert.equal(await first, ["10.0.0.3"]);
  await second;
});

together("are all refused while what was noted cannot be released, and served after that", async () => {
  const shared = new SharedBlocks(), node = await nodeOf(shared);
  shared.pause = async () => { throw away(); };
  await node.store.release(scope, who("first"));
  await Promise.all(ids.map(async (id) => await rejects(allocate(node, who(id), sets), 11)));
  shared.pause = async () => {};
  await Promise.all(ids.map(async (id) => await allocate(node, who(id), sets)));
  assert.is((await linesOf(node)).length, pods);
});

together("fill a range to the last address, and no further", async () => {
  const shared = new SharedBlocks(), node = await nodeOf(shared), few = rangesOf("10.0.0.0/28");
  const outcomes = await Promise.allSettled(ids.map(async (id) => await allocate(node, who(id), few)));
  const given = outcomes.flatMap((one) => one.status === "fulfilled" ? one.value : []);
  assert.equal([given.length, new Set(given).size], [12, 12]);
  const codes = outcomes.flatMap((one) => one.status === "rejected" ? [(one.reason as CniError).code] : []);
  assert.equal(codes, Array.from({ length: pods - 12 }, () => 100));
});

together.run();
