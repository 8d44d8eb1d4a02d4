/**
 * Inputs made of ones that work: a few nodes of a JSON value replaced, moved, renamed or gone, a few bytes or pieces of
 * a text changed. What is left of the input gets past the first checks, and what was changed meets the last ones.
 */
import type { Random } from "../helpers/random.ts";

/** Where in a JSON value; a number is an index. */
export type Path = readonly (string | number)[];

/** A JSON value with some of its nodes changed, and where. */
export interface ChangedJson {
  readonly value: unknown;
  readonly paths: readonly Path[];
}

/** What has been somebody's mistake once: of a type, a size or a spelling that nobody expects there. */
const strangers: readonly unknown[] = [
  null, true, false, 0, -0, 1, -1, 1.5, 1e300, -(2 ** 31), 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 65535, 65536, 4095,
  "", " ", "0", "1", "-1", "true", "null", "../x", "/", "a/b", "a\0b", "a\nb", "\u00e4", "\u{1f600}", "\ud800",
  "\u202e",
  "x".repeat(16), "9".repeat(300), "x".repeat(2000), "__proto__", "constructor", "%s", "a;b=c", "$(id)", "10.0.0.1",
  "10.0.0.0/8", "10.0.0.5/33", "::", "::/0", "fd00::1/64", "::ffff:10.0.0.1", "02:00:00:00:00:01", "1.1.0", "7.0.0",
  [], [[]], [null], {}, { a: 1 }, [{}], Array.from({ length: 70 }, () => "x"),
];

const strangeKeys: readonly string[] = ["", "__proto__", "constructor", "toString", "hasOwnProperty", "a\0b", "0", " ",
  "\u212aey", "x".repeat(300)];

/** The value with one node changed, or two, or three; what else there is to put there comes from `others`. */
export function changedJson(value: unknown, random: Random, others: readonly unknown[] = []): ChangedJson {
  const count = random.once(2) ? 1 : 1 + random.below(3), paths: Path[] = [];
  let changed = value;
  for (let i = 0; i < count; i++) {
    const path = random.pick(pathsOf(changed));
    changed = at(changed, path, (node) => changedNode(node, random, others));
    if (changed === gone) changed = null;
    paths.push(path);
  }
  return { value: changed, paths };
}

/** Every place in a value, its own one first. */
export function pathsOf(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Array.isArray(value) ? value.map((each, index) => [index, each] as const) : Object.entries(value);
  return [path, ...inner.flatMap(([key, each]) => pathsOf(each, [...path, key]))];
}

/** A node that is to go. */
const gone = Symbol("gone");

function at(value: unknown, [key, ...rest]: Path, change: (node: unknown) => unknown): unknown {
  if (key === undefined) return change(value);
  if (Array.isArray(value))
    return value.map((each, index) => index === key ? at(each, rest, change) : each).filter((each) => each !== gone);
  const changed = Object.entries(Object(value)).map(([name, each]) =>
    [name, name === key ? at(each, rest, change) : each] as const);
  return Object.fromEntries(changed.filter(([, each]) => each !== gone));
}

function changedNode(node: unknown, random: Random, others: readonly unknown[]): unknown {
  const kinds: readonly (() => unknown)[] = [
    () => random.pick(strangers),
    () => gone,
    () => others.length === 0 ? random.pick(strangers) : partOf(random.pick(others), random),
    () => random.once(2) ? [node] : { [random.pick(strangeKeys)]: node },
    () => variant(node, random, others),
    () => variant(node, random, others),
  ];
  return random.pick(kinds)();
}

function partOf(value: unknown, random: Random): unknown {
  const path = random.pick(pathsOf(value));
  return path.reduce<unknown>((inner, key) => Reflect.get(Object(inner), key), value);
}

/** Something else of the same type. */
function variant(node: unknown, random: Random, others: readonly unknown[]): unknown {
  if (typeof node === "number") return random.pick([node + 1, node - 1, -node, node * 2, node + 0.5, node * 65536]);
  if (typeof node === "string") return changedText(node, random);
  if (typeof node === "boolean") return !node;
  if (Array.isArray(node)) return changedList(node, random, others);
  if (typeof node === "object" && node !== null) return changedObject(node, random, others);
  return random.pick(strangers);
}

