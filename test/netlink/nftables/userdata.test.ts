import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Output } from "../../../src/netlink/index.ts";
import { commentUserdata } from "../../../src/netlink/nftables/userdata.ts";

function read(hex: string): string | undefined {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));
  return commentUserdata.read(new DataView(bytes.buffer), 0, bytes.length);
}

const comment = suite("commentUserdata");

const rows: readonly [title: string, hex: string, text: string | undefined][] = [
  ["a comment", "00 03 68 69 00", "hi"],
  ["a comment behind other entries", "01 02 ff ff 00 03 68 69 00", "hi"],
  ["a comment without its NUL", "00 02 68 69", "hi"],
  ["text beyond ASCII", "00 03 c3 a9 00", "é"],
  ["other entries only", "01 02 ff ff", undefined],
  ["nothing", "", undefined],
];
for (const [title, hex, text] of rows) comment(`reads ${title}`, () => assert.is(read(hex), text));

comment("reads every truncation as no comment", () => {
  for (const hex of ["00", "00 03", "00 03 68", "00 03 68 69", "01 02 ff 00"]) assert.is(read(hex), undefined);
});

comment("reads back what it writes", () => {
  const out = new Output(256);
  commentUserdata.write(out, `6fd94d501e58f0aa, net: blue, "quoted"`);
  assert.is(commentUserdata.read(out.view, 0, out.length), `6fd94d501e58f0aa, net: blue, "quoted"`);
});

for (const [title, text, found] of [
  ["longer than nft takes", "é".repeat(65), 130],
  ["with a NUL in it", "a\0b", 3],
] as const) {
  comment(`writes no text ${title}`, () => assert.throws(() => commentUserdata.write(new Output(256), text),
    `Cannot encode comment: expected at most 128 bytes without NUL, found ${found} bytes`));
}

comment("writes the longest, beyond ASCII", () => {
  const out = new Output(256), text = "é".repeat(64);
  commentUserdata.write(out, text);
  assert.is(commentUserdata.read(out.view, 0, out.length), text);
});

comment.run();
