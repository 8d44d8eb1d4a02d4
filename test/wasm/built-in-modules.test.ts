// wasm-plugins/host-local and wasm-plugins/lowest against plain twins in TypeScript, on random requests; and the order
// of the catalogue.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { instantiateSync } from "@assemblyscript/loader";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Address, Span } from "../../src/net/index.ts";
import {
  AddressList, addOffset, addressToInteger, formatAddress, parseAddress, takenBitmap, takenRuns, takenView,
} from "../../src/net/index.ts";
import { encodeFrame } from "../../src/wasm/call/frame.ts";
import { op } from "../../src/wasm/call/op.ts";
import { defaultLimits } from "../../src/wasm/limits.ts";
import type { Random } from "../helpers/random.ts";
import { random } from "../helpers/random.ts";
import { builtModules } from "../helpers/wasm.ts";

const hostLocal = readFileSync(join(builtModules, "host-local.wasm"));
const lowest = readFileSync(join(builtModules, "lowest.wasm"));

/** A range as the twin knows it. */
interface TwinRange extends Span {
  readonly set: number;
  readonly gateway: Address;
  readonly cursor: Address | undefined;
  readonly taken: ReadonlySet<string>;
}

interface Case {
  readonly ranges: readonly TwinRange[];
  readonly requested: readonly string[];
  readonly mine: readonly string[];
}

type Outcome = { readonly error: number } | { readonly ips: readonly { readonly range: number; readonly address: string }[] };
type Form = "runs" | "bitmap" | "chosen";

/** The module through the author's kit: one instance for many calls, as the kit's users would have it. */
function kit(bytes = hostLocal): (test: Case, form: Form) => Outcome {
  let left = 0;
  let exports = fresh(bytes);
  return (test, form) => {
    if (left-- === 0) {
      exports = fresh(bytes);
      left = 200;
    }
    const frame = frameOf(test, form);
    exports.polynic_fuel.value = defaultLimits.fuel;
    const at = exports.alloc(frame.length);
    new Uint8Array(exports.memory.buffer).set(frame, at);
    const packed = BigInt.asUintN(64, exports.call(op.allocate, at, frame.length));
    const answer = new Uint8Array(exports.memory.buffer, Number(packed >> 32n), Number(packed & 0xffff_ffffn));
    return outcomeOf(new TextDecoder().decode(answer));
  };
}

/** The kit's view of the module; the meter has put fuel and the start function among its exports. */
interface KitExports extends Record<string, unknown> {
  readonly memory: { readonly buffer: ArrayBuffer };
  alloc(bytes: number): number;
  call(op: number, at: number, bytes: number): bigint;
  readonly polynic_fuel: { value: bigint };
  polynic_start(): void;
}

function fresh(bytes = hostLocal): KitExports {
  const { exports } = instantiateSync<KitExports>(bytes);
  exports.polynic_fuel.value = defaultLimits.fuel;
  exports.polynic_start();
  return exports;
}

function outcomeOf(text: string): Outcome {
  const answer = JSON.parse(text) as { error?: { code: number }; ips?: { range: number; address: string }[] };
  return answer.error === undefined ? { ips: answer.ips ?? [] } : { error: answer.error.code };
}

function frameOf({ ranges, requested, mine }: Case, form: Form): Uint8Array {
  const json = JSON.stringify({ op: "allocate", requested, mine: mine.map((address) => ({ address, state: "active" })),
    ranges: [] });
  return encodeFrame(json, ranges.map(({ cursor, ...range }) => ({ ...range, ...(cursor === undefined ? {}
    : { cursor }), prefixBits: 24, view: viewOf(range, form) })));
}

function viewOf(range: Omit<TwinRange, "cursor">, form: Form) {
  const list = new AddressList(4);
  for (const text of range.taken) list.addAddress(parseAddress(text));
  if (form === "runs") return takenRuns(range, list);
  return form === "bitmap" ? takenBitmap(range, list) : takenView(range, list);
}

/** The addresses of a set in the order they are tried. */
type Order = (ranges: readonly TwinRange[]) => readonly string[];