function changedList(list: readonly unknown[], random: Random, others: readonly unknown[]): readonly unknown[] {
  const place = random.below(list.length + 1), some = list[random.below(Math.max(1, list.length))] ?? null;
  return random.pick([
    () => list.toSpliced(place, 0, some),
    () => list.toSpliced(place, 0, random.pick(strangers)),
    () => list.toSpliced(place, 0, others.length === 0 ? null : partOf(random.pick(others), random)),
    () => list.toReversed(),
    () => list.slice(0, place),
    () => Array.from({ length: typeof some === "object" ? 20 : 80 }, () => some),
  ])();
}

function changedObject(object: object, random: Random, others: readonly unknown[]): object {
  const entries = Object.entries(object), place = random.below(entries.length + 1);
  const [key = "", value = null] = entries[random.below(Math.max(1, entries.length))] ?? [];
  const added = (name: string, entry: unknown): object => (
    Object.fromEntries(entries.toSpliced(place, 0, [name, entry])));
  return random.pick([
    () => added(random.pick(strangeKeys), random.pick(strangers)),
    () => added(random.once(2) ? key.toUpperCase() : key.toLowerCase(), random.pick(strangers)),
    () => added(key, others.length === 0 ? null : partOf(random.pick(others), random)),
    () => Object.fromEntries(entries.map(([name, each]) => [name === key ? otherKey(key, random) : name, each])),
    () => Object.fromEntries(entries.map(([name]) => [name, value])),
  ])();
}

function otherKey(key: string, random: Random): string {
  return random.pick([key.toUpperCase(), `${key}x`, key.slice(1), ...strangeKeys]);
}

/** What structures the texts that are read here. */
const pieces: readonly string[] = [
  '"', "\\", "{", "}", "[", "]", ",", ":", ";", "=", "/", "@", "-", ".", " ", "\t", "\n", "\r\n", "\0", "\u0001", "0",
  "1e9", "-1", "255", "256", "0x10", "null", "true", "\\u0000", "\\ud800", "#", "&a", "*a", "<<", "|", ">", "? ", "- ",
  "%", "\u00e4", "\u2028", "\ufeff", "::", "/24", "/129", "eth0", "__proto__",
];

/** A text with a few of its pieces changed. */
export function changedText(text: string, random: Random): string {
  let changed = text;
  for (let i = random.once(2) ? 1 : 1 + random.below(4); i > 0; i--) {
    const from = random.below(changed.length + 1), length = random.below(random.once(4) ? 40 : 4);
    const cut = changed.slice(from, from + length), rest = changed.slice(from + length);
    changed = random.pick([
      () => changed.slice(0, from) + random.pick(pieces) + changed.slice(from),
      () => changed.slice(0, from) + random.pick(pieces) + rest,
      () => changed.slice(0, from) + rest,
      () => changed.slice(0, from) + cut + cut + rest,
      () => changed.slice(0, from),
      () => rest + changed.slice(0, from + length),
      () => changed.slice(0, from) + (random.once(2) ? cut.toUpperCase() : cut.toLowerCase()) + rest,
      () => changed.slice(0, from) + String.fromCharCode(random.below(random.once(3) ? 0x1_0000 : 0x80)) + rest,
    ])();
  }
  return changed;
}

const edges: readonly number[] = [0, 1, 2, 3, 4, 7, 8, 15, 16, 0x7f, 0x80, 0xfe, 0xff];

/** Bytes with a few of them changed, moved or gone. */
export function changedBytes(bytes: Uint8Array, random: Random): Uint8Array {
  let changed: Uint8Array = Uint8Array.from(bytes);
  for (let i = random.once(2) ? 1 : 1 + random.below(6); i > 0; i--) {
    const from = random.below(changed.length + 1), length = 1 + random.below(random.once(4) ? 40 : 4);
    const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(Buffer.concat(parts));
    const before = changed.subarray(0, from), cut = changed.subarray(from, from + length);
    const rest = changed.subarray(from + length);
    changed = random.pick([
      () => withByte(changed, from, (byte) => byte ^ (1 << random.below(8))),
      () => withByte(changed, from, () => random.below(256)),
      () => withByte(changed, from, () => random.pick(edges)),
      () => withByte(changed, from, (byte) => byte + (random.once(2) ? 1 : -1)),
      () => joined(before, rest),
      () => joined(before, cut, cut, rest),
      () => joined(before, Uint8Array.from({ length }, () => random.pick(edges)), changed.subarray(from)),
      () => joined(before),
      () => joined(before, Uint8Array.from({ length }, () => 0xff), rest),
    ])();
  }
  return changed;
}

function withByte(bytes: Uint8Array, place: number, change: (byte: number) => number): Uint8Array {
  const changed = Uint8Array.from(bytes), byte = changed[place];
  if (byte !== undefined) changed[place] = change(byte);
  return changed;
}
