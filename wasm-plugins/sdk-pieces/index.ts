/**
 * The pieces of the SDK one by one, as functions of texts and numbers: what test/wasm/sdk.test.ts compares with plain
 * twins.
 */

import { Addr, Json, JsonWriter, Prefix, RangeSet, Candidate, Request, Span, decimal, hash64 } from "polynic/module";
import { Frame } from "polynic/frame";
import { readRequest } from "polynic/request";
import { parseJson } from "polynic/json-reader";

export { abi, alloc, call, fault } from "polynic/module";
export { hash64 } from "polynic/module";

const none = "none";

function shown(address: Addr | null, family: i32): string {
  return address === null ? none : address.text(family);
}

export function canonical(text: string, family: i32): string {
  return shown(Addr.parse(text, family), family);
}

/** An address as the 32 hexadecimal digits of its number. */
function parsed(text: string): Addr {
  return new Addr(U64.parseInt(text.substring(0, 16), 16), U64.parseInt(text.substring(16), 16));
}

function digits(address: Addr): string {
  return address.high.toString(16).padStart(16, "0") + address.low.toString(16).padStart(16, "0");
}

export function calculate(op: string, left: string, right: string): string {
  const a = parsed(left);
  const b = parsed(right);
  if (op == "next") return digits(a.next());
  if (op == "previous") return digits(a.previous());
  if (op == "add") return digits(a.add(b.low));
  if (op == "subtract") return digits(a.subtract(b.low));
  if (op == "and") return digits(a.and(b));
  if (op == "or") return digits(a.or(b));
  if (op == "xor") return digits(a.xor(b));
  if (op == "shiftLeft") return digits(a.shiftLeft(<i32>(b.low & 127)));
  if (op == "mask") return digits(Addr.mask(<i32>(b.low & 127), 6));
  if (op == "bit") return a.bit(<i32>(b.low & 127)) ? "1" : "0";
  if (op == "compare") return a.compare(b).toString();
  return decimal(a.distance(b));
}

/** IPv4 addresses of a list, kept in an array and a map on the way: sorted, each once. */
export function sorted(list: string): string {
  const texts = list.split(" ");
  const known = new Map<string, Addr>();
  for (let i = 0; i < texts.length; i++) known.set(texts[i], Addr.parse(texts[i], 4)!);
  const addresses: Array<Addr> = known.values();
  addresses.sort((a, b) => a.compare(b));
  let text = "";
  for (let i = 0; i < addresses.length; i++) text += (i > 0 ? " " : "") + addresses[i].text(4);
  return text;
}

export function span(text: string): string {
  const span = Span.parse(text);
  return span === null ? none : span.span + " " + decimal(span.size);
}

export function common(left: string, right: string): string {
  const both = Span.parse(left)!.common(Span.parse(right)!);
  return both === null ? none : both.span;
}

export function part(cidr: string, index: u64, bits: i32): string {
  const part = Prefix.parse(cidr)!.part(index, bits);
  return part === null ? none : part.toString() + " " + part.span;
}

let request: Request | null = null;

/** Whether the frame there is one the SDK reads; the functions below then ask about it. */
export function open(start: usize, bytes: usize): bool {
  request = readRequest(new Frame(start, bytes));
  return request !== null;
}

export function look(op: string, range: i32, number: string): string {
  const chosen = request!.ranges[range];
  const view = chosen.view;
  const address = parsed(number);
  if (op == "isFree") return view.isFree(address) ? "1" : "0";
  if (op == "nextFree") return shown(view.nextFree(address), chosen.family);
  if (op == "freeAfter") return shown(view.freeAfter(address), chosen.family);
  if (op == "prevFree") return shown(view.prevFree(address), chosen.family);
  if (op == "nthFree") return shown(view.nthFree(address.low), chosen.family);
  if (op.startsWith("matching")) {
    const mask = U64.parseInt(op.split(" ")[1]);
    return shown(view.freeMatching(address, mask, U64.parseInt(op.split(" ")[2])), chosen.family);
  }
  return decimal(view.countFree());
}

export function search(op: string, range: i32, number: string): string {
  const chosen = request!.ranges[range];
  const set: RangeSet = request!.sets[chosen.set];
  const address = parsed(number);
  if (op == "size") return decimal(set.size);
  if (op == "at") return told(set.at(address.low));
  if (op == "firstFree") return told(set.firstFree());
  const from = new Candidate(chosen, address);
  return told(op == "freeFrom" ? set.freeFrom(from) : set.freeAfter(from));
}

function told(found: Candidate | null): string {
  return found === null ? none : decimal(found.range.index) + " " + found.address.text(found.range.family);
}

/** What the request says of its caller. */
export function caller(): string {
  const known = request!;
  const attachment = known.attachment;
  const mine = known.mine;
  let text = known.attempt.toString() + " " + decimal(known.seed)
    + " " + attachment.containerId + " " + attachment.ifName + " " + attachment.network
    + " " + attachment.macNumber.toString() + " " + known.pod.namespace + "/" + known.pod.name
    + " " + known.node.name + " " + known.node.index.toString();
  for (let i = 0; i < mine.length; i++) text += " " + mine[i].address + (mine[i].held ? " held" : " active");
  return text;
}

/** A member read in every way. */
export function read(start: usize, bytes: usize, name: string): string {
  const json = parseJson(start, bytes);
  if (json === null) return none;
  const value: Json = json.get(name);
  return value.text("no text") + "|" + value.integer(-7).toString()
    + "|" + (value.boolean() ? "1" : "0") + "|" + (value.exists ? "1" : "0")
    + "|" + value.children().length.toString() + "|" + value.texts().join(",");
}

/** The text as a JSON string: address << 32 | bytes. */
export function quoted(text: string): i64 {
  const writer = new JsonWriter().text(text);
  return (<i64>writer.start << 32) | <i64>writer.length;
}