/** As the reference allocator goes, by numbers and one address at a time. */
function twin({ ranges, requested, mine }: Case, order: Order): Outcome {
  const wanted = [...requested];
  const ips: { range: number; address: string }[] = [];
  for (let set = 0; set <= Math.max(...ranges.map((range) => range.set)); set++) {
    const own = ranges.filter((range) => range.set === set);
    const at = wanted.findIndex((text) => own.some((range) => holds(range, text)));
    const asked = at < 0 ? undefined : wanted.splice(at, 1)[0];
    if (asked === undefined && mine.some((text) => own.some((range) => holds(range, text)))) return { error: 102 };
    const candidates = asked === undefined ? order(own) : [asked];
    const found = candidates.find((text) => own.every((range) => !holds(range, text) || !range.taken.has(text)));
    if (found === undefined) return { error: asked === undefined ? 100 : 101 };
    ips.push({ range: ranges.findIndex((range) => range.set === set && holds(range, found)), address: found });
  }
  return wanted.length > 0 ? { error: 101 } : { ips };
}

function holds(range: Span, text: string): boolean {
  const address = parseAddress(text);
  const value = addressToInteger(address);
  return address.family === range.first.family && addressToInteger(range.first) <= value
    && value <= addressToInteger(range.last);
}

/** Every address of the set, from the one behind the cursor around to the cursor itself. */
function roundOf(ranges: readonly TwinRange[]): readonly string[] {
  const all = ranges.flatMap((range) => addressesOf(range).map((text) => ({ text,
    isCursor: range.cursor !== undefined && formatAddress(range.cursor) === text })));
  const start = all.findIndex(({ isCursor }) => isCursor) + 1;
  return [...all.slice(start), ...all.slice(0, start)].map(({ text }) => text);
}

/** Every address of the set, wherever the cursor is. */
function upwards(ranges: readonly TwinRange[]): readonly string[] {
  return ranges.flatMap(addressesOf);
}

function addressesOf(span: Span): readonly string[] {
  const count = Number(addressToInteger(span.last) - addressToInteger(span.first)) + 1;
  return Array.from({ length: count }, (_, i) => formatAddress(addOffset(span.first, i) ?? span.first));
}

