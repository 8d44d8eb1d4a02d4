import type { Address } from "./address.ts";

/** A span of addresses of one family, both ends included. */
export interface Span {
  readonly first: Address;
  readonly last: Address;
}

/**
 * The addresses of one span that are not free, in the bytes a WASM module reads (little endian); nobody is named.
 * An address is two u64, high then low; IPv4 is the low 32 bits.
 */
export interface TakenView {
  /** 0: pairs of first and last, 32 bytes each, sorted and never touching. 1: a bitmap, bit i = first + i, LSB first, padded to 8 bytes. */
  readonly kind: 0 | 1;
  /** Pairs, or bits. */
  readonly count: number;
  readonly bytes: Uint8Array;
}

/** Addresses gathered as four 32-bit words each, high first, so that 100,000 of them cost no object each. */
export class AddressList {
  #words: Uint32Array;
  #count = 0;

  constructor(capacity: number) {
    this.#words = new Uint32Array(Math.max(4, capacity * 4));
  }

  get count(): number {
    return this.#count;
  }

  /** IPv4 is given as (0, 0, 0, value). */
  add(word0: number, word1: number, word2: number, word3: number): void {
    let at = this.#count * 4;
    if (at === this.#words.length) this.#grow();
    this.#words[at++] = word0;
    this.#words[at++] = word1;
    this.#words[at++] = word2;
    this.#words[at] = word3;
    this.#count++;
  }

  /** Forgets what was added after the first `count`. */
  truncate(count: number): void {
    this.#count = Math.min(this.#count, count);
  }

  addAddress(address: Address): void {
    const words = wordsOf(address);
    this.add(words[0], words[1], words[2], words[3]);
  }

  /** Word `word` (0 to 3) of address `index`. */
  word(index: number, word: number): number {
    // In bounds for every index below count; past it the answer is 0.
    return this.#words[index * 4 + word] ?? 0;
  }

  #grow(): void {
    const grown = new Uint32Array(this.#words.length * 2);
    grown.set(this.#words);
    this.#words = grown;
  }
}

/**
 * Adds the address a directory entry is named after, digits parsed in place. Canonical names only: dotted decimal, or
 * IPv6 with colons. False when the name is no address of the family (`lock`, `last_reserved_ip.0`).
 */
export function addAddressName(list: AddressList, family: 4 | 6, name: string): boolean {
  return family === 4 ? addIpv4Name(list, name) : addIpv6Name(list, name);
}

/** The view of `span` over the addresses of `list`, which are of the span's family and in any order, repeats allowed. */
export function takenView(span: Span, list: AddressList): TakenView {
  const runs = toRuns(list, wordsOf(span.first), wordsOf(span.last));
  const size = spanSize(span);
  if (size <= bitmapLargestSpan && 32 * runs.count > size / 8) return toBitmap(runs, wordsOf(span.first)[3], size);
  return { kind: 0, count: runs.count, bytes: runs.bytes() };
}

/** The view as runs, whatever its size would suggest. */
export function takenRuns(span: Span, list: AddressList): TakenView {
  const runs = toRuns(list, wordsOf(span.first), wordsOf(span.last));
  return { kind: 0, count: runs.count, bytes: runs.bytes() };
}

/** The view as a bitmap; the span holds at most 2^24 addresses. */
export function takenBitmap(span: Span, list: AddressList): TakenView {
  const size = spanSize(span);
  if (size > bitmapLargestSpan) throw new RangeError(`Cannot make a bitmap of ${size} addresses: expected at most ${bitmapLargestSpan}`);
  return toBitmap(toRuns(list, wordsOf(span.first), wordsOf(span.last)), wordsOf(span.first)[3], size);
}

/** Whether the view holds the address, which lies in the span. */
export function viewHolds(view: TakenView, span: Span, address: Address): boolean {
  const data = new DataView(view.bytes.buffer, view.bytes.byteOffset, view.bytes.byteLength);
  const words = wordsOf(address);
  if (view.kind === 1) {
    const bit = (words[3] - wordsOf(span.first)[3]) >>> 0;
    return ((view.bytes[bit >>> 3] ?? 0) >> (bit & 7) & 1) === 1;
  }
  let low = 0;
  let high = view.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareWords(readWords(data, middle * 32 + 16), words) < 0) low = middle + 1;
    else high = middle;
  }
  return low < view.count && compareWords(readWords(data, low * 32), words) <= 0;
}

type Words = readonly [number, number, number, number];

