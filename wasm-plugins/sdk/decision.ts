import { Addr } from "./addr";
import { Json } from "./json-reader";
import { JsonWriter } from "./json-writer";
import { Range } from "./range";

/**
 * What a module makes of a request. Nothing said is a decision too: hold nothing, all is well, leave the result alone.
 */
export class Decision {
  /** Addresses given so far. */
  count: i32 = 0;
  private ips: JsonWriter | null = null;
  private routes: JsonWriter | null = null;
  private dnsText: JsonWriter | null = null;
  private holds: JsonWriter | null = null;
  private changed: JsonWriter | null = null;
  private refusal: JsonWriter | null = null;

  /** allocate: an address of a range. The host wants one of each set. */
  use(range: Range, address: Addr): this {
    this.count++;
    this.ips = entry(this.ips).raw('{"range":').number(range.index)
      .raw(',"address":').text(address.text(range.family)).raw("}");
    return this;
  }

  /** allocate: a route besides those of the configuration. */
  route(dst: string, gw: string = ""): this {
    const routes = entry(this.routes).raw('{"dst":').text(dst);
    if (gw.length > 0) routes.raw(',"gw":').text(gw);
    this.routes = routes.raw("}");
    return this;
  }

  /**
   * allocate: name servers and search domains, as an object of the request has them (usually one of the configuration).
   */
  dns(dns: Json): this {
    this.dnsText = new JsonWriter().json(dns);
    return this;
  }

  /** release: keep an address for its owner that long. */
  hold(address: string, seconds: u32): this {
    this.holds = entry(this.holds).raw('{"address":').text(address).raw(',"seconds":').number(seconds).raw("}");
    return this;
  }

  /** merge, review: the result, to be written as JSON of CNI 1.1.0. */
  get result(): JsonWriter {
    const changed = this.changed;
    if (changed !== null) return changed;
    const fresh = new JsonWriter();
    this.changed = fresh;
    return fresh;
  }

  /**
   * Refuses; the first refusal counts.
   *
   * @param code  7 the configuration, 11 worth another try, 100 to 139 the module's own
   */
  fail(code: i32, message: string, details: string = ""): this {
    if (this.refusal !== null) return this;
    const refusal = new JsonWriter().raw('"error":{"code":').number(code).raw(',"msg":').text(message);
    if (details.length > 0) refusal.raw(',"details":').text(details);
    this.refusal = refusal.raw("}");
    return this;
  }

  get failed(): bool {
    return this.refusal !== null;
  }

  /** The answer to an op, `{...}`: what was said that the op asks for. */
  answer(op: i32): JsonWriter {
    const answer = new JsonWriter().raw("{");
    const refusal = this.refusal;
    if (refusal !== null) answer.append(refusal);
    else if (op == Op.Allocate) this.putAllocation(answer);
    else if (op == Op.Release) putList(answer, '"hold":[', this.holds);
    else this.putResult(answer);
    return answer;
  }

  private putAllocation(answer: JsonWriter): void {
    putList(answer, '"ips":[', this.ips);
    if (this.routes !== null) putList(answer, ',"routes":[', this.routes);
    const dns = this.dnsText;
    if (dns !== null) answer.raw(',"dns":').append(dns);
  }

  private putResult(answer: JsonWriter): void {
    const changed = this.changed;
    if (changed !== null) answer.raw('"result":').append(changed);
  }
}

/** Op numbers of ABI 1. */
export const enum Op { Allocate = 1, Release = 2, Check = 3, Merge = 16, Review = 32 }

/** A refusal: `return fail(100, "no address left")`. Codes as in `Decision.fail`. */
export function fail(code: i32, message: string, details: string = ""): Decision {
  return new Decision().fail(code, message, details);
}

/** The list with room for one more entry. */
function entry(list: JsonWriter | null): JsonWriter {
  return list === null ? new JsonWriter() : list.raw(",");
}

function putList(answer: JsonWriter, open: string, list: JsonWriter | null): void {
  answer.raw(open);
  if (list !== null) answer.append(list);
  answer.raw("]");
}
