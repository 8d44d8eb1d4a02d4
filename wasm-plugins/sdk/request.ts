import { Frame } from "./frame";
import { Json, absent, parseJson } from "./json-reader";
import { Range, RangeSet } from "./range";
import { hexValue } from "./text";

/** What the host asks. Each op fills in what it needs; the rest is empty, absent or "". */
export class Request {
  /** ipam: every range offered, in order. */
  readonly ranges: Array<Range> = new Array<Range>();
  /** ipam: the same by set, in order. One address of each is wanted. */
  readonly sets: Array<RangeSet> = new Array<RangeSet>();

  /** @param json  the request's JSON as it came, for what this class has no word for */
  constructor(frame: Frame, readonly json: Json) {
    const described = json.get("ranges").children();
    for (let i = 0; i < frame.rangeCount; i++) {
      const range = new Range(i, frame, i < described.length ? described[i] : absent());
      this.ranges.push(range);
      while (this.sets.length <= range.set) this.sets.push(new RangeSet());
      this.sets[range.set].ranges.push(range);
    }
  }

  /** The module's own configuration, which its `configSchema` was checked against. */
  get config(): Json {
    return this.json.get("config");
  }

  /** 0, and one more each time another process was faster in taking what this module chose. */
  get attempt(): i32 {
    return <i32>this.json.get("attempt").integer();
  }

  /** 64 bits that differ from attachment to attachment and attempt to attempt, and are the same for the same. */
  get seed(): u64 {
    return U64.parseInt(this.json.get("seed").text("0"), 16);
  }

  get attachment(): Attachment {
    return new Attachment(this.json.get("attachment"));
  }

  get pod(): Pod {
    return new Pod(this.json.get("pod"));
  }

  get node(): Node {
    return new Node(this.json.get("node"));
  }

  /** The addresses asked for. */
  get requested(): Array<string> {
    return this.json.get("requested").texts();
  }

  /**
   * What the caller has: addresses of this container's interface, and what is held for its owner (the same pod and
   * interface, or without a pod the same container and interface). Held ones are free for the caller in every view.
   */
  get mine(): Array<Holding> {
    const list = this.json.get("mine").children();
    const holdings = new Array<Holding>(list.length);
    for (let i = 0; i < list.length; i++) holdings[i] = new Holding(unchecked(list[i]));
    return holdings;
  }

  /** check, review: the result so far, CNI 1.1.0. */
  get prevResult(): Json {
    return this.json.get("prevResult");
  }

  /** merge: one part for each network. */
  get inputs(): Array<Json> {
    return this.json.get("inputs").children();
  }
}

/** The request a sound frame holds; null when its JSON is none. */
export function readRequest(frame: Frame): Request | null {
  const json = frame.sound ? parseJson(frame.json, frame.jsonBytes) : null;
  return json === null ? null : new Request(frame, json);
}

/** A container on a network. */
export class Attachment {
  constructor(private readonly json: Json) {}

  get containerId(): string {
    return this.json.get("containerId").text();
  }

  get ifName(): string {
    return this.json.get("ifName").text();
  }

  get network(): string {
    return this.json.get("network").text();
  }

  /** Six bytes as text; "" when none is known. Modules that cannot do without list "mac" among their `needs`. */
  get mac(): string {
    return this.json.get("mac").text();
  }

  /** The same as 48 bits; -1 when none is known, or it is none of six bytes. */
  get macNumber(): i64 {
    const text = this.mac;
    if (text.length != 17) return -1;
    let value: i64 = 0;
    for (let i = 0; i < 17; i++) {
      const unit = text.charCodeAt(i);
      const digit = hexValue(unit);
      if (i % 3 == 2 ? unit != 0x3a : digit < 0) return -1;
      if (i % 3 != 2) value = (value << 4) | digit;
    }
    return value;
  }
}

/**
 * The pod, as its runtime names it; "" when there is none. Modules that cannot do without list "pod" among their
 * `needs`.
 */
export class Pod {
  constructor(private readonly json: Json) {}

  get exists(): bool {
    return this.json.exists;
  }

  get namespace(): string {
    return this.json.get("namespace").text();
  }

  get name(): string {
    return this.json.get("name").text();
  }

  get uid(): string {
    return this.json.get("uid").text();
  }
}

export class Node {
  constructor(private readonly json: Json) {}

  get name(): string {
    return this.json.get("name").text();
  }

  /** Its number in the cluster, from 0; -1 when it was given none. */
  get index(): i64 {
    return this.json.get("index").integer(-1);
  }
}

/** A reservation of the caller's. */
export class Holding {
  constructor(private readonly json: Json) {}

  get address(): string {
    return this.json.get("address").text();
  }

  /** Released, and kept for its owner until a time; else it is in use. */
  get held(): bool {
    return this.json.get("state").is("held");
  }
}