/** wasm.md 2.2: a bitmap of 2 MiB is the largest that is sent. */
const bitmapLargestSpan = 2 ** 24;

function wordsOf(address: Address): Words {
  const data = new DataView(address.bytes.buffer, address.bytes.byteOffset, address.bytes.byteLength);
  if (address.family === 4) return [0, 0, 0, data.getUint32(0)];
  return [data.getUint32(0), data.getUint32(4), data.getUint32(8), data.getUint32(12)];
}

function compareWords(a: Words, b: Words): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** Exact below 2^53, which is all that callers compare it with. */
function spanSize(span: Span): number {
  return offsetFrom(wordsOf(span.first), ...wordsOf(span.last)) + 1;
}

/** How far an address lies behind `first`; negative when before. Rounded beyond 2^53. */
function offsetFrom(first: Words, word0: number, word1: number, word2: number, word3: number): number {
  return (word0 - first[0]) * 2 ** 96 + (word1 - first[1]) * 2 ** 64 + (word2 - first[2]) * 2 ** 32 + (word3 - first[3]);
}

/** Runs under construction: first and last words, in ascending order. */
class Runs {
  readonly #words: Uint32Array;
  count = 0;

  constructor(capacity: number) {
    this.#words = new Uint32Array(capacity * 8);
  }

  /** The next run in ascending order, apart from the one before, touching it or inside it. */
  add(first: Words, last: Words): void {
    const at = this.count * 8;
    if (this.count > 0) {
      const before = this.last(this.count - 1);
      if (compareWords(last, before) <= 0) return;
      if (compareWords(first, before) <= 0 || compareWords(next(before), first) === 0) {
        this.#words.set(last, at - 4);
        return;
      }
    }
    this.#words.set(first, at);
    this.#words.set(last, at + 4);
    this.count++;
  }

  first(index: number): Words {
    return this.#read(index * 8);
  }

  last(index: number): Words {
    return this.#read(index * 8 + 4);
  }

  bytes(): Uint8Array {
    const data = new DataView(new ArrayBuffer(this.count * 32));
    for (let i = 0; i < this.count * 2; i++) writeAddressWords(data, i * 16, this.#read(i * 4));
    return new Uint8Array(data.buffer);
  }

  #read(at: number): Words {
    // In bounds: callers ask below count only.
    return [this.#words[at] ?? 0, this.#words[at + 1] ?? 0, this.#words[at + 2] ?? 0, this.#words[at + 3] ?? 0];
  }
}

/** The address one further; after the last one comes zero, which is never behind anything. */
function next(words: Words): Words {
  let [word0, word1, word2, word3] = words;
  word3 = (word3 + 1) >>> 0;
  if (word3 === 0) word2 = (word2 + 1) >>> 0;
  if (word3 === 0 && word2 === 0) word1 = (word1 + 1) >>> 0;
  if (word3 === 0 && word2 === 0 && word1 === 0) word0 = (word0 + 1) >>> 0;
  return [word0, word1, word2, word3];
}

/**
 * Sorts by offset as doubles, which the engine does natively. Offsets beyond 2^53 are not exact, so those few
 * addresses (a random one in an IPv6 /64) are sorted word by word instead.
 */
function toRuns(list: AddressList, first: Words, last: Words): Runs {
  const lastOffset = offsetFrom(first, ...last);
  const near = new Float64Array(list.count);
  const far: Words[] = [];
  let nearCount = 0;
  for (let i = 0; i < list.count; i++) {
    const offset = offsetFrom(first, list.word(i, 0), list.word(i, 1), list.word(i, 2), list.word(i, 3));
    if (offset < 0 || offset > lastOffset) continue;
    if (offset < 2 ** 53) near[nearCount++] = offset;
    else far.push([list.word(i, 0), list.word(i, 1), list.word(i, 2), list.word(i, 3)]);
  }
  const runs = new Runs(nearCount + far.length);
  addNear(runs, first, near.subarray(0, nearCount).sort());
  for (const words of far.sort(compareWords)) if (compareWords(words, last) <= 0) runs.add(words, words);
  return runs;
}

/** Neighbours are gathered as plain numbers; only runs become words. */
function addNear(runs: Runs, first: Words, offsets: Float64Array): void {
  for (let i = 0; i < offsets.length; ) {
    const start = offsets[i] ?? 0;
    let end = start;
    while (++i < offsets.length && (offsets[i] ?? 0) <= end + 1) end = offsets[i] ?? end;
    runs.add(addOffsetTo(first, start), addOffsetTo(first, end));
  }
}

/** `offset` is exact, below 2^53. */
function addOffsetTo(first: Words, offset: number): Words {
  let carry = offset;
  const words = [first[0], first[1], first[2], first[3]] as [number, number, number, number]; // four by the line itself
  for (let i = 3; i >= 0 && carry > 0; i--) {
    const sum = (words[i] ?? 0) + carry % 2 ** 32;
    words[i] = sum % 2 ** 32;
    carry = Math.floor(carry / 2 ** 32) + (sum >= 2 ** 32 ? 1 : 0);
  }
  return words;
}

function toBitmap(runs: Runs, firstLowWord: number, size: number): TakenView {
  const bytes = new Uint8Array(Math.ceil(size / 64) * 8);
  for (let i = 0; i < runs.count; i++) {
    // A span of at most 2^24 addresses: the difference modulo 2^32 is the bit.
    const end = (runs.last(i)[3] - firstLowWord) >>> 0;
    for (let bit = (runs.first(i)[3] - firstLowWord) >>> 0; bit <= end; bit++) {
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) | (1 << (bit & 7));
    }
  }
  return { kind: 1, count: size, bytes };
}

