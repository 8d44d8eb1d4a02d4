import { Addr } from "./addr";
import { Frame } from "./frame";
import { Json } from "./json-reader";
import { Span } from "./span";
import { View } from "./view";

/** One range of a range set, as the frame describes it. */
export class Range extends Span {
  /** The last address handed out; outside first..last when it was none of this range. */
  readonly cursor: Addr;
  /** Zero when the range has none. */
  readonly gateway: Addr;
  /** Length of the subnet's mask. */
  readonly prefixBits: i32;
  readonly set: i32;
  /** What is not free. */
  readonly view: View;

  /** @param index  its number in the request, from 0 */
  constructor(readonly index: i32, frame: Frame, private readonly json: Json) {
    const at = frame.range(index);
    const first = Addr.load(at);
    const last = Addr.load(at + 16);
    super(load<u16>(at, 64), first, last);
    this.cursor = Addr.load(at + 32);
    this.gateway = Addr.load(at + 48);
    this.prefixBits = load<u16>(at, 66);
    this.set = load<u16>(at, 68);
    this.view = new View(load<u16>(at, 70), load<u32>(at, 72), frame.start + load<u32>(at, 76), first, last);
  }

  /** The subnet as a CIDR. */
  get subnet(): string {
    return this.json.get("subnet").text();
  }

  /** The address a text stands for when it lies in this range, else null. */
  find(text: string): Addr | null {
    const address = Addr.parse(text, this.family);
    return address !== null && this.holds(address) ? address : null;
  }

  /**
   * The first free address from `from` on inside `span`, which may reach beyond this range; null when there is none.
   */
  freeWithin(span: Span, from: Addr = span.first): Addr | null {
    if (span.family != this.family) return null;
    const free = this.view.nextFree(from);
    return free !== null && span.holds(free) ? free : null;
  }
}

/** An address and the range it comes from. */
export class Candidate {
  constructor(readonly range: Range, readonly address: Addr) {}
}

/** The ranges of which one address is wanted. */
export class RangeSet {
  readonly ranges: Array<Range> = new Array<Range>();

  /** The address of the set that a text stands for; null when no range of it holds that. */
  find(text: string): Candidate | null {
    for (let i = 0; i < this.ranges.length; i++) {
      const range = unchecked(this.ranges[i]);
      const address = range.find(text);
      if (address !== null) return new Candidate(range, address);
    }
    return null;
  }

  /** The lowest free address of the first range that has one. */
  firstFree(): Candidate | null {
    return this.firstOf(0, this.ranges.length);
  }

  /**
   * The next free address behind `after`, which lies in the set: to the end of its range, through the other ranges, and
   * round to `after` itself.
   */
  freeAfter(after: Candidate): Candidate | null {
    return this.round(after, after.range.view.freeAfter(after.address));
  }

  /** `from` itself when it is free, else the next free one as `freeAfter` goes. */
  freeFrom(from: Candidate): Candidate | null {
    return this.round(from, from.range.view.nextFree(from.address));
  }

  /** Address number `offset` of all the set's ranges in a row; `offset` is below `size`. */
  at(offset: u64): Candidate {
    let left = offset;
    let i = 0;
    while (i < this.ranges.length - 1 && left >= this.ranges[i].size) left -= this.ranges[i++].size;
    const range = this.ranges[i];
    return new Candidate(range, range.first.add(left));
  }

  /** Addresses of all ranges; 2^64 - 1 when there are that many or more. */
  get size(): u64 {
    let total: u64 = 0;
    for (let i = 0; i < this.ranges.length; i++) {
      const size = unchecked(this.ranges[i]).size;
      total = total + size < total ? u64.MAX_VALUE : total + size;
    }
    return total;
  }

  /** `10.1.2.2-10.1.2.254, 10.1.3.2-10.1.3.254`. */
  get span(): string {
    let text = "";
    for (let i = 0; i < this.ranges.length; i++) text += (i > 0 ? ", " : "") + unchecked(this.ranges[i]).span;
    return text;
  }

  private round(from: Candidate, near: Addr | null): Candidate | null {
    const range = from.range;
    if (near !== null) return new Candidate(range, near);
    const elsewhere = this.firstOf(this.ranges.indexOf(range) + 1, this.ranges.length - 1);
    if (elsewhere !== null) return elsewhere;
    // What is free behind `from` was looked at; so whatever is left lies before it, or is `from` itself.
    const address = range.view.nextFree(range.first);
    return address === null ? null : new Candidate(range, address);
  }

  /** The first free address of `count` ranges from `start` on, going round. */
  private firstOf(start: i32, count: i32): Candidate | null {
    for (let i = 0; i < count; i++) {
      const range = this.ranges[(start + i) % this.ranges.length];
      const address = range.view.nextFree(range.first);
      if (address !== null) return new Candidate(range, address);
    }
    return null;
  }
}
