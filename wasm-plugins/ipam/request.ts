import { Frame } from "../abi/frame";
import { Json, parseJson } from "../abi/json-reader";
import { Addr, parseAddr } from "./address";
import { View } from "./view";

/** One range of a range set, as the frame describes it. */
export class Range {
  readonly first: Addr;
  readonly last: Addr;
  /** The last address handed out; outside first..last when it was none of this range. */
  readonly cursor: Addr;
  /** Zero when the range has none. */
  readonly gateway: Addr;
  readonly family: i32;
  readonly set: i32;
  readonly view: View;

  constructor(readonly index: i32, frame: Frame) {
    const at = frame.range(index);
    const first = Addr.load(at);
    const last = Addr.load(at + 16);
    this.first = first;
    this.last = last;
    this.cursor = Addr.load(at + 32);
    this.gateway = Addr.load(at + 48);
    this.family = load<u16>(at, 64);
    this.set = load<u16>(at, 68);
    this.view = new View(load<u16>(at, 70), load<u32>(at, 72), frame.start + load<u32>(at, 76), first, last);
  }

  holds(address: Addr): bool {
    return !address.before(this.first) && !this.last.before(address);
  }

  /** `10.1.2.2-10.1.2.254`. */
  get span(): string {
    return this.first.text(this.family) + "-" + this.last.text(this.family);
  }
}

/** What the host asks of an IPAM module. */
export class Request {
  readonly ranges: Array<Range> = new Array<Range>();
  readonly setCount: i32;

  constructor(frame: Frame, readonly json: Json) {
    let sets = 0;
    for (let i = 0; i < frame.rangeCount; i++) {
      const range = new Range(i, frame);
      this.ranges.push(range);
      sets = max(sets, range.set + 1);
    }
    this.setCount = sets;
  }

  /** The addresses asked for, as texts. */
  get requested(): Array<string> {
    const texts = new Array<string>();
    const list = this.json.get("requested");
    if (list === null) return texts;
    const items = list.children();
    for (let i = 0; i < items.length; i++) texts.push(unchecked(items[i]).text);
    return texts;
  }

  /** The addresses the caller holds already, as texts. */
  get mine(): Array<string> {
    const texts = new Array<string>();
    const list = this.json.get("mine");
    if (list === null) return texts;
    const items = list.children();
    for (let i = 0; i < items.length; i++) {
      const address = unchecked(items[i]).get("address");
      if (address !== null) texts.push(address.text);
    }
    return texts;
  }

  rangesOf(set: i32): Array<Range> {
    const ranges = new Array<Range>();
    for (let i = 0; i < this.ranges.length; i++) {
      if (unchecked(this.ranges[i]).set == set) ranges.push(unchecked(this.ranges[i]));
    }
    return ranges;
  }
}

/** The request a sound frame holds; null when its JSON is none. */
export function readRequest(frame: Frame): Request | null {
  const json = parseJson(frame.json, frame.jsonBytes);
  return json === null ? null : new Request(frame, json);
}

/** The range of the set that a text's address lies in; null for text of the other family. */
export function rangeHolding(ranges: Array<Range>, text: string): Range | null {
  for (let i = 0; i < ranges.length; i++) {
    const range = unchecked(ranges[i]);
    const address = parseAddr(text, range.family);
    if (address !== null && range.holds(address)) return range;
  }
  return null;
}
