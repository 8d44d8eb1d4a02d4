import { Addr } from "./addr";
import { decimal } from "./text";

/** Addresses of one family from `first` to `last`, both included. */
export class Span {
  constructor(readonly family: i32, readonly first: Addr, readonly last: Addr) {}

  /**
   * `10.1.0.0/24`, `10.1.0.10-10.1.0.20` or a single address; null for anything else. Every address of a CIDR counts.
   */
  static parse(text: string): Span | null {
    if (text.includes("/")) return Prefix.parse(text);
    const family = text.includes(":") ? 6 : 4;
    const dash = text.indexOf("-");
    const first = Addr.parse(dash < 0 ? text : text.substring(0, dash), family);
    const last = dash < 0 ? first : Addr.parse(text.substring(dash + 1), family);
    if (first === null || last === null || last.before(first)) return null;
    return new Span(family, first, last);
  }

  holds(address: Addr): bool {
    return !address.before(this.first) && !this.last.before(address);
  }

  /** Addresses in it; 2^64 - 1 when there are that many or more. */
  get size(): u64 {
    const distance = this.last.distance(this.first);
    return distance == u64.MAX_VALUE ? distance : distance + 1;
  }

  /** What both have; null when that is nothing. */
  common(other: Span): Span | null {
    if (this.family != other.family) return null;
    const first = this.first.before(other.first) ? other.first : this.first;
    const last = this.last.before(other.last) ? this.last : other.last;
    return last.before(first) ? null : new Span(this.family, first, last);
  }

  /** `10.1.2.2-10.1.2.254`. */
  get span(): string {
    return this.first.text(this.family) + "-" + this.last.text(this.family);
  }
}

/** A CIDR: a span that a mask describes. */
export class Prefix extends Span {
  constructor(family: i32, address: Addr, readonly bits: i32) {
    const mask = Addr.mask(bits, family);
    const first = address.and(mask);
    super(family, first, first.or(mask.xor(Addr.mask(family == 4 ? 32 : 128, family))));
  }

  /** `10.1.0.0/24`; bits behind the mask are dropped. Null for anything else. */
  static parse(text: string): Prefix | null {
    const slash = text.indexOf("/");
    if (slash < 0) return null;
    const family = text.includes(":") ? 6 : 4;
    const address = Addr.parse(text.substring(0, slash), family);
    const bits = wholeNumber(text.substring(slash + 1));
    if (address === null || bits < 0 || bits > (family == 4 ? 32 : 128)) return null;
    return new Prefix(family, address, bits);
  }

  /** The `index`-th of the equal parts that are `bits` long; null when this has not so many. */
  part(index: u64, bits: i32): Prefix | null {
    const more = bits - this.bits;
    const width = this.family == 4 ? 32 : 128;
    if (more < 0 || bits > width || (more < 64 && index >> <u64>more != 0)) return null;
    return new Prefix(this.family, this.first.or(new Addr(0, index).shiftLeft(width - bits)), bits);
  }

  toString(): string {
    return this.first.text(this.family) + "/" + decimal(this.bits);
  }
}

/** -1 when it is not one to three digits. */
function wholeNumber(text: string): i32 {
  if (text.length == 0 || text.length > 3) return -1;
  let value = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (<u32>digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
