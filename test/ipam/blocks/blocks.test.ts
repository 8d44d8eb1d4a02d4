// Blocks and their entries as values: arithmetic, texts, views, verdicts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Entry, ListedLease } from "../../../src/ipam/index.ts";
import {
  addressAt, addressId, addressOfId, blockStart, cursorsFromJson, cursorsToJson, emptyBlock, entryFromJson, entryToJson,
  judge, offsetOf, unreadable,
} from "../../../src/ipam/index.ts";
import { offsetsIn } from "../../../src/ipam/blocks/block.ts";
import { isGeneratedName } from "../../../src/ipam/blocks/changes.ts";
import { blockCount } from "../../../src/ipam/blocks/choice-of-blocks.ts";
import { narrowView } from "../../../src/ipam/blocks/sight.ts";
import { formatAddress, parseAddress, viewHolds } from "../../../src/net/index.ts";

const spanOf = (first: string, last: string) => ({ first: parseAddress(first), last: parseAddress(last) });

const arithmetic = suite("a block");

for (const [text, start, offset, id] of [
  ["10.0.0.0", "10.0.0.0", 0, "00000000000000000000ffff0a000000"],
  ["10.0.0.63", "10.0.0.0", 63, "00000000000000000000ffff0a00003f"],
  ["10.0.0.64", "10.0.0.64", 0, "00000000000000000000ffff0a000040"],
  ["255.255.255.255", "255.255.255.192", 63, "00000000000000000000ffffffffffff"],
  ["fd00::1:7f", "fd00::1:40", 63, "fd00000000000000000000000001007f"],
  ["::a00:0", "::a00:0", 0, "0000000000000000000000000a000000"],
] as const)
  arithmetic(`of ${text} begins at ${start}`, () => {
    const address = parseAddress(text), first = blockStart(address);
    assert.is(formatAddress(first), start);
    assert.is(offsetOf(address), offset);
    assert.equal(addressAt({ first }, offset), address);
    assert.is(addressId(address), id);
    assert.equal(addressOfId(id), address);
  });

arithmetic("has no id that is none", () => {
  for (const text of ["", "0a000000", "G".repeat(32), `${"0".repeat(32)}0`, "0".repeat(31)])
    assert.is(addressOfId(text), undefined, text);
});

for (const [first, last, block, from, to, count] of [
  ["10.0.0.1", "10.0.0.254", "10.0.0.0", 1, 63, 4n],
  ["10.0.0.1", "10.0.0.254", "10.0.0.192", 0, 62, 4n],
  ["10.0.0.1", "10.0.0.6", "10.0.0.0", 1, 6, 1n],
  ["10.0.0.1", "10.0.0.6", "10.0.0.64", 1, 0, 1n],
  ["10.0.0.60", "10.0.0.70", "10.0.0.0", 60, 63, 2n],
  ["10.0.0.1", "10.0.0.254", "fd00::", 1, 0, 4n],
  ["10.0.0.1", "10.255.255.254", "10.9.0.0", 0, 63, 262_144n],
  ["fd00::", "fd00::ffff:ffff:ffff:ffff", "fd00::40", 0, 63, 2n ** 58n],
] as const)
  arithmetic(`at ${block} has ${from} to ${to} of ${first}-${last}`, () => {
    assert.equal(offsetsIn(parseAddress(block), spanOf(first, last)), { from, to });
    assert.is(blockCount(spanOf(first, last)), count);
  });

arithmetic("that is not there is empty and nobody's", () => {
  const block = emptyBlock(parseAddress("10.0.0.0"));
  assert.equal([block.node, block.entries.size, block.id], ["", 0, "00000000000000000000ffff0a000000"]);
});

const entries = suite("an entry");

const owner = { containerId: "c1", ifName: "eth0", node: "a", bootId: "now" };
for (const entry of [
  { state: "active", owner, ticket: "t", atMs: 1 },
  { state: "active", owner: { ...owner, network: "blue", pod: { namespace: "shop", name: "db-0", uid: "u" } },
    ticket: "t", atMs: 1 },
  { state: "held", key: "shop/db-0/eth0", untilMs: 2, atMs: 1 },
  { state: "left", key: "shop/db-0/eth0", atMs: 1 },
] satisfies Exclude<Entry, { state: "unreadable" }>[])
  entries(`that is ${entry.state} is the same after it was written and read`, () => {
    assert.equal(entryFromJson(JSON.parse(JSON.stringify(entryToJson(entry)))), entry);
  });

entries("that somebody else wrote is nobody's", () => {
  for (const text of ["null", "1", "[]", "{}", '{"owner":{}}', '{"owner":{"containerId":1}}', '{"held":"k"}',
    '{"owner":{"containerId":"c","ifName":"i","node":"n","bootId":"b"}}', '{"left":1}'])
    assert.equal(entryFromJson(JSON.parse(text)), unreadable, text);
});

