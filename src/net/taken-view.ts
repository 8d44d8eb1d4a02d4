import type { AddressList, Words } from "./address-list.ts";
import { wordsOf } from "./address-list.ts";
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
  /**
   * 0: pairs of first and last, 32 bytes each, sorted and never touching. 1: a bitmap, bit i = first + i, LSB first,
   * padded to 8 bytes.
   */
  readonly kind: 0 | 1;
  /** Pairs, or bits. */
  readonly count: number;
  readonly bytes: Uint8Array;
}

/**
 * The view of `span` over the addresses of `list`, which are of the span's family and in any order, repeats allowed.
 */
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
  if (size > bitmapLargestSpan)
    throw new RangeError(`Cannot make a bitmap of ${size} addresses: expected at most ${bitmapLargestSpan}`);
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

/** A bitmap of 2 MiB is the largest that is sent. */
const bitmapLargestSpan = 2 ** 24;

function compareWords(a: Words, b: Words): number {
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
}

/** Exact below 2^53, which is all that callers compare it with. */
function spanSize(span: Span): number {
  return offsetFrom(wordsOf(span.first), ...wordsOf(span.last)) + 1;
}

/** How far an address lies behind `first`; negative when before. Rounded beyond 2^53. */
function offsetFrom(first: Words, word0: number, word1: number, word2: number, word3: number): number {
  return (
    (word0 - first[0]) * 2 ** 96 + (word1 - first[1]) * 2 ** 64 + (word2 - first[2]) * 2 ** 32 + (word3 - first[3])
  );
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
  return [
    data.getUint32(at + 4, true),
    data.getUint32(at, true),
    data.getUint32(at + 12, true),
    data.getUint32(at + 8, true),
  ];
}

/** Writes one address as a module reads it: 16 bytes, two u64, high then low, little endian. */
export function writeModuleAddress(data: DataView, at: number, address: Address): void {
  writeAddressWords(data, at, wordsOf(address));
}
