import { decimal, hexDigit, hexValue } from "./text";

/**
 * An IP address as a 128-bit number; IPv4 is the low 32 bits. Which family it is of, its range or prefix knows.
 *
 * Nothing is ever freed, and a search makes many: so it is two numbers in a row and nothing else, many to a block of
 * memory.
 */
@unmanaged @final
export class Addr {
  readonly high: u64 = 0;
  readonly low: u64 = 0;

  constructor(high: u64, low: u64) {
    const at = place();
    store<u64>(at, high);
    store<u64>(at, low, 8);
    return changetype<Addr>(at);
  }

  /** The address a text stands for; null when it is none of the family, 4 or 6. */
  static parse(text: string, family: i32): Addr | null {
    return family == 4 ? parseDotted(text) : parseColons(text);
  }

  /** `bits` ones at the front of an address of the family, zeros behind. */
  static mask(bits: i32, family: i32): Addr {
    if (family == 4) return new Addr(0, <u32>frontOnes(bits + 32));
    return new Addr(frontOnes(bits), frontOnes(bits - 64));
  }

  /** The address a frame holds there: two u64, high then low. No copy, since nobody changes a frame. */
  static load(from: usize): Addr {
    return changetype<Addr>(from);
  }

  get isZero(): bool {
    return (this.high | this.low) == 0;
  }

  equals(other: Addr): bool {
    return this.high == other.high && this.low == other.low;
  }

  /** Whether this comes before the other. */
  before(other: Addr): bool {
    return this.high < other.high || (this.high == other.high && this.low < other.low);
  }

  /** -1, 0 or 1 as this comes before, is, or comes behind the other. */
  compare(other: Addr): i32 {
    return this.before(other) ? -1 : this.equals(other) ? 0 : 1;
  }

  /**
   * The address one further; zero after the very last IPv6 address, so ask `View.freeAfter` rather than loop over this.
   */
  next(): Addr {
    const low = this.low + 1;
    return new Addr(low == 0 ? this.high + 1 : this.high, low);
  }

  /** The address one before; the very last IPv6 address before zero. */
  previous(): Addr {
    return this.subtract(1);
  }

  /** The address `count` further, within 128 bits. */
  add(count: u64): Addr {
    const low = this.low + count;
    return new Addr(low < count ? this.high + 1 : this.high, low);
  }

  /** The address `count` before, within 128 bits. */
  subtract(count: u64): Addr {
    return new Addr(this.low < count ? this.high - 1 : this.high, this.low - count);
  }

  /** How far this lies behind the other, which is not behind this; 2^64 - 1 when it is that far or farther. */
  distance(other: Addr): u64 {
    const high = this.high - other.high - (this.low < other.low ? 1 : 0);
    return high == 0 ? this.low - other.low : u64.MAX_VALUE;
  }

  and(other: Addr): Addr {
    return new Addr(this.high & other.high, this.low & other.low);
  }

  or(other: Addr): Addr {
    return new Addr(this.high | other.high, this.low | other.low);
  }

  xor(other: Addr): Addr {
    return new Addr(this.high ^ other.high, this.low ^ other.low);
  }

  /** Bit `index`, counted from the lowest: 0 to 127. */
  bit(index: i32): bool {
    return (((index < 64 ? this.low : this.high) >> (<u64>index & 63)) & 1) == 1;
  }

  /** This number times 2^count, within 128 bits. */
  shiftLeft(count: i32): Addr {
    if (count == 0) return this;
    if (count >= 128) return new Addr(0, 0);
    if (count >= 64) return new Addr(this.low << (<u64>count - 64), 0);
    return new Addr((this.high << <u64>count) | (this.low >> (64 - <u64>count)), this.low << <u64>count);
  }

  /** Canonical text: dotted decimal, or RFC 5952. */
  text(family: i32): string {
    return family == 4 ? this.dotted() : this.colons();
  }

  private dotted(): string {
    return decimal(this.octet(24)) + "." + decimal(this.octet(16)) + "."
      + decimal(this.octet(8)) + "." + decimal(this.octet(0));
  }