entries("that says two things is nobody's: one of the two may have the address", () => {
  const active = entryToJson({ state: "active", owner, ticket: "t", atMs: 1 });
  for (const more of [{ held: "k", until: 1 }, { left: "k" }, { held: "k", until: 1, left: "k" }])
    assert.equal(entryFromJson({ ...active, ...more }), unreadable, JSON.stringify(more));
});

const cursors = suite("cursors");

cursors("are the same after they were written and read", () => {
  const written = { 0: { offset: 0, turn: 0 }, 12: { offset: 63, turn: 2 ** 40 } };
  assert.equal(cursorsFromJson(JSON.parse(JSON.stringify(cursorsToJson({ cursors: written })))), written);
});

for (const [title, one] of [
  ["an offset that there is not", { offset: 64, turn: 1 }], ["an offset below zero", { offset: -1, turn: 1 }],
  ["half an offset", { offset: 1.5, turn: 1 }], ["a text for an offset", { offset: "1", turn: 1 }],
  ["a turn that nothing comes after", { offset: 1, turn: 1e300 }], ["no turn", { offset: 1 }], ["nothing", null],
] as const)
  cursors(`with ${title} are as good as none`, () => {
    assert.equal(cursorsFromJson({ 0: one, 1: { offset: 1, turn: 1 } }), { 1: { offset: 1, turn: 1 } });
  });

const views = suite("a narrow view");

for (const [free, shown] of [
  [[], "........"], [[1], "1......."], [[8], ".......8"], [[1, 8], "1......8"], [[3, 4, 6], "..34.6.."],
  [[1, 2, 3, 4, 5, 6, 7, 8], "12345678"],
] as const)
  views(`shows ${free.join(" ") || "nothing"} as free and all else as taken`, () => {
    for (const base of ["10.0.0.", "fd00::"]) {
      const span = spanOf(`${base}1`, `${base}8`);
      const view = narrowView(span, free.map((last) => parseAddress(`${base}${last}`)));
      const seen = [1, 2, 3, 4, 5, 6, 7, 8].map((last) =>
        viewHolds(view, span, parseAddress(`${base}${last}`)) ? "." : String(last));
      assert.is(seen.join(""), shown);
    }
  });

views("goes to the end of all addresses", () => {
  const span = spanOf("255.255.255.254", "255.255.255.255");
  assert.not(viewHolds(narrowView(span, [parseAddress("255.255.255.255")]), span, parseAddress("255.255.255.255")));
  assert.is(narrowView(span, [parseAddress("255.255.255.255")]).count, 1);
});

const names = suite("a pod's name");

for (const [name, isGenerated] of [
  ["web-5d9c7b8f6-x2x4k", true], ["job-abcde", false], ["job-bcdfg", true], ["db-0", false], ["db-10", false],
  ["web", false], ["web-x2x4", false],
] as const)
  names(`${name} ${isGenerated ? "never comes" : "may come"} back`, () => {
    assert.is(isGeneratedName(name), isGenerated);
  });

const verdicts = suite("a collection");

const minute = 60_000, nowMs = 100 * minute;
const lease = (last: number, { node = "a", sinceMs = 0, id = "gone" } = {}): ListedLease => ({
  address: parseAddress(`10.0.0.${last}`), version: "t", sinceMs, owner: { ...owner, node, containerId: id } });
const evidence = ({ owner: { containerId } }: ListedLease) => containerId === "there"
  ? { isGone: false, reason: "its container is there" } : { isGone: true, reason: "its container is gone" };

for (const [title, one, rules, reason] of [
  ["of a container that is gone", lease(1), {}, undefined],
  ["of another node", lease(1, { node: "b" }), {}, /of node "b"/],
  ["whose container is there", lease(1, { id: "there" }), {}, /is there/],
  ["that is young", lease(1, { sinceMs: nowMs - 2 * minute }), {}, /younger than 180 s/],
  ["that is of the future, as a clock was set back", lease(1, { sinceMs: nowMs + minute }), {}, /younger/],
  ["that is young, where the grace is over", lease(1, { sinceMs: nowMs - 2 * minute }), { graceMs: minute }, undefined],
] as const)
  verdicts(`of a lease ${title} ${reason === undefined ? "takes it" : "lets it be"}`, () => {
    const [verdict] = judge([one], { node: "a", nowMs, evidence, ...rules });
    assert.is(verdict?.isCollected, reason === undefined);
    if (reason !== undefined) assert.match(verdict?.reason ?? "", reason);
  });

verdicts("takes half of a scope at most, and all of a small one", () => {
  const many = Array.from({ length: 40 }, (_, i) => lease(i + 1));
  const count = (of: readonly ListedLease[], share?: number) =>
    judge(of, { node: "a", nowMs, evidence, ...(share === undefined ? {} : { share }) })
      .filter(({ isCollected }) => isCollected).length;
  assert.equal([count(many), count(many, 1), count(many.slice(0, 8)), count(many.slice(0, 12))], [20, 40, 8, 8]);
});

for (const each of [arithmetic, entries, cursors, views, names, verdicts]) each.run();
