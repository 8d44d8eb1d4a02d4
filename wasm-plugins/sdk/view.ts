import { Addr } from "./addr";

/** Which addresses of one range are not free, whichever of the two forms the host sent: runs or a bitmap. */
export class View {
  constructor(
    private readonly kind: u32,
    private readonly count: u32,
    private readonly at: usize,
    private readonly first: Addr,
    private readonly last: Addr,
  ) {}

  isFree(address: Addr): bool {
    const free = this.nextFree(address);
    return free !== null && free.equals(address);
  }

  /** The first free address that is not before `from`; null when none is left. `from` may lie outside the range. */
  nextFree(from: Addr): Addr | null {
    if (this.last.before(from)) return null;
    const inside = from.before(this.first) ? this.first : from;
    return this.kind == 0 ? this.nextByRuns(inside) : this.nextByBits(inside);
  }

  /** The first free address behind `address`, even where that is the last one there is. */
  freeAfter(address: Addr): Addr | null {
    return address.before(this.last) ? this.nextFree(address.next()) : null;
  }

  /** The last free address that is not behind `from`; null when there is none. `from` may lie outside the range. */
  prevFree(from: Addr): Addr | null {
    if (from.before(this.first)) return null;
    const inside = this.last.before(from) ? this.last : from;
    return this.kind == 0 ? this.prevByRuns(inside) : this.prevByBits(inside);
  }

  /**
   * The first free address not before `from` whose low bits are `value`: `mask` 1 for every second address, 3 for every
   * fourth (a power of two less one). Null when there is none. One walk, however many others are taken or do not fit.
   */
  freeMatching(from: Addr, mask: u64, value: u64): Addr | null {
    if (this.last.before(from)) return null;
    const inside = from.before(this.first) ? this.first : from;
    const fit = inside.add((value - inside.low) & mask);
    if (fit.before(inside) || this.last.before(fit)) return null;
    return this.kind == 0 ? this.matchingByRuns(fit, mask, value) : this.matchingByBits(fit, mask);
  }

  /** Free address number `index`, from 0, in order; null when there are not so many. */
  nthFree(index: u64): Addr | null {
    return this.kind == 0 ? this.nthByRuns(index) : this.nthByBits(index);
  }

  /** How many are free; 2^64 - 1 when there are that many or more. */
  countFree(): u64 {
    return this.kind == 0 ? this.countByRuns() : this.countByBits();
  }

  /** Runs never touch: behind the run that holds `from` comes a free address, or the end of the range. */
  private nextByRuns(from: Addr): Addr | null {
    const index = this.runNotBefore(from);
    if (index == this.count) return from;
    const run = this.run(index);
    if (from.before(Addr.load(run))) return from;
    const end = Addr.load(run + 16);
    return end.before(this.last) ? end.next() : null;
  }

  /** Numbers instead of Addr: nothing is ever freed, and the walk may be long. */
  private matchingByRuns(fit: Addr, mask: u64, value: u64): Addr | null {
    let high = fit.high;
    let low = fit.low;
    for (let index = this.runNotBefore(fit); index < this.count; index++) {
      const run = this.run(index);
      if (isBefore(high, low, load<u64>(run), load<u64>(run, 8))) break;
      const endHigh = load<u64>(run, 16);
      const endLow = load<u64>(run, 24);
      if (isBefore(endHigh, endLow, high, low)) continue;
      const from = endLow + 1;
      const more = (value - from) & mask;
      low = from + more;
      high = endHigh + (from == 0 || low < more ? 1 : 0);
      // Round behind the last address of all, or behind the last one of this range.
      if (isBefore(high, low, endHigh, endLow) || isBefore(this.last.high, this.last.low, high, low)) return null;
    }
    return new Addr(high, low);
  }

  private prevByRuns(from: Addr): Addr | null {
    const index = this.runNotBefore(from);
    if (index == this.count) return from;
    const start = Addr.load(this.run(index));
    if (from.before(start)) return from;
    return this.first.before(start) ? start.previous() : null;
  }

