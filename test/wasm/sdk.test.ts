// wasm-plugins/sdk, piece by piece, against plain twins by BigInt: wasm-plugins/sdk-pieces makes functions of it.
import { join } from "node:path";
import { instantiateSync } from "@assemblyscript/loader";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Address } from "../../src/net/index.ts";
import {
  AddressList, addressToInteger, formatAddress, isAddress, parseAddress, takenBitmap, takenRuns,
} from "../../src/net/index.ts";
import type { FrameRange } from "../../src/wasm/call/frame.ts";
import { encodeFrame } from "../../src/wasm/call/frame.ts";
import type { Random } from "../helpers/random.ts";
import { random } from "../helpers/random.ts";
import { compileModuleSources, moduleSources } from "../helpers/sdk.ts";

interface Pieces extends Record<string, unknown> {
  readonly memory: { readonly buffer: ArrayBuffer };
  alloc(bytes: number): number;
  canonical(text: number, family: number): number;
  calculate(op: number, left: number, right: number): number;
  sorted(list: number): number;
  span(text: number): number;
  common(left: number, right: number): number;
  part(cidr: number, index: bigint, bits: number): number;
  hash64(text: number): bigint;
  open(at: number, bytes: number): number;
  look(op: number, range: number, address: number): number;
  search(op: number, range: number, address: number): number;
  caller(): number;
  read(at: number, bytes: number, name: number): number;
  quoted(text: number): bigint;
}

const wasm = await compileModuleSources(join(moduleSources, "sdk-pieces"), "index.ts", ["--exportRuntime"]);
let instance = instantiateSync<Pieces>(wasm);

/** The instance, or a fresh one before its memory is used up: nothing is ever freed in it. */
function pieces() {
  if (instance.exports.memory.buffer.byteLength > 8 * 1024 * 1024) instance = instantiateSync<Pieces>(wasm);
  return instance.exports;
}

const give = (text: string) => instance.exports.__newString(text);
const take = (at: number) => instance.exports.__getString(at);
const canonical = (text: string, family: number) => take(pieces().canonical(give(text), family));
const calculate = (op: string, left: bigint, right: bigint) => take(pieces().calculate(give(op), give(digits(left)),
  give(digits(right))));

function digits(value: bigint): string {
  return value.toString(16).padStart(32, "0");
}

function put(bytes: Uint8Array): number {
  const at = pieces().alloc(bytes.length);
  new Uint8Array(instance.exports.memory.buffer).set(bytes, at);
  return at;
}

const addr = suite("Addr");

for (const [text, family] of [
  ["0.0.0.0", 4], ["255.255.255.255", 4], ["10.1.2.30", 4], ["01.2.3.4", 4], ["1.2.3", 4], ["1.2.3.4.5", 4],
    ["1.2.3.", 4], [".1.2.3", 4], ["1..2.3", 4],
  ["256.1.1.1", 4], ["1.2.3.4 ", 4], ["", 4], ["::1", 4], ["1.2.3.-4", 4], ["1.2.3.00", 4],
  ["::", 6], ["::1", 6], ["1::", 6], ["2001:db8::ffff:0:1", 6], ["1:2:3:4:5:6:7:8", 6], ["FF::a", 6],
    ["1:0:0:2:0:0:0:3", 6], ["1:2:3:4:5:6:7::", 6], ["::2:3:4:5:6:7:8", 6],
  ["1:2:3:4:5:6:7", 6], ["1:2:3:4:5:6:7:8:9", 6], ["1::2::3", 6], [":::", 6], [":1::2", 6], ["1::2:", 6],
    ["12345::", 6], ["g::", 6], ["", 6], [":", 6], ["1:2:3:4:5:6:7:8::", 6], ["10.0.0.1", 6],
] as const) {
  addr(`reads ${JSON.stringify(text)} as the host does`, () => {
    const expected = isAddress(text) && parseAddress(text).family === family ? formatAddress(parseAddress(text))
      : "none";
    assert.is(canonical(text, family), expected);
  });
}

addr("writes any address canonically, and reads it again", () => {
  const any = random();
  for (let i = 0; i < 3000; i++) {
    const groups = Array.from({ length: 8 }, () => (any.once(2) ? 0 : any.below(0x10000)));
    const plain = groups.map((group) => group.toString(16)).join(":");
    assert.is(canonical(plain, 6), formatAddress(parseAddress(plain)), `seed ${any.seed}`);
    assert.is(canonical(formatAddress(parseAddress(plain)), 6), formatAddress(parseAddress(plain)), `seed ${any.seed}`);
  }
});

