// src/dhcp/gob-reader.ts and gob-writer.ts: bytes of Go's encoding/gob as its documentation spells them, and what is none.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { gobReader } from "../../src/dhcp/gob-reader.ts";
import type { GobStruct } from "../../src/dhcp/gob-writer.ts";
import { gobWriter } from "../../src/dhcp/gob-writer.ts";
import { DhcpError } from "../../src/dhcp/index.ts";

const bytes = (...hex: string[]): Uint8Array => new Uint8Array(Buffer.from(hex.join(""), "hex"));

/** type Point struct { X, Y int }; Point{22, 33} as the package's documentation prints it. */
const point = bytes(
  "1fff81", "0301", "0105", "506f696e74", "01ff82", "00", // 31 bytes: type -65 is a struct, its name Point, its id 65
  "0102", "01015801040", "0", // it has two fields: X of type int
  "010159010400", "0000", // and Y
  "07ff82", "012c", "0142", "00", // 7 bytes: a value of type 65, X 22, Y 33
);

const reader = suite("gobReader");

reader("reads the example of the format's own documentation", () => {
  assert.equal(gobReader().push(point), [{ X: 22, Y: 33 }]);
});

reader("reads a stream that comes a byte at a time", () => {
  const read = gobReader();
  assert.equal([...point].flatMap((byte) => read.push(new Uint8Array([byte]))), [{ X: 22, Y: 33 }]);
});

reader("keeps what a stream has described", () => {
  const read = gobReader();
  read.push(point);
  assert.equal(read.push(point.subarray(32)), [{ X: 22, Y: 33 }]);
});

for (const [what, given, expected] of [
  ["an int", "03040006", 3], ["a negative int", "03040005", -3], ["a uint above 127", "050600fe0100", 256],
  ["true", "03020001", true], ["a string", "050c00026162", "ab"], ["a double", "050800fe3140", 17],
] as const) {
  reader(`reads ${what} that stands alone`, () => assert.equal(gobReader().push(bytes(given)), [expected]));
}

for (const [what, given] of [
  ["of a type that nothing was said of", "03ff8400"], ["too long", "fc7fffffff"], ["of a length of 128 bytes", "80"],
  ["cut inside", "030600fe"], ["of a field that its type does not have", "0fff810301010150010400"],
  ["of bytes that are cut", "040a00ff61"],
] as const) {
  reader(`refuses a message ${what}`, () => {
    assert.throws(() => {
      const read = gobReader();
      read.push(point);
      read.push(what.includes("field") ? bytes("05ff82050200") : bytes(given));
    }, (error: unknown) => error instanceof DhcpError
      && error.message.startsWith("Cannot read a message of Go's encoding/gob"));
  });
}

reader("refuses any damage with an error of its own, or reads something else", () => {
  for (let at = 0; at < point.length; at++) {
    for (const byte of [0x00, 0x7f, 0x80, 0xff]) {
      const damaged = point.slice();
      damaged[at] = byte;
      try {
        gobReader().push(damaged);
      } catch (error) {
        assert.instance(error, DhcpError);
      }
    }
  }
});

reader("refuses more types than a program has", () => {
  const read = gobReader(), described = point.subarray(0, 32);
  assert.throws(() => {
    for (let i = 0; i < 300; i++) {
      const copy = described.slice();
      copy.set([0xfe, 0x10 + (i >> 7), 0x01 + 2 * (i % 128)], 1);
      copy[0] = 0x20;
      read.push(new Uint8Array([copy[0], ...copy.subarray(1, 4), ...copy.subarray(3, 32)].slice(0, 33)));
    }
  }, (error: unknown) => error instanceof DhcpError);
});

reader.run();

const writer = suite("gobWriter");

const net: GobStruct = { struct: [["IP", "bytes"], ["Mask", "bytes"]] };
const shape: GobStruct = { struct: [["Name", "string"], ["Count", "int"], ["Size", "uint"], ["Nets", { list: net }],
  ["Words", { list: "string" }]] };
const value = {
  Name: "blue", Count: -5, Size: 70_000, Words: ["a", "b"],
  Nets: [{ IP: new Uint8Array([10, 0, 0, 5]), Mask: new Uint8Array([255, 0, 0, 0]) }, { IP: new Uint8Array([1]) }],
};

writer("writes what the reader reads", () => assert.equal(gobReader().push(gobWriter().write(shape, value)), [value]));

writer("describes a type once in a stream", () => {
  const write = gobWriter(), read = gobReader();
  const first = write.write(shape, value), second = write.write(shape, value);
  assert.ok(second.length < first.length / 2);
  assert.equal([...read.push(first), ...read.push(second)], [value, value]);
});

writer("leaves out what is zero, empty or absent", () => {
  assert.equal(gobReader().push(gobWriter().write(shape, { Name: "", Count: 0, Words: [], Size: 1 })), [{ Size: 1 }]);
});

writer("writes a struct without fields", () => assert.equal(gobReader().push(gobWriter().write({ struct: [] }, {})),
  [{}]));

writer("refuses a value of another shape", () => {
  assert.throws(() => gobWriter().write(shape, { Name: 5 }), /Cannot write number as "string"/);
});

writer.run();