/** Two u64, high then low, each little endian. */
function writeAddressWords(data: DataView, at: number, words: Words): void {
  data.setUint32(at, words[1], true);
  data.setUint32(at + 4, words[0], true);
  data.setUint32(at + 8, words[3], true);
  data.setUint32(at + 12, words[2], true);
}

function readWords(data: DataView, at: number): Words {
  return [data.getUint32(at + 4, true), data.getUint32(at, true), data.getUint32(at + 12, true), data.getUint32(at + 8, true)];
}

/** Writes one address as a module reads it: 16 bytes, two u64, high then low, little endian. */
export function writeModuleAddress(data: DataView, at: number, address: Address): void {
  writeAddressWords(data, at, wordsOf(address));
}

const dot = 0x2e;
const colon = 0x3a;

function addIpv4Name(list: AddressList, name: string): boolean {
  if (name.length > 15) return false;
  let value = 0;
  let octet = -1;
  let dots = 0;
  for (let i = 0; i < name.length; i++) {
    const char = name.charCodeAt(i);
    if (char === dot) {
      if (octet < 0 || ++dots > 3) return false;
      value = value * 256 + octet;
      octet = -1;
      continue;
    }
    const digit = char - 0x30;
    if (digit < 0 || digit > 9 || octet === 0) return false;
    octet = octet < 0 ? digit : octet * 10 + digit;
    if (octet > 255) return false;
  }
  if (dots !== 3 || octet < 0) return false;
  list.add(0, 0, 0, value * 256 + octet);
  return true;
}

/** Eight groups, `::` standing for the missing ones; a dotted tail is never canonical where the reference names files. */
function addIpv6Name(list: AddressList, name: string): boolean {
  if (name.length > 39 || name.length < 2) return false;
  const groups = [0, 0, 0, 0, 0, 0, 0, 0];
  let count = 0;
  let gap = -1;
  let digits = 0;
  let group = 0;
  let i = 0;
  if (name.charCodeAt(0) === colon) {
    if (name.charCodeAt(1) !== colon) return false;
    gap = 0;
    i = 2;
  }
  for (; i < name.length; i++) {
    const char = name.charCodeAt(i);
    if (char === colon) {
      if (digits === 0) {
        if (gap >= 0) return false;
        gap = count;
        continue;
      }
      if (count === 8) return false;
      groups[count++] = group;
      group = 0;
      digits = 0;
      // A single colon at the end is no address; a double one is the gap.
      if (i === name.length - 1) return false;
      continue;
    }
    const digit = hexDigit(char);
    if (digit < 0 || ++digits > 4) return false;
    group = group * 16 + digit;
  }
  if (digits > 0) {
    if (count === 8) return false;
    groups[count++] = group;
  }
  if (gap < 0 ? count !== 8 : count > 7) return false;
  if (gap >= 0) groups.splice(gap, 8, ...new Array<number>(8 - count).fill(0), ...groups.slice(gap, count));
  list.add(word(groups, 0), word(groups, 2), word(groups, 4), word(groups, 6));
  return true;
}

function word(groups: readonly number[], at: number): number {
  return (groups[at] ?? 0) * 65536 + (groups[at + 1] ?? 0);
}

function hexDigit(char: number): number {
  if (char >= 0x30 && char <= 0x39) return char - 0x30;
  if (char >= 0x61 && char <= 0x66) return char - 0x57;
  return -1;
}