const wide = (1n << 128n) - 1n;
const low64 = (value: bigint) => value & 0xffff_ffff_ffff_ffffn;
const asText = (value: bigint) => digits(value & wide);
const twins: Readonly<Record<string, (a: bigint, b: bigint) => string>> = {
  next: (a) => asText(a + 1n),
  previous: (a) => asText(a - 1n),
  add: (a, b) => asText(a + low64(b)),
  subtract: (a, b) => asText(a - low64(b)),
  and: (a, b) => asText(a & b),
  or: (a, b) => asText(a | b),
  xor: (a, b) => asText(a ^ b),
  shiftLeft: (a, b) => asText(a << (b & 127n)),
  mask: (_, b) => asText(wide ^ (wide >> (b & 127n))),
  bit: (a, b) => ((a >> (b & 127n)) & 1n).toString(),
  compare: (a, b) => (a < b ? "-1" : a === b ? "0" : "1"),
};

addr("calculates as a number of 128 bits does", () => {
  const any = random();
  for (let i = 0; i < 3000; i++) {
    const a = wideNumber(any), b = any.once(10) ? a : wideNumber(any);
    for (const [op, twin] of Object.entries(twins)) assert.is(calculate(op, a, b), twin(a, b),
      `seed ${any.seed}: ${op} ${digits(a)} ${digits(b)}`);
    const [larger, smaller] = a > b ? [a, b] : [b, a];
    const distance = larger - smaller;
    assert.is(calculate("distance", larger, smaller), (distance > low64(wide) ? low64(wide) : distance).toString(),
      `seed ${any.seed}: ${digits(larger)} - ${digits(smaller)}`);
  }
});

addr("can be kept in arrays and maps, and sorted", () => {
  assert.is(take(pieces().sorted(give("10.0.0.9 10.0.0.10 9.255.255.255 10.0.0.9"))),
    "9.255.255.255 10.0.0.9 10.0.0.10");
});

/** Numbers with long runs of ones and zeros, where carries happen. */
function wideNumber(any: Random): bigint {
  let value = 0n;
  for (let i = 0; i < 8; i++) value = (value << 16n) | BigInt(any.pick([0, 0xffff, 1, 0x8000, any.below(0x10000)]));
  return value;
}

addr.run();

