import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  attrs, by, CodecError, repeated, string, stringz, struct, u16, u16be, u32, u8,
} from "../../src/netlink/index.ts";
import { bytesOf, checkTruncations, checkWire, decode, encode, hex, wire } from "../helpers/wire.ts";

const vlan = attrs({ id: [1, u16], protocol: [5, u16be] });
const shape = attrs({
  name: [3, stringz],
  kind: [1, string],
  data: [2, by("kind", { vlan })],
  ids:  [4, repeated(u16)],
});

const rows = [
  { name: "nothing", value: {}, wire: "" },
  {
    name: "a name, padded",
    value: { name: "net1" },
    wire: `
      09 00 03 00  nla_len 9 without padding, type 3
      6e 65 74 31  net1
      00 00 00 00  NUL, padding`,
  },
  {
    name: "a nest chosen by its sibling",
    value: { kind: "vlan", data: { id: 100, protocol: 0x8100 } },
    wire: `
      08 00 01 00  nla_len 8, type 1
      76 6c 61 6e  vlan
      14 00 02 80  nla_len 20, type 2 | NLA_F_NESTED
      06 00 01 00  nla_len 6, type 1
      64 00 00 00  100, padding
      06 00 05 00  nla_len 6, type 5
      81 00 00 00  0x8100 in network order, padding`,
  },
  {
    name: "an attribute several times",
    value: { ids: [7, 9] },
    wire: `
      06 00 04 00  nla_len 6, type 4
      07 00 00 00
      06 00 04 00
      09 00 00 00`,
  },
  {
    name: "unknown ones as they came",
    value: { name: "a", unknown: bytesOf("07 00 63 80 01 02 03 00 04 00 64 00") },
    wire: `
      06 00 03 00
      61 00 00 00
      07 00 63 80  nla_len 7, type 99 | NLA_F_NESTED
      01 02 03 00
      04 00 64 00  nla_len 4, type 100`,
  },
];

const table = suite("attrs");
for (const row of rows) {
  table(`${row.name}: written and read`, () => checkWire(shape, row));
  table(`${row.name}: truncations are refused`, () => checkTruncations(shape, row));
}

table("absent and undefined are both not sent", () => {
  assert.is(encode(shape, { name: undefined, ids: [] }).length, 0);
});

table("data of an unknown kind stays bytes, and can be written so", () => {
  const bytes = bytesOf(wire(`
    06 00 01 00
    78 79 00 00  xy
    08 00 02 80
    01 02 03 04`));
  const value = decode(shape, bytes);
  assert.equal(value, { kind: "xy", data: Uint8Array.of(1, 2, 3, 4) });
  assert.is(hex(encode(shape, value)), hex(bytes));
});

table("a kind named like a property of every object is unknown", () => {
  const value = decode(attrs({ kind: [1, stringz], data: [2, by("kind", { vlan })] }),
    encode(shape, { kind: "toString", data: Uint8Array.of(1) }));
  assert.equal(value.data, Uint8Array.of(1));
});

table("errors name the way to the attribute", () => {
  const outer = attrs({ inner: [7, vlan] });
  assert.throws(() => encode(outer, { inner: { id: 70_000 } }),
    "Cannot encode inner.id.u16: expected a whole number from 0 to 65535, found 70000");
  assert.throws(() => decode(outer, bytesOf("09 00 07 80  05 00 01 00  64 00 00 00")),
    "Cannot decode inner.id.u16: expected 2 bytes, found 1");
});

table("lengths that lie are refused", () => {
  for (const bytes of ["03 00 03 00", "00 00 03 00", "ff ff 03 00 61 00 00 00"]) {
    assert.throws(() => decode(shape, bytesOf(bytes)), (error: unknown) => error instanceof CodecError
      && error.act === "decode");
  }
});

table("random bytes are decoded or refused, never worse", () => {
  const seed = Number(process.env["SEED"] ?? Date.now() & 0xffff_ffff);
  let state = seed >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13; state ^= state >>> 17; state ^= state << 5; state >>>= 0;
    return state;
  };
  for (let i = 0; i < 2_000; i++) {
    const bytes = Uint8Array.from({ length: next() % 40 }, (_, at) => (at % 4 === 1 || at % 4 === 3 ? 0 : next() % 12));
    try {
      decode(shape, bytes);
    } catch (error) {
      if (!(error instanceof CodecError)) throw new Error(`SEED=${seed}, bytes ${hex(bytes)}`, { cause: error });
    }
  }
});
table.run();

const fixed = suite("struct");
const point = struct("point", 8, { x: [0, u8], y: [4, u32] });

fixed("is written and read, with padding and missing fields zero", () => {
  assert.is(hex(encode(point, { x: 1, y: 2 })), "01 00 00 00\n02 00 00 00");
  const partial = attrs({ point: [1, point] });
  assert.equal(decode(partial, encode(partial, { point: { x: 1, y: 2 } })), { point: { x: 1, y: 2 } });
});

fixed("refuses fewer bytes, takes more", () => {
  assert.throws(() => decode(point, new Uint8Array(7)), "Cannot decode point: expected 8 bytes, found 7");
  assert.equal(decode(point, new Uint8Array(12)), { x: 0, y: 0 });
});

fixed("errors name the field", () => {
  assert.throws(() => encode(point, { x: 300, y: 0 }),
    "Cannot encode point.x.u8: expected a whole number from 0 to 255, found 300");
});
fixed.run();
