import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mergeSpans, setElements, setFlags, setUserdata } from "../../../src/netlink/nftables/set.ts";

/** "10-20" or "10": one byte each. */
function spans(text: string) {
  return text.split(" ").map((part) => {
    const [first = 0, last = first] = part.split("-").map(Number);
    return { first: Uint8Array.of(first), last: Uint8Array.of(last) };
  });
}

/** A boundary as text: `]` starts the values outside, `+` is open to the end. */
function boundaries(text: string): string {
  const set = { keyType: { id: 12, byteOrder: "host" }, keyBytes: 1, ...mergeSpans(spans(text)) } as const;
  return setElements(set)
    .map(({ key, flags = 0,
      userdata }) => `${flags === 1 ? "]" : ""}${key?.value?.[0]}${userdata === undefined ? "" : "+"}`)
    .join(" ");
}

const rows: readonly [title: string, from: string, wire: string][] = [
  ["single values in order", "3 1 2", "1 2 3"],
  ["repeated values once", "1 2 1", "1 2"],
  ["an interval", "10-20", "]0 10 ]21"],
  ["an interval from zero", "0-20", "0 ]21"],
  ["an interval to the greatest value", "10-255", "]0 10+"],
  ["intervals and values", "30 10-20", "]0 10 ]21 30 ]31"],
  ["what overlaps as one", "10-20 15-25", "]0 10 ]26"],
  ["what lies within as one", "10-30 15-25", "]0 10 ]31"],
  ["what touches as one", "10-20 21 22-30", "]0 10 ]31"],
  ["everything", "0-255", "0+"],
];

const elements = suite("setElements");
for (const [title, from, wire] of rows) elements(`has ${title}`, () => assert.is(boundaries(from), wire));
elements.run();

const description = suite("setFlags and setUserdata");
description("tell intervals and the byte order", () => {
  const set = { keyType: { id: 13, byteOrder: "big" }, keyBytes: 1 } as const;
  assert.is(setFlags({ ...set, ...mergeSpans(spans("1 2")) }), 3);
  assert.is(setFlags({ ...set, ...mergeSpans(spans("1-2 4")) }), 7);
  assert.equal([...setUserdata({ ...set, ...mergeSpans(spans("1 2")) })].slice(0, 2), [0, 4]);
  assert.equal([...setUserdata({ ...set, ...mergeSpans(spans("1-2 4")) })].slice(6, 8), [2, 4]);
});
description.run();