const spans = suite("Span and Prefix");
const span = (text: string) => take(pieces().span(give(text)));
for (const [text, expected] of [
  ["10.1.2.3", "10.1.2.3-10.1.2.3 1"], ["10.1.2.3-10.1.2.9", "10.1.2.3-10.1.2.9 7"],
    ["10.1.2.3/24", "10.1.2.0-10.1.2.255 256"], ["10.1.2.3/32", "10.1.2.3-10.1.2.3 1"],
  ["0.0.0.0/0", "0.0.0.0-255.255.255.255 4294967296"], ["2001:db8::9/126", "2001:db8::8-2001:db8::b 4"],
    ["::/64", "::-::ffff:ffff:ffff:ffff 18446744073709551615"],
  ["::/0", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 18446744073709551615"], ["fd00::1-fd00::2", "fd00::1-fd00::2 2"],
  ["10.1.2.9-10.1.2.3", "none"], ["10.1.2.3-fd00::1", "none"], ["10.1.2.3/33", "none"], ["10.1.2.3/", "none"],
    ["10.1.2.3/+8", "none"], ["::/129", "none"], ["", "none"], ["-", "none"], ["ten", "none"],
] as const) {
  spans(`reads ${JSON.stringify(text)}`, () => assert.is(span(text), expected));
}
for (const [left, right, expected] of [
  ["10.0.0.0/24", "10.0.0.128/25", "10.0.0.128-10.0.0.255"],
    ["10.0.0.10-10.0.0.20", "10.0.0.15-10.0.0.30", "10.0.0.15-10.0.0.20"],
    ["10.0.0.1", "10.0.0.1", "10.0.0.1-10.0.0.1"],
  ["10.0.0.1", "10.0.0.2", "none"], ["10.0.0.0/8", "fd00::/8", "none"], ["::a00:1", "10.0.0.1", "none"],
] as const) {
  spans(`finds what ${left} and ${right} have in common`, () => assert.is(take(pieces().common(give(left),
    give(right))), expected));
}
for (const [cidr, index, bits, expected] of [
  ["10.0.0.0/8", 0n, 24, "10.0.0.0/24 10.0.0.0-10.0.0.255"],
    ["10.0.0.0/8", 65_535n, 24, "10.255.255.0/24 10.255.255.0-10.255.255.255"], ["10.0.0.0/8", 65_536n, 24, "none"],
  ["0.0.0.0/0", 4_294_967_295n, 32, "255.255.255.255/32 255.255.255.255-255.255.255.255"],
    ["10.0.0.0/24", 0n, 24, "10.0.0.0/24 10.0.0.0-10.0.0.255"], ["10.0.0.0/24", 1n, 24, "none"],
  ["10.0.0.0/24", 0n, 23, "none"], ["10.0.0.0/24", 0n, 33, "none"],
    ["fd00::/48", 3n, 64, "fd00:0:0:3::/64 fd00:0:0:3::-fd00::3:ffff:ffff:ffff:ffff"],
  ["fd00::/8", 0xffff_ffff_ffff_ffffn, 120,
    "fd00::ff:ffff:ffff:ffff:ff00/120 fd00::ff:ffff:ffff:ffff:ff00-fd00::ff:ffff:ffff:ffff:ffff"],
] as const) {
  spans(`cuts ${cidr} into parts of ${bits} bits: number ${index}`,
    () => assert.is(take(pieces().part(give(cidr), index, bits)), expected));
}
spans.run();

/** A range as the twin knows it: every address, and which are taken. */
interface Model {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly size: number;
  readonly taken: ReadonlySet<number>;
}

const starts = ["10.0.0.0", "10.0.0.63", "255.255.255.0", "0.0.0.0", "fd00::", "2001:db8::ffff:ffff:ffff:ffe0", "::",
  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00"].map(parseAddress);

function randomModel(any: Random): Model {
  const start = any.pick(starts), size = 1 + any.below(any.once(3) ? 256 : 70);
  const density = any.pick([0, 1, 5, 9, 10]);
  const taken = new Set(Array.from({ length: size }, (_, i) => i).filter(() => any.below(10) < density));
  if (density === 10 && any.once(2)) taken.delete(any.below(size));
  return { family: start.family, first: addressToInteger(start), size, taken };
}

function addressOf({ family, first }: Model, index: number): Address {
  const value = first + BigInt(index);
  const groups = Array.from({ length: 8 }, (_,
    i) => ((value >> BigInt(112 - 16 * i)) & 0xffffn).toString(16)).join(":");
  const octets = Array.from({ length: 4 }, (_, i) => ((value >> BigInt(24 - 8 * i)) & 0xffn).toString()).join(".");
  return parseAddress(family === 4 ? octets : groups);
}

const text = (model: Model, index: number | undefined) => (index === undefined ? "none"
  : formatAddress(addressOf(model, index)));

function frameRange(model: Model, set: number, form: "runs" | "bitmap"): FrameRange {
  const list = new AddressList(model.size);
  for (const index of model.taken) list.addAddress(addressOf(model, index));
  const whole = { first: addressOf(model, 0), last: addressOf(model, model.size - 1) };
  return { set, ...whole, prefixBits: 24, view: form === "runs" ? takenRuns(whole, list) : takenBitmap(whole, list) };
}

function open(models: readonly Model[], form: "runs" | "bitmap", json: object = {}): void {
  const frame = encodeFrame(JSON.stringify(json), models.map((model) => frameRange(model, 0, form)));
  const at = put(frame);
  assert.ok(instance.exports.open(at, frame.length));
}

const ask = (fn: "look" | "search", op: string, range: number,
  value: bigint) => take(instance.exports[fn](give(op), range, give(digits(value & wide))));

const view = suite("View");
view("finds what is free in both directions, whichever form it has", () => {
  const any = random();
  for (let i = 0; i < 600; i++) {
    const model = randomModel(any);
    const free = Array.from({ length: model.size }, (_, index) => index).filter((index) => !model.taken.has(index));
    // from outside the range too, but not before zero or behind the last address of 128 bits
    const at = [any.below(model.size), 0, model.size - 1, model.size + any.below(5),
      -1 - any.below(5)].filter((index) => model.first + BigInt(index) >= 0n && model.first + BigInt(index) <= wide);
    for (const form of ["runs", "bitmap"] as const) {
      open([model], form);
      const note = `seed ${any.seed}, round ${i}, ${form}`;
      assert.is(ask("look", "countFree", 0, 0n), String(free.length), note);
      for (const index of at) {
        const number = model.first + BigInt(index);
        assert.is(ask("look", "nextFree", 0, number), text(model, free.find((other) => other >= index)),
          `${note}: nextFree ${index}`);
        assert.is(ask("look", "freeAfter", 0, number), text(model, free.find((other) => other > index)),
          `${note}: freeAfter ${index}`);
        assert.is(ask("look", "prevFree", 0, number), text(model, free.findLast((other) => other <= index)),
          `${note}: prevFree ${index}`);
        const mask = any.pick([1n, 3n, 31n, 63n, 127n]), value = BigInt(any.below(128)) & mask;
        const fits = (other: number) => other >= index && ((model.first + BigInt(other)) & mask) === value;
        assert.is(ask("look", `matching ${mask} ${value}`, 0, number), text(model, free.find(fits)),
          `${note}: freeMatching ${index}, ${mask}, ${value}`);
        assert.is(ask("look", "isFree", 0, number), free.includes(index) ? "1" : "0", `${note}: isFree ${index}`);
      }
      for (const index of [0, free.length - 1, free.length, any.below(model.size)].filter((each) => each >= 0)) {
        assert.is(ask("look", "nthFree", 0, BigInt(index)), text(model, free[index]), `${note}: nthFree ${index}`);
      }
    }
  }
});

view("finds the same by runs whatever was looked for before: forth, back, and anywhere", () => {
  const any = random(), size = 600;
  const model: Model = { family: 6, first: addressToInteger(parseAddress("2001:db8::ffff:ffff:ffff:fe00")), size,
    taken: new Set(Array.from({ length: size }, (_, i) => i).filter(() => any.once(2))) };
  open([model], "runs");
  const free = Array.from({ length: size }, (_, index) => index).filter((index) => !model.taken.has(index));
  for (let i = 0, at = 0; i < 1500; i++) {
    at = (at + any.pick([1, 1, 2, size - 1, size - 3, any.below(size)])) % size;
    const number = model.first + BigInt(at), note = `seed ${any.seed}, look ${i} at ${at}`;
    const [op, found] = any.pick([["freeAfter", free.find((other) => other > at)],
      ["nextFree", free.find((other) => other >= at)], ["prevFree", free.findLast((other) => other <= at)]] as const);
    assert.is(ask("look", op, 0, number), text(model, found), `${note}: ${op}`);
  }
});

const many = 100_000, every = 3, pageBytes = 65_536;
const wholeFree = { first: parseAddress("2001:db8::"), last: parseAddress("2001:db8::ffff:ffff") };

/** So many taken that no two are one run, in a range whose view can be nothing but runs. */
function scattered(): AddressList {
  const list = new AddressList(many);
  for (let i = 0; i < many; i++) list.add(0x2001_0db8, 0, 0, i * every);
  return list;
}

view("counts 100,000 runs and finds behind them within the memory of a call", () => {
  instance = instantiateSync<Pieces>(wasm);
  const frame = encodeFrame("{}", [{ set: 0, ...wholeFree, prefixBits: 96, view: takenRuns(wholeFree, scattered()) }]);
  assert.ok(instance.exports.open(put(frame), frame.length));
  const before = instance.exports.memory.buffer.byteLength;
  assert.is(ask("look", "countFree", 0, 0n), String(2 ** 32 - many));
  assert.is(ask("look", "nthFree", 0, 150_001n), "2001:db8::3:6eea", "two of three from 1 on");
  assert.is(ask("look", "nthFree", 0, BigInt(2 ** 32 - many - 1)), "2001:db8::ffff:ffff");
  assert.is(ask("look", "nthFree", 0, BigInt(2 ** 32 - many)), "none");
  // The runtime doubles its memory for the few bytes of the answers.
  assert.ok(instance.exports.memory.buffer.byteLength <= 2 * before, "what is looked at is not kept");
});

view("keeps nothing but the addresses it finds, 16 bytes each", async () => {
  const figures = new WebAssembly.Module(await compileModuleSources(join(moduleSources, "sdk-figures"), "index.ts"));
  const span = { first: parseAddress("10.0.0.1"), last: parseAddress("10.255.255.254") };
  const list = new AddressList(many);
  for (let i = 0; i < many; i++) list.add(0, 0, 0, 0x0a00_0002 + i * every);
  for (const taken of [takenRuns(span, list), takenBitmap(span, list)]) {
    // The exports of wasm-plugins/sdk-figures.
    const { memory, alloc, open: opened, inARow } = new WebAssembly.Instance(figures,
      {}).exports as unknown as { readonly memory: WebAssembly.Memory; alloc(bytes: number): number; open(at: number,
      bytes: number): number; inARow(from: number, count: number): number };
    const frame = encodeFrame("{}", [{ set: 0, ...span, prefixBits: 8, view: taken }]);
    const at = alloc(frame.length);
    new Uint8Array(memory.buffer).set(frame, at);
    assert.ok(opened(at, frame.length));
    // Every third is taken: two steps go three addresses on.
    assert.is(inARow(0x0a00_0001, many), 0x0a00_0001 + (many / 2) * every);
    // The runtime doubles its memory when it is full, at most once here: 1.6 MB of addresses beside a frame of 2 MB or
    // more.
    assert.ok(memory.buffer.byteLength <= 2 * Math.ceil((frame.length + many * 16) / pageBytes + 2) * pageBytes,
      `${memory.buffer.byteLength} bytes`);
  }
});

view("counts and finds in ranges of more than 2^64 addresses", () => {
  const whole = { first: parseAddress("2001:db8::"), last: parseAddress("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff") };
  const list = new AddressList(1);
  list.addAddress(parseAddress("2001:db8::2"));
  const frame = encodeFrame("{}", [{ set: 0, ...whole, prefixBits: 32, view: takenRuns(whole, list) }]);
  const at = put(frame);
  assert.ok(instance.exports.open(at, frame.length));
  assert.is(ask("look", "countFree", 0, 0n), "18446744073709551615");
  assert.is(ask("look", "nthFree", 0, 2n), "2001:db8::3");
  assert.is(ask("look", "nthFree", 0, low64(wide)), "2001:db8:0:1::");
  assert.is(ask("search", "size", 0, 0n), "18446744073709551615");
});
view.run();

const sets = suite("RangeSet");
sets("goes round from anywhere, through every range", () => {
  const any = random();
  for (let i = 0; i < 400; i++) {
    const models = Array.from({ length: 1 + any.below(3) },
      (_, index) => ({ ...randomModel(any), family: 4 as const, first: 0x0a00_0000n + BigInt(index) * 0x10000n }));
    const all = models.flatMap((model, range) => Array.from({ length: model.size },
      (_, index) => ({ range, index, free: !model.taken.has(index) })));
    // Every range has its model
    const told = (found: { range: number; index: number } | undefined) => (found === undefined ? "none"
      : `${found.range} ${text(models[found.range] ?? models[0] as Model, found.index)}`);
    const position = any.below(all.length), from = all[position];
    assert.ok(from);
    open(models, any.pick(["runs", "bitmap"] as const));
    const number = (models[from.range]?.first ?? 0n) + BigInt(from.index);
    const behind = [...all.slice(position + 1), ...all.slice(0, position + 1)], note = `seed ${any.seed}, round ${i}`;
    assert.is(ask("search", "freeAfter", from.range, number), told(behind.find(({ free }) => free)), note);
    assert.is(ask("search", "freeFrom", from.range, number), told([from, ...behind].find(({ free }) => free)), note);
    assert.is(ask("search", "firstFree", 0, 0n), told(all.find(({ free }) => free)), note);
    assert.is(ask("search", "at", 0, BigInt(position)), told(from), note);
    assert.is(ask("search", "size", 0, 0n), String(all.length), note);
  }
});
sets.run();

const request = suite("Request");
const caller = (json: object) => {
  open([], "runs", json);
  return take(instance.exports.caller());
};
request("tells who asks", () => {
  assert.is(caller({
    attempt: 3, seed: "fedcba9876543210", attachment: { containerId: "c1", ifName: "net1", network: "blue",
      mac: "02:00:5E:10:00:ff" },
    pod: { namespace: "shop", name: "db-0", uid: "u" }, node: { name: "node-2", index: 2 },
      mine: [{ address: "10.0.0.2", state: "active" }, { address: "10.0.0.3", state: "held" }],
  }), `3 ${0xfedcba9876543210n} c1 net1 blue ${0x02005e1000ff} shop/db-0 node-2 2 10.0.0.2 active 10.0.0.3 held`);
});
request("has an answer where the host says nothing", () => {
  assert.is(caller({ attachment: { containerId: "c1", ifName: "net1", network: "blue", mac: null }, pod: null,
    node: { name: "n", index: null } }), "0 0 c1 net1 blue -1 / n -1");
});
for (const mac of ["02:00:5e:10:00", "02-00-5e-10-00-01", "02:00:5e:10:00:0g", "02:00:5e:10:00:011", ""]) {
  request(`knows no MAC address in ${JSON.stringify(mac)}`,
    () => assert.match(caller({ attachment: { mac } }), / -1 \/ /));
}
request.run();

const json = suite("Json");
const read = (value: string) => {
  const bytes = new TextEncoder().encode(`{"other":[],"value":${value}}`);
  const at = put(bytes);
  return take(instance.exports.read(at, bytes.length, give("value")));
};
for (const [value, expected] of [
  ['"plain"', "plain|-7|0|1|0|"], [String.raw`"a\"\\\n\u00e9\ud83e\udd80é"`, 'a"\\\né\u{1f980}é|-7|0|1|0|'],
    ["12", "no text|12|0|1|0|"], ["-12", "no text|-12|0|1|0|"], ["0", "no text|0|0|1|0|"],
  ["123456789012345678", "no text|123456789012345678|0|1|0|"], ["1234567890123456789", "no text|-7|0|1|0|"],
    ["1.0", "no text|-7|0|1|0|"], ["1e3", "no text|-7|0|1|0|"],
  ["true", "no text|-7|1|1|0|"], ["false", "no text|-7|0|1|0|"], ["null", "no text|-7|0|0|0|"],
    ["[]", "no text|-7|0|1|0|"], ['["a",1,"b"]', "no text|-7|0|1|3|a,,b"], ['{"a":1}', "no text|-7|0|1|2|"],
] as const) {
  json(`reads ${value}`, () => assert.is(read(value), expected));
}
json("takes what is absent for a value", () => {
  const bytes = new TextEncoder().encode("{}");
  assert.is(take(instance.exports.read(put(bytes), bytes.length, give("value"))), "no text|-7|0|0|0|");
});
json("writes any text so that JSON.parse reads it again", () => {
  const any = random();
  const units = [0x22, 0x5c, 0, 0x1f, 0x7f, 0x80, 0xe9, 0x7ff, 0x800, 0xffff, 0x1f980, 0x10ffff, 0x61];
  for (let i = 0; i < 500; i++) {
    const plain = String.fromCodePoint(...Array.from({ length: any.below(12) }, () => any.pick(units)));
    assert.is(JSON.parse(quoted(plain)), plain, `seed ${any.seed}`);
  }
  assert.is(JSON.parse(quoted("a\ud800b")), "a\ufffdb");
  assert.is(JSON.parse(quoted("\udc00")), "\ufffd");
});

function quoted(plain: string): string {
  const packed = BigInt.asUintN(64, pieces().quoted(give(plain)));
  return new TextDecoder("utf-8", { fatal: true }).decode(new Uint8Array(instance.exports.memory.buffer,
    Number(packed >> 32n), Number(packed & 0xffff_ffffn)));
}
json.run();

const hash = suite("hash64");
hash("is FNV-1a with a finaliser", () => {
  for (const key of ["", "a", "shop/db-0/net1", "é\u{1f980}"]) assert.is(BigInt.asUintN(64, pieces().hash64(give(key))),
    hashTwin(key));
});
hash("spreads the pods of a StatefulSet over a range", () => {
  const homes = new Map<number, number>();
  for (let i = 0; i < 1000; i++) {
    const home = Number(BigInt.asUintN(64, pieces().hash64(give(`shop/db-${i}/net1`))) % 100n);
    homes.set(home, (homes.get(home) ?? 0) + 1);
  }
  assert.ok(homes.size === 100 && Math.max(...homes.values()) < 30);
});

function hashTwin(key: string): bigint {
  let value = 0xcbf29ce484222325n;
  for (let i = 0; i < key.length; i++) value = low64((value ^ BigInt(key.charCodeAt(i))) * 0x100000001b3n);
  value = low64((value ^ (value >> 33n)) * 0xff51afd7ed558ccdn);
  value = low64((value ^ (value >> 33n)) * 0xc4ceb9fe1a85ec53n);
  return value ^ (value >> 33n);
}
hash.run();