  /** The first run that does not end before `address`; `count` when all do. */
  private runNotBefore(address: Addr): u32 {
    let low: u32 = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (endsBefore(this.run(middle), address)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private nthByRuns(index: u64): Addr | null {
    let from = this.first;
    let left = index;
    for (let i: u32 = 0; i < this.count; i++) {
      const run = this.run(i);
      const free = Addr.load(run).distance(from);
      if (left < free) return from.add(left);
      left -= free;
      const end = Addr.load(run + 16);
      if (!end.before(this.last)) return null;
      from = end.next();
    }
    return left <= this.last.distance(from) ? from.add(left) : null;
  }

  private countByRuns(): u64 {
    let total: u64 = 0;
    let from = this.first;
    for (let i: u32 = 0; i < this.count; i++) {
      const run = this.run(i);
      total = saturated(total, Addr.load(run).distance(from));
      const end = Addr.load(run + 16);
      if (!end.before(this.last)) return total;
      from = end.next();
    }
    return saturated(saturated(total, this.last.distance(from)), 1);
  }

  private run(index: u32): usize {
    return this.at + <usize>index * 32;
  }

  /** 64 addresses a step: the first clear bit, then whether it is still in the range (the padding is clear too). */
  private nextByBits(from: Addr): Addr | null {
    const bit = from.distance(this.first);
    const words = this.words;
    let word = bit >> 6;
    let free = ~this.word(word) & (<u64>-1 << (bit & 63));
    while (free == 0) {
      if (++word == words) return null;
      free = ~this.word(word);
    }
    const index = (word << 6) + ctz(free);
    return index < this.count ? this.first.add(index) : null;
  }

  private matchingByBits(fit: Addr, mask: u64): Addr | null {
    let bit = fit.distance(this.first);
    if (mask >= 63) {
      while (bit < this.count && (this.word(bit >> 6) >> (bit & 63)) & 1) bit += mask + 1;
      return bit < this.count ? this.first.add(bit) : null;
    }
    // The same bits fit in every word, since 64 is a multiple of the step.
    let pattern: u64 = 0;
    for (let at = bit & mask; at < 64; at += mask + 1) pattern |= <u64>1 << at;
    let word = bit >> 6;
    let free = ~this.word(word) & pattern & (<u64>-1 << (bit & 63));
    while (free == 0) {
      if (++word == this.words) return null;
      free = ~this.word(word) & pattern;
    }
    const index = (word << 6) + ctz(free);
    return index < this.count ? this.first.add(index) : null;
  }

  private prevByBits(from: Addr): Addr | null {
    const bit = from.distance(this.first);
    let word = bit >> 6;
    let free = ~this.word(word) & (<u64>-1 >> (63 - (bit & 63)));
    while (free == 0) {
      if (word-- == 0) return null;
      free = ~this.word(word);
    }
    return this.first.add((word << 6) + 63 - clz(free));
  }

  private nthByBits(index: u64): Addr | null {
    let left = index;
    for (let word: u64 = 0; word < this.words; word++) {
      let free = this.freeBits(word);
      const count = <u64>popcnt(free);
      if (left >= count) {
        left -= count;
        continue;
      }
      for (; left > 0; left--) free &= free - 1;
      return this.first.add((word << 6) + ctz(free));
    }
    return null;
  }

  private countByBits(): u64 {
    let total: u64 = 0;
    for (let word: u64 = 0; word < this.words; word++) total += <u64>popcnt(this.freeBits(word));
    return total;
  }

  private get words(): u64 {
    return (<u64>this.count + 63) >> 6;
  }

  /** Clear bits of a word as ones, the padding behind the last address as zeros. */
  private freeBits(word: u64): u64 {
    const beyond = ((word + 1) << 6) > this.count ? ((word + 1) << 6) - this.count : 0;
    return ~this.word(word) & (<u64>-1 >> beyond);
  }

  private word(index: u64): u64 {
    return load<u64>(this.at + (<usize>index << 3));
  }
}

function endsBefore(run: usize, address: Addr): bool {
  return isBefore(load<u64>(run, 16), load<u64>(run, 24), address.high, address.low);
}

function isBefore(high: u64, low: u64, otherHigh: u64, otherLow: u64): bool {
  return high < otherHigh || (high == otherHigh && low < otherLow);
}

function saturated(a: u64, b: u64): u64 {
  return a + b < a ? u64.MAX_VALUE : a + b;
}
