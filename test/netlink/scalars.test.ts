import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  bool,
  CodecError,
  i32,
  i32be,
  mac,
  named,
  Output,
  raw,
  string,
  stringz,
  u16,
  u16be,
  u32,
  u32be,
  u64,
  u64be,
  u8,
} from "../../src/netlink/index.ts";
import type { Payload } from "../../src/netlink/index.ts";
import { bytesOf, decode, encode, hex } from "../helpers/wire.ts";

function row<T>(name: string, payload: Payload<T>, value: T, wire: string) {
  return { name, check: () => {
    assert.is(hex(encode(payload, value)), wire);
    assert.equal(decode(payload, bytesOf(wire)), value);
  } };
}

const color = named(u32, { red: 1, blue: 4 });

const scalars = suite("scalars");
for (const { name, check } of [
  row("u8", u8, 0xfe, "fe"),
  row("u16 in host order", u16, 0x1234, "34 12"),
  row("u16be", u16be, 0x1234, "12 34"),
  row("u32 in host order", u32, 0xfedc_ba98, "98 ba dc fe"),
  row("u32be", u32be, 0xfedc_ba98, "fe dc ba 98"),
  row("i32", i32, -2, "fe ff ff ff"),
  row("i32be", i32be, -2, "ff ff ff fe"),
  row("u64", u64, 0x0102_0304_0506_0708n, "08 07 06 05\n04 03 02 01"),
  row("u64be", u64be, 0x0102_0304_0506_0708n, "01 02 03 04\n05 06 07 08"),
  row("bool", bool, true, "01"),
  row("raw", raw, Uint8Array.of(1, 2, 3), "01 02 03"),
  row("stringz", stringz, "eth0", "65 74 68 30\n00"),
  row("string", string, "eth0", "65 74 68 30"),
  row("string beyond ASCII", string, "Büro", "42 c3 bc 72\n6f"),
  row("empty string", string, "", ""),
  row("mac", mac, "02:00:5e:10:00:fe", "02 00 5e 10\n00 fe"),
  row("mac of InfiniBand", mac, Array(20).fill("0a").join(":"), Array(5).fill("0a 0a 0a 0a").join("\n")),
  row("named", color, "blue", "04 00 00 00"),
]) {
  scalars(`${name} is written and read`, check);
}

scalars("values that do not fit are refused", () => {
  const refused = [() => encode(u8, 256), () => encode(u16, -1), () => encode(u32, 2 ** 32), () => encode(i32, 2 ** 31),
    () => encode(u32, Number.NaN),
    () => encode(u64, -1n), () => encode(mac, "02:00:zz:00:00:00"), () => encode(stringz, "a\0b")];
  for (const work of refused) assert.throws(work, (error: unknown) => error instanceof CodecError
    && error.act === "encode");
});

scalars("too few bytes are refused with both lengths", () => {
  assert.throws(() => decode(u32, bytesOf("01 02 03")), "Cannot decode u32: expected 4 bytes, found 3");
  assert.throws(() => decode(u64, bytesOf("01 02 03")), "Cannot decode u64: expected 8 bytes, found 3");
});

scalars("text ends at its first NUL", () => {
  assert.is(decode(stringz, bytesOf("65 74 00 30 00")), "et");
  assert.is(decode(string, bytesOf("c3 bc 00 30")), "ü");
  assert.is(decode(stringz, bytesOf("65 74")), "et");
});

scalars("a number without a name reads as absent", () => {
  assert.is(decode(color, bytesOf("07 00 00 00")), undefined);
});

scalars("raw owns its bytes", () => {
  const buffer = Uint8Array.of(1, 2, 3, 4);
  const value = raw.read(new DataView(buffer.buffer), 1, 3);
  buffer.fill(9);
  assert.equal(value, Uint8Array.of(2, 3));
});
scalars.run();

const output = suite("Output");
output("refuses more than it holds", () => {
  const out = new Output(8);
  out.reserve(6);
  assert.throws(() => out.reserve(3), "Cannot encode message: expected at most 8 bytes, found 9");
});

output("zeroes what it hands out again", () => {
  const out = new Output(8), scribble = (count: number): void => {
    const at = out.reserve(count);
    out.bytes.fill(0xff, at, at + count);
  };
  for (const giveBack of [() => out.clear(), () => out.cutTo(0), () => { out.cutTo(2); out.clear(); }]) {
    scribble(3);
    scribble(4);
    giveBack();
    assert.is(out.length, 0);
    out.reserve(3);
    out.align();
    assert.equal(out.bytes, new Uint8Array(8));
    out.clear();
  }
});

output("leaves nothing behind of text that turns out not to be ASCII", () => {
  const out = new Output(16);
  string.write(out, "eth\u00fc");
  out.align();
  assert.is(hexOf(out.bytes), "657468c3bc0000000000000000000000");
});

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
output.run();
