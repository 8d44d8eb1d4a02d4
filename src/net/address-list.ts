import type { Address } from "./address.ts";

/** An address as four 32-bit words, high first; IPv4 is the last one. */
export type Words = readonly [number, number, number, number];

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

  /** The same in ascending order. */
  sorted(): AddressList {
    const order = Uint32Array.from({ length: this.#count }, (_, index) => index);
    order.sort((a, b) => this.#compare(a, this.#words, b * 4));
    const list = new AddressList(this.#count);
    for (const index of order) list.#copy(this.#words, index * 4);
    return list;
  }

  /** Of a list in ascending order those from `first` to `last`. */
  within(first: Address, last: Address): AddressList {
    const from = this.#countBelow(wordsOf(first)), end = this.#countBelow(wordsOf(last), { orSame: true });
    const list = new AddressList(Math.max(0, end - from) + 1);
    for (let i = from; i < end; i++) list.#copy(this.#words, i * 4);
    return list;
  }

  /** Word `word` (0 to 3) of address `index`. */
  word(index: number, word: number): number {
    // In bounds for every index below count; past it the answer is 0.
    return this.#words[index * 4 + word] ?? 0;
  }

  #countBelow(words: Words, { orSame = false } = {}): number {
    let low = 0, high = this.#count;
    while (low < high) {
      const middle = (low + high) >>> 1, order = this.#compare(middle, words, 0);
      if (order < 0 || (orSame && order === 0)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Address `index` and the one whose words begin at `at` of others. */
  #compare(index: number, others: ArrayLike<number>, at: number): number {
    for (let word = 0; word < 4; word++) {
      const difference = this.word(index, word) - (others[at + word] ?? 0);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #copy(words: Uint32Array, at: number): void {
    this.add(words[at] ?? 0, words[at + 1] ?? 0, words[at + 2] ?? 0, words[at + 3] ?? 0);
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

export function wordsOf(address: Address): Words {
  const data = new DataView(address.bytes.buffer, address.bytes.byteOffset, address.bytes.byteLength);
  if (address.family === 4) return [0, 0, 0, data.getUint32(0)];
  return [data.getUint32(0), data.getUint32(4), data.getUint32(8), data.getUint32(12)];
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

/**
 * Eight groups, `::` standing for the missing ones; a dotted tail is never canonical where the reference names files.
 */
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
