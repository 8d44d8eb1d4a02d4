/** An IP address as a 128-bit number; IPv4 is the low 32 bits. */
export class Addr {
  constructor(readonly high: u64, readonly low: u64) {}

  /** The address a frame holds there: two u64, high then low. */
  static load(from: usize): Addr {
    return new Addr(load<u64>(from), load<u64>(from, 8));
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

  /** The address one further; zero after the very last. */
  next(): Addr {
    const low = this.low + 1;
    return new Addr(low == 0 ? this.high + 1 : this.high, low);
  }

  /** The address `count` further, within 128 bits. */
  plus(count: u64): Addr {
    const low = this.low + count;
    return new Addr(low < count ? this.high + 1 : this.high, low);
  }

  /** How far this lies behind the other; the low 64 bits of it. */
  minus(other: Addr): u64 {
    return this.low - other.low;
  }

  /** Canonical text: dotted decimal, or RFC 5952. */
  text(family: i32): string {
    return family == 4 ? this.dotted() : this.colons();
  }

  private dotted(): string {
    const value = <u32>this.low;
    return (value >> 24).toString() + "." + ((value >> 16) & 255).toString() + "." + ((value >> 8) & 255).toString() + "." + (value & 255).toString();
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

function hexText(group: u32): string {
  const digit = group & 15;
  const last = String.fromCharCode(digit < 10 ? 0x30 + digit : 0x57 + digit);
  return group < 16 ? last : hexText(group >> 4) + last;
}

/** The address a text stands for; null when it is none of the family. */
export function parseAddr(text: string, family: i32): Addr | null {
  return family == 4 ? parseDotted(text) : parseColons(text);
}

function parseDotted(text: string): Addr | null {
  const parts = text.split(".");
  if (parts.length != 4) return null;
  let value: u64 = 0;
  for (let i = 0; i < 4; i++) {
    const part = unchecked(parts[i]);
    if (part.length == 0 || part.length > 3 || (part.length > 1 && part.charCodeAt(0) == 0x30)) return null;
    let octet: u32 = 0;
    for (let j = 0; j < part.length; j++) {
      const digit = part.charCodeAt(j) - 0x30;
      if (<u32>digit > 9) return null;
      octet = octet * 10 + digit;
    }
    if (octet > 255) return null;
    value = (value << 8) | octet;
  }
  return new Addr(0, value);
}

/** Groups before and after `::`; the host sends canonical text, so a dotted tail does not occur. */
function parseColons(text: string): Addr | null {
  const gap = text.indexOf("::");
  const head = parseGroups(gap < 0 ? text : text.substring(0, gap));
  const tail = parseGroups(gap < 0 ? "" : text.substring(gap + 2));
  if (head === null || tail === null) return null;
  const count = head.length + tail.length;
  if (gap < 0 ? count != 8 : count > 7) return null;
  let high: u64 = 0;
  let low: u64 = 0;
  for (let i = 0; i < 8; i++) {
    let group: u64 = 0;
    if (i < head.length) group = unchecked(head[i]);
    else if (i >= 8 - tail.length) group = unchecked(tail[i - 8 + tail.length]);
    if (i < 4) high = (high << 16) | group;
    else low = (low << 16) | group;
  }
  return new Addr(high, low);
}

function parseGroups(text: string): Array<u64> | null {
  const groups = new Array<u64>();
  if (text.length == 0) return groups;
  const parts = text.split(":");
  for (let i = 0; i < parts.length; i++) {
    const part = unchecked(parts[i]);
    if (part.length == 0 || part.length > 4) return null;
    let group: u64 = 0;
    for (let j = 0; j < part.length; j++) {
      const unit = part.charCodeAt(j) | 0x20;
      const digit = unit >= 0x61 && unit <= 0x66 ? unit - 0x57 : part.charCodeAt(j) - 0x30;
      if (<u32>digit > 15) return null;
      group = (group << 4) | digit;
    }
    groups.push(group);
  }
  return groups;
}