/** Small ranges at awkward places: word borders, the end of the family, next to each other. */
const bases = ["10.1.2.0", "10.1.255.250", "192.168.0.1", "255.255.255.200", "0.0.0.1", "2001:db8::",
  "2001:db8::ffff:ffff:ffff:fff8", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00", "::1"];

function randomCase(any: Random): Case {
  const sets = 1 + any.below(2);
  const ranges: TwinRange[] = [];
  for (let set = 0; set < sets; set++) {
    let from = parseAddress(any.pick(bases));
    if (ranges.some((range) => range.first.family === from.family)) from = parseAddress(from.family === 4 ? "172.16.0.1"
      : "fd00::1");
    const inSet = 1 + any.below(3);
    const cursorIn = any.below(inSet + 1);
    for (let i = 0; i < inSet; i++) {
      const size = any.once(20) ? 1 + any.below(200) : 1 + any.below(12);
      const last = addOffset(from, size - 1);
      const next = addOffset(from, size + any.below(3));
      if (last === undefined) break;
      ranges.push(randomRange(any, set, { first: from, last }, i === cursorIn));
      if (next === undefined) break;
      from = next;
    }
  }
  const known = ranges.flatMap((range) => [formatAddress(range.first), formatAddress(range.last),
    any.pick(addressesOf(range))]);
  return {
    ranges,
    requested: any.once(3) ? Array.from({ length: 1 + any.below(3) }, () => any.pick([...known, "10.99.0.1"])) : [],
    mine: any.once(5) ? [any.pick([...known, "10.99.0.1"])] : [],
  };
}

function randomRange(any: Random, set: number, span: Span, withCursor: boolean): TwinRange {
  const all = addressesOf(span);
  const density = any.below(5);
  const taken = new Set(all.filter(() => density === 4 || any.below(4) < density));
  if (density === 4 && any.once(2)) taken.delete(any.pick(all));
  const gateway = any.pick(all);
  taken.add(gateway);
  return { set, ...span, gateway: parseAddress(gateway), cursor: withCursor ? parseAddress(any.pick(all)) : undefined,
    taken };
}

const twins = suite("a built-in module and its twin");

for (const [name, bytes, order] of [["host-local", hostLocal, roundOf], ["lowest", lowest, upwards]] as const) {
  twins(`${name}: decide alike on random requests, whether views are runs or bitmaps`, () => {
    const any = random();
    const module = kit(bytes);
    const codes = new Set<number>();
    for (let i = 0; i < 5000; i++) {
      const test = randomCase(any);
      const expected = twin(test, order);
      codes.add("error" in expected ? expected.error : 0);
      for (const form of ["runs", "bitmap", "chosen"] as const) {
        assert.equal(module(test, form), expected,
          `seed ${any.seed}, case ${i}, ${form}: ` +
            `${JSON.stringify(test, (_, value: unknown) => (value instanceof Set ? [...value] : value))}`);
      }
    }
    assert.equal([...codes].sort(), [0, 100, 101, 102], `seed ${any.seed} reaches every outcome`);
  });
}

twins.run();

/** 17.5: one row is the taken addresses and the last one handed out; `.1` is the gateway. */
const rows: readonly (readonly [string, readonly string[], string | undefined, readonly (readonly [string, string])[],
  string | number])[] = [
  ["a fresh /29", [], undefined, [["192.168.1.1", "192.168.1.6"]], "192.168.1.2"],
  ["a fresh IPv6 /64", [], undefined, [["2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"]], "2001:db8::2"],
  ["a fresh /30", [], undefined, [["192.168.1.1", "192.168.1.2"]], "192.168.1.2"],
  [".2 taken", [".2"], undefined, [["192.168.1.1", "192.168.1.6"]], "192.168.1.3"],
  ["last .5", [], ".5", [["192.168.1.1", "192.168.1.6"]], "192.168.1.6"],
  ["last .3 with .4 and .5 taken", [".4", ".5"], ".3", [["192.168.1.1", "192.168.1.6"]], "192.168.1.6"],
  ["last .5 with .6 taken", [".6"], ".5", [["192.168.1.1", "192.168.1.6"]], "192.168.1.2"],
  ["a last one outside", [], "10.9.9.9", [["192.168.1.1", "192.168.1.6"]], "192.168.1.2"],
  ["all taken but the last one", [".2", ".3", ".5", ".6"], ".4", [["192.168.1.1", "192.168.1.6"]], "192.168.1.4"],
  ["all taken", [".2", ".3", ".4", ".5", ".6"], ".4", [["192.168.1.1", "192.168.1.6"]], 100],
  ["two /30 with the first full", [".2"], ".2", [["192.168.1.1", "192.168.1.2"], ["192.168.1.5", "192.168.1.6"]],
    "192.168.1.5"],
  ["two /30 with the last of the second given", [], ".6", [["192.168.1.1", "192.168.1.2"],
    ["192.168.1.5", "192.168.1.6"]], "192.168.1.2"],
];

const order = suite("host-local, order");
for (const [title, taken, last, spans, expected] of rows) {
  order(title, () => {
    const inFull = (text: string) => (text.startsWith(".") ? `192.168.1${text}` : text);
    const all = new Set(taken.map(inFull));
    const cursor = last === undefined ? undefined : parseAddress(inFull(last));
    const ranges = spans.map(([first, end]): TwinRange => {
      const span = { first: parseAddress(first), last: parseAddress(end) };
      const gateway = first.endsWith("1") ? first : "192.168.1.1";
      const within = [...all, gateway].filter((text) => holds(span, text));
      return { set: 0, ...span, gateway: parseAddress(gateway),
        cursor: cursor !== undefined && holds(span, formatAddress(cursor)) ? cursor : undefined,
        taken: new Set(within) };
    });
    const outcome = kit()({ ranges, requested: [], mine: [] }, "runs");
    assert.equal("error" in outcome ? outcome.error : outcome.ips[0]?.address, expected);
  });
}
order.run();

const frames = suite("host-local, frames");

frames("cut at any byte is refused, not misread", () => {
  const test: Case = { ranges: [{ set: 0, first: parseAddress("10.0.0.1"), last: parseAddress("10.0.0.9"),
    gateway: parseAddress("10.0.0.1"), cursor: undefined, taken: new Set(["10.0.0.1"]) }], requested: [], mine: [] };
  const whole = frameOf(test, "runs");
  const exports = fresh();
  for (let length = 0; length < whole.length; length++) {
    exports.polynic_fuel.value = defaultLimits.fuel;
    const at = exports.alloc(length);
    new Uint8Array(exports.memory.buffer).set(whole.subarray(0, length), at);
    const packed = BigInt.asUintN(64, exports.call(op.allocate, at, length));
    const answer = new TextDecoder().decode(new Uint8Array(exports.memory.buffer, Number(packed >> 32n),
      Number(packed & 0xffff_ffffn)));
    assert.equal(outcomeOf(answer), { error: 7 }, `at ${length}`);
  }
});

frames.run();
