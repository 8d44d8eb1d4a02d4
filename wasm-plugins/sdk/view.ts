import { Addr } from "./addr";

/**
 * Which addresses of one range are not free, whichever of the two forms the host sent: runs or a bitmap. A search makes
 * no Addr but the one it finds, since nothing is ever freed.
 */
export class View {
  constructor(
    private readonly kind: u32,
    private readonly count: u32,
    private readonly at: usize,
    private readonly first: Addr,
    private readonly last: Addr,
  ) {}

  /** The run that was found last: looks in a row are near each other. */
  private near: u32 = 0;

  isFree(address: Addr): bool {
    const free = this.nextFree(address);
    return free !== null && free.equals(address);
  }

  /** The first free address that is not before `from`; null when none is left. `from` may lie outside the range. */
  nextFree(from: Addr): Addr | null {
    if (this.last.before(from)) return null;
    const inside = from.before(this.first) ? this.first : from;
    return this.kind == 0 ? this.nextByRuns(inside.high, inside.low) : this.nextByBits(inside.low);
  }

  /** The first free address behind `address`, even where that is the last one there is. */
  freeAfter(address: Addr): Addr | null {
    let high = address.high;
    let low = address.low;
    if (!isBefore(high, low, this.last)) return null;
    if (isBefore(high, low, this.first)) return this.nextFree(this.first);
    high += u64(++low == 0);
    return this.kind == 0 ? this.nextByRuns(high, low) : this.nextByBits(low);
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

  /** Runs never touch: behind the run that holds an address comes a free one, or the end of the range. */
  private nextByRuns(high: u64, low: u64): Addr | null {
    const index = this.runNotBefore(high, low);
    if (index == this.count || isBefore(high, low, this.start(index))) return new Addr(high, low);
    const end = this.end(index);
    return end.before(this.last) ? end.next() : null;
  }

  private matchingByRuns(fit: Addr, mask: u64, value: u64): Addr | null {
    let high = fit.high;
    let low = fit.low;
    for (let index = this.runNotBefore(high, low); index < this.count; index++) {
      if (isBefore(high, low, this.start(index))) break;
      const end = this.end(index);
      if (isBehind(high, low, end)) continue;
      const from = end.low + 1;
      const more = (value - from) & mask;
      low = from + more;
      high = end.high + u64(from == 0 || low < more);
      // Round behind the last address of all, or behind the last one of this range.
      if (isBefore(high, low, end) || isBehind(high, low, this.last)) return null;
    }
    return new Addr(high, low);
  }

  private prevByRuns(from: Addr): Addr | null {
    const index = this.runNotBefore(from.high, from.low);
    if (index == this.count) return from;
    const start = this.start(index);
    if (from.before(start)) return from;
    return this.first.before(start) ? start.previous() : null;
  }

  /** The first run that does not end before an address; `count` when all do. */
  private runNotBefore(high: u64, low: u64): u32 {
    let from: u32 = 0;
    let to = this.count;
    const near = this.near;
    if (near > 0 && !isBehind(high, low, this.end(near - 1))) to = near - 1;
    else {
      // In a row of looks it is the one of before, or the next one.
      from = near;
      for (let tries = 0; tries < 2 && from < to; tries++) {
        if (isBehind(high, low, this.end(from))) from++;
        else to = from;
      }
    }
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (isBehind(high, low, this.end(middle))) from = middle + 1;
      else to = middle;
    }
    this.near = from;
    return from;
  }

  private nthByRuns(index: u64): Addr | null {
    let left = index;
    for (let i: u32 = 0; i < this.count; i++) {
      const free = this.freeBefore(i);
      if (left < free) return this.behindRun(i).add(left);
      left -= free;
    }
    if (this.endsTaken) return null;
    const from = this.behindRun(this.count);
    return left <= this.last.distance(from) ? from.add(left) : null;
  }

  private countByRuns(): u64 {
    let total: u64 = 0;
    for (let i: u32 = 0; i < this.count; i++) total = saturated(total, this.freeBefore(i));
    if (this.endsTaken) return total;
    return saturated(saturated(total, this.last.distance(this.behindRun(this.count))), 1);
  }

  /**
   * How many addresses are free between run `index` and the one before it; 2^64 - 1 when there are that many or more.
   */
  private freeBefore(index: u32): u64 {
    const start = this.start(index);
    return index == 0 ? start.distance(this.first) : between(this.end(index - 1), start);
  }

  /** The first address behind the run before `index`, or of the range. */
  private behindRun(index: u32): Addr {
    return index == 0 ? this.first : this.end(index - 1).next();
  }

  /** Whether the last address of the range is one of the last run. */
  private get endsTaken(): bool {
    return this.count > 0 && !this.end(this.count - 1).before(this.last);
  }

  private start(index: u32): Addr {
    return Addr.load(this.run(index));
  }

  private end(index: u32): Addr {
    return Addr.load(this.run(index) + 16);
  }

  private run(index: u32): usize {
    return this.at + <usize>index * 32;
  }

  /** 64 addresses a step: the first clear bit, then whether it is still in the range (the padding is clear too). */
  private nextByBits(low: u64): Addr | null {
    const bit = low - this.first.low;
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

// A call of its own would be a tenth of a look.
@inline
function isBefore(high: u64, low: u64, other: Addr): bool {
  return high < other.high || (high == other.high && low < other.low);
}

function isBehind(high: u64, low: u64, other: Addr): bool {
  return high > other.high || (high == other.high && low > other.low);
}

/** How many addresses lie behind one and before another; 2^64 - 1 when there are that many or more. */
function between(end: Addr, start: Addr): u64 {
  const low = end.low + 1;
  const high = start.high - end.high - u64(low == 0) - u64(start.low < low);
  return high == 0 ? start.low - low : u64.MAX_VALUE;
}

function saturated(a: u64, b: u64): u64 {
  return a + b < a ? u64.MAX_VALUE : a + b;
}