  private octet(shift: u64): u64 {
    return (this.low >> shift) & 255;
  }

  private colons(): string {
    const gap = this.longestZeros();
    const gapStart = gap >> 4;
    const gapEnd = gapStart + (gap & 15);
    let text = "";
    for (let i = 0; i < 8; i++) {
      if (i == gapStart && gapEnd > gapStart) {
        text += "::";
        i = gapEnd - 1;
        continue;
      }
      if (i > 0 && i != gapEnd) text += ":";
      text += hexText(this.group(i));
    }
    return text;
  }

  private group(index: i32): u32 {
    const half = index < 4 ? this.high : this.low;
    return <u32>(half >> (48 - 16 * <u64>(index & 3))) & 0xffff;
  }

  /** The first of the longest runs of zero groups: start << 4 | length; 8 << 4 when no run has two groups. */
  private longestZeros(): i32 {
    let best = 8 << 4;
    for (let i = 0; i < 8; i++) {
      let length = 0;
      while (i + length < 8 && this.group(i + length) == 0) length++;
      if (length > 1 && length > (best & 15)) best = (i << 4) | length;
      i += length;
    }
    return best;
  }
}

const addressBytes: usize = 16;
const blockBytes: usize = 64 * addressBytes;
let free: usize = 0;
let blockEnd: usize = 0;

/** Memory for one more address. */
function place(): usize {
  if (free == blockEnd) {
    free = heap.alloc(blockBytes);
    blockEnd = free + blockBytes;
  }
  const at = free;
  free = at + addressBytes;
  return at;
}

function hexText(group: u32): string {
  const last = String.fromCharCode(hexDigit(group & 15));
  return group < 16 ? last : hexText(group >> 4) + last;
}

/** 64 bits of which the first `bits` are ones; less than 0 is 0, more than 64 is 64. */
function frontOnes(bits: i32): u64 {
  if (bits <= 0) return 0;
  return bits >= 64 ? u64.MAX_VALUE : ~(u64.MAX_VALUE >> <u64>bits);
}

/** Four octets without leading zeros. */
function parseDotted(text: string): Addr | null {
  let value: u64 = 0;
  let count = 0;
  let octet = -1;
  for (let i = 0; i <= text.length; i++) {
    // The end of the text ends an octet as a dot does.
    const digit = i < text.length ? text.charCodeAt(i) - 0x30 : dot;
    if (digit == dot && octet >= 0) {
      value = (value << 8) | octet;
      octet = -1;
      count++;
      continue;
    }
    if (<u32>digit > 9 || octet == 0) return null;
    octet = max(octet, 0) * 10 + digit;
    if (octet > 255) return null;
  }
  return count == 4 ? new Addr(0, value) : null;
}

/** A dot, counted from "0". */
const dot = -2;

/** Eight groups, or fewer around one `::`; the host sends canonical text, so a dotted tail does not occur. */
function parseColons(text: string): Addr | null {
  let count = 0;
  let groups = new Addr(0, 0);
  let gapAt = -1;
  let head = groups;
  let at = 0;
  if (text.startsWith("::")) {
    gapAt = 0;
    at = 2;
  }
  while (at < text.length) {
    const from = at;
    let group: u64 = 0;
    for (let digit = 0; at < text.length && (digit = hexValue(text.charCodeAt(at))) >= 0; at++) {
      group = (group << 4) | digit;
    }
    if (at == from || at > from + 4 || ++count > 8) return null;
    groups = groups.shiftLeft(16).or(new Addr(0, group));
    if (at == text.length) break;
    if (text.charCodeAt(at++) != 0x3a || at == text.length) return null;
    if (text.charCodeAt(at) != 0x3a) continue;
    if (gapAt >= 0) return null;
    gapAt = count;
    head = groups;
    groups = new Addr(0, 0);
    at++;
  }
  if (gapAt < 0) return count == 8 ? groups : null;
  return count < 8 ? head.shiftLeft(16 * (8 - gapAt)).or(groups) : null;
}
