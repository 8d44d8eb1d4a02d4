// Twenty nodes at random on one engine that compares and swaps, with nodes killed in the middle of a call, answers lost
// and nodes cut off: no address twice, none lost, nothing left.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { setImmediate } from "node:timers/promises";
import { RecalledBlocks } from "../../../src/ipam/index.ts";
import { realWorld } from "../../../src/os/index.ts";
import { SharedBlocks, away, openMemoryBlocks } from "../../helpers/shared/memory-blocks.ts";
import type { Random } from "../../helpers/random.ts";
import { random } from "../../helpers/random.ts";
import type { PretendNode } from "../../helpers/shared/nodes.ts";
import { Ledger, allocate, linesOf, nodeWith, rangesOf, scope } from "../../helpers/shared/nodes.ts";

const nodeCount = 20, stepsOfNode = 30;
const who = (containerId: string) => ({ containerId, ifName: "eth0" });

/** Clocks that are wrong by up to an hour either way; no pause takes time. */
function worldOf(any: Random) {
  const offMs = any.below(7_200_000) - 3_600_000;
  return { ...realWorld, wallMs: () => Date.now() + offMs, sleep: async () => await setImmediate(),
    random: () => any.below(2 ** 31) / 2 ** 31 };
}

/** A node whose requests fail as its luck is; `calm` once all is to be well. */
function unluckyNode(name: string, shared: SharedBlocks, any: Random) {
  const luck = { calm: false };
  // Some are processes that go on, and remember what they have seen.
  const recalled = any.once(2) ? new RecalledBlocks(() => performance.now()) : undefined;
  const engine = openMemoryBlocks(shared, recalled), write = engine.write.bind(engine);
  const node = nodeWith(name, { ...engine, async write(of, changes) {
    if (luck.calm || !any.once(12)) return await write(of, changes);
    // Cut off before it is written, or before the answer comes.
    if (any.once(2)) await write(of, changes);
    throw away();
  } }, { world: worldOf(any) });
  return { node, luck };
}

const model = suite("twenty nodes with one pool");

const pools = [["wide", "10.0.0.0/16"], ["nearly full", "10.0.0.0/23"], ["of IPv6", "fd00::/64"]] as const;

for (const [title, subnet] of pools)
  model(`${title} never give an address twice, lose none and leave none`, async () => {
    const any = random(), shared = new SharedBlocks(), sets = rangesOf(subnet), ledger = new Ledger(any);
    shared.pause = async () => {
      for (let turns = any.below(3); turns > 0; turns--) await setImmediate();
    };
    const all = Array.from({ length: nodeCount }, (_, i) => unluckyNode(`n${i}`, shared, any));
    const alive = await Promise.all(all.map(async ({ node }) => await live(node, { sets, ledger, any })));
    for (const { luck } of all) luck.calm = true;
    // Every node asks for something once more: what was noted is released then.
    for (const { node } of all) await node.store.collect(scope, [], () => true);
    const first = all[0]?.node as PretendNode;
    assert.equal(await linesOf(first), ledger.lines, `seed ${any.seed}`);
    for (const [i, pods] of alive.entries()) for (const pod of pods) await all[i]?.node.store.release(scope, who(pod));
    assert.equal(await linesOf(first), [], `seed ${any.seed}`);
    assert.equal(all.map(({ node }) => node.journal.noted).flat(), [], `seed ${any.seed}`);
  });

type Life = { sets: ReturnType<typeof rangesOf>; ledger: Ledger; any: Random };

async function live(node: PretendNode, { sets, ledger, any }: Life): Promise<readonly string[]> {
  const pods: string[] = [];
  for (let step = 0; step < stepsOfNode; step++) {
    if (pods.length > 0 && any.below(5) < 2) {
      const [pod = ""] = pods.splice(any.below(pods.length), 1);
      ledger.drop(pod);
      await node.store.release(scope, who(pod));
      continue;
    }
    const pod = `${node.name}-${step}`;
    try {
      ledger.take(await allocate(node, who(pod), sets), { node: node.name, container: pod });
      pods.push(pod);
    } catch (error) {
      const { code } = error as { code?: number };
      assert.ok(code === 11 || code === 100, String(error));
      // A runtime whose ADD has failed asks for DEL.
      await node.store.release(scope, who(pod));
    }
  }
  return pods;
}

model("of a node that is killed between any two of its requests keep what it had, until it collects", async () => {
  const shared = new SharedBlocks(), sets = rangesOf("10.0.0.0/26");
  const other = nodeWith("b", openMemoryBlocks(shared));
  for (let steps = 0; ; steps++) {
    let left = steps, isDead = true;
    const killed = nodeWith("a", stoppingEngine(shared, () => left-- <= 0));
    const pod = `c${steps}`;
    await Promise.race([allocate(killed, who(pod), sets).then(() => { isDead = false; }), forSomeTime()]);
    const owners = (await other.store.list(scope)).map(({ owner }) => owner.containerId);
    assert.ok(owners.every((owner) => owner === pod), owners.join());
    // As it starts again it knows of no container of that name.
    const again = nodeWith("a", openMemoryBlocks(shared));
    await again.store.collect(scope, await again.store.list(scope), () => false);
    assert.equal(await linesOf(other), []);
    if (!isDead) break;
  }
});

/** Requests that never come back after the first ones, as of a process that is gone. */
function stoppingEngine(shared: SharedBlocks, isDead: () => boolean) {
  const engine = openMemoryBlocks(shared);
  const orNever = <A extends readonly unknown[], T>(work: (...args: A) => Promise<T>) =>
    async (...args: A): Promise<T> => isDead() ? await new Promise<T>(() => {}) : await work(...args);
  return { ...engine, readFor: orNever(engine.readFor), readSome: orNever(engine.readSome),
    readAll: orNever(engine.readAll), write: orNever(engine.write) };
}

async function forSomeTime(): Promise<void> {
  for (let i = 0; i < 200; i++) await setImmediate();
}

model("writes once for each allocation while blocks last", async () => {
  const shared = new SharedBlocks(), sets = rangesOf("10.0.0.0/16");
  const nodes = Array.from({ length: nodeCount }, (_, i) => nodeWith(`n${i}`, openMemoryBlocks(shared)));
  const each = 25;
  await Promise.all(nodes.map(async (node) => {
    for (let i = 0; i < each; i++) await allocate(node, who(`${node.name}-${i}`), sets);
  }));
  // Each claim of a block is part of the allocation that needs it.
  assert.ok(shared.writes <= nodeCount * each * 1.1, String(shared.writes));
});

model.run();
