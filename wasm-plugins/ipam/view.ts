import { Addr } from "./address";

/** Which addresses of one range are not free, whichever of the two forms the host sent. */
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

  /** The first free address that is not before `from`, which lies in the range; null when none is left. */
  nextFree(from: Addr): Addr | null {
    return this.kind == 0 ? this.nextByRuns(from) : this.nextByBits(from);
  }

  /** Runs never touch: behind the run that holds `from` comes a free address, or the end of the range. */
  private nextByRuns(from: Addr): Addr | null {
    let low: u32 = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (endsBefore(this.run(middle), from)) low = middle + 1;
      else high = middle;
    }
    if (low == this.count) return from;
    const run = this.run(low);
    if (from.before(Addr.load(run))) return from;
    const end = Addr.load(run + 16);
    return end.before(this.last) ? end.next() : null;
  }

  private run(index: u32): usize {
    return this.at + <usize>index * 32;
  }

  /** 64 addresses a step: the first clear bit, then whether it is still in the range (the padding is clear too). */
  private nextByBits(from: Addr): Addr | null {
    const bit = from.minus(this.first);
    const words: u64 = (<u64>this.count + 63) >> 6;
    let word = bit >> 6;
    let free = ~this.word(word) & (<u64>-1 << (bit & 63));
    while (free == 0) {
      if (++word == words) return null;
      free = ~this.word(word);
    }
    const index = (word << 6) + ctz(free);
    return index < this.count ? this.first.plus(index) : null;
  }

  private word(index: u64): u64 {
    return load<u64>(this.at + (<usize>index << 3));
  }
}

function endsBefore(run: usize, address: Addr): bool {
  const high = load<u64>(run, 16);
  return high < address.high || (high == address.high && load<u64>(run, 24) < address.low);
}
