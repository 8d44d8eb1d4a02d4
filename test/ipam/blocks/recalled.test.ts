// src/ipam/blocks/recalled.ts: what a process remembers of a node's blocks, and until when.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Entry, SeenBlock } from "../../../src/ipam/index.ts";
import { RecalledBlocks, emptyBlock } from "../../../src/ipam/index.ts";
import { parseAddress } from "../../../src/net/index.ts";

const active = (node: string): Entry =>
  ({ state: "active", ticket: "t", atMs: 0, owner: { containerId: "c", ifName: "eth0", node, bootId: "now" } });

/** A block of a node, with an address of another one where that is said. */
function blockOf(first: string, node: string, user = "", stamp = "1"): SeenBlock {
  return { ...emptyBlock(parseAddress(first)), node, stamp, entries: new Map(user === "" ? [] : [[5, active(user)]]) };
}

const known = (recalled: RecalledBlocks, node = "a", scope = "pods") => recalled.of(scope, node)
  ?.map(({ first, stamp }) => `${first.bytes.join(".")} ${String(stamp)}`);

const blocks = suite("recalled blocks");

blocks("are those of the node, and those it has addresses of", () => {
  const recalled = new RecalledBlocks(() => 0);
  assert.is(known(recalled), undefined);
  recalled.read("pods", "a", [blockOf("10.0.0.0", "a"), blockOf("10.0.0.64", "b", "a"), blockOf("10.0.0.128", "b")]);
  assert.equal(known(recalled), ["10.0.0.0 1", "10.0.0.64 1"]);
  assert.equal([known(recalled, "b"), known(recalled, "a", "lan")], [undefined, undefined]);
});

blocks("are as they were written last", async () => {
  const recalled = new RecalledBlocks(() => 0);
  recalled.read("pods", "a", [blockOf("10.0.0.0", "a"), blockOf("10.0.0.64", "b", "a")]);
  assert.ok(await recalled.writing("pods", async () => [blockOf("10.0.0.0", "a", "a", "2"),
    blockOf("10.0.0.64", "b", "", "2"), blockOf("10.0.1.0", "a", "", "2")]));
  assert.equal(known(recalled), ["10.0.0.0 2", "10.0.1.0 2"]);
});

blocks("are forgotten where a change was refused, or nobody knows what came of it", async () => {
  const recalled = new RecalledBlocks(() => 0);
  const read = (): void => recalled.read("pods", "a", [blockOf("10.0.0.0", "a")]);
  read();
  assert.not(await recalled.writing("pods", async () => undefined));
  assert.is(known(recalled), undefined);
  read();
  await recalled.writing("pods", async () => { throw new Error("away"); }).catch(() => {});
  assert.is(known(recalled), undefined);
  read();
  await recalled.writing("lan", async () => undefined);
  assert.equal(known(recalled), ["10.0.0.0 1"], "of another scope");
});

blocks("are not relied on for long, and of not too many places", () => {
  let ms = 0;
  const recalled = new RecalledBlocks(() => ms, 1_000);
  recalled.read("pods", "a", []);
  ms = 1_000;
  assert.equal(known(recalled), []);
  ms = 1_001;
  assert.is(known(recalled), undefined);
  for (let i = 0; i < 1_000; i++) recalled.read(`scope${i}`, "a", [blockOf("10.0.0.0", "a")]);
  assert.ok(Array.from({ length: 1_000 }, (_, i) => recalled.of(`scope${i}`, "a"))
    .filter((one) => one !== undefined).length <= 200);
});

blocks.run();
