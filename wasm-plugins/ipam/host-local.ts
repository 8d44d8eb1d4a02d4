/**
 * host-local: one address per range set, in the order the reference plugin hands them out.
 *
 * A requested address is taken as asked. Otherwise the search goes round: from the address behind the last one handed
 * out, through the set's ranges, back to that last one itself. Without a last one it starts at the first range.
 */

import { Answer, fail } from "../abi/answer";
import { Frame } from "../abi/frame";
import { handOver } from "../abi/hand-over";
import { Addr, parseAddr } from "./address";
import { Range, Request, rangeHolding, readRequest } from "./request";

export { abi, alloc } from "../abi/hand-over";
export { fault } from "../abi/fault";

const opAllocate = 1;
const opRelease = 2;
const opCheck = 3;

const codeUnknownOp = 4;
const codeBadFrame = 7;
const codeExhausted = 100;
const codeUnavailable = 101;
const codeAlreadyReserved = 102;

export function call(op: i32, start: i32, bytes: i32): i64 {
  return handOver(answer(op, new Frame(<usize><u32>start, <usize><u32>bytes)));
}

function answer(op: i32, frame: Frame): Answer {
  if (op == opRelease) return new Answer().raw('{"hold":[]}');
  if (op == opCheck) return new Answer().raw("{}");
  if (op != opAllocate) return fail(codeUnknownOp, "Cannot run op " + op.toString() + ": host-local knows 1, 2 and 3");
  const request = frame.sound ? readRequest(frame) : null;
  if (request === null) return fail(codeBadFrame, "Cannot read the request: expected a frame of ABI 1");
  return allocate(request);
}

function allocate(request: Request): Answer {
  const requested = request.requested;
  const mine = request.mine;
  const decision = new Answer().raw('{"ips":[');
  for (let set = 0; set < request.setCount; set++) {
    const ranges = request.rangesOf(set);
    const wanted = takeFirstWithin(requested, ranges);
    const refusal = wanted === null ? refuseSecond(ranges, mine) : refuseRequested(ranges, wanted);
    if (refusal !== null) return refusal;
    const found = wanted === null ? goRound(ranges) : pick(ranges, wanted);
    if (found === null) return exhausted(ranges);
    if (set > 0) decision.raw(",");
    decision.raw('{"range":').number(found.range.index).raw(',"address":').text(found.address.text(found.range.family)).raw("}");
  }
  if (requested.length > 0) return fail(codeUnavailable, leftOver(requested));
  return decision.raw("]}");
}

/** An address and the range it comes from. */
class Found {
  constructor(readonly range: Range, readonly address: Addr) {}
}

/** The first requested address inside the set, removed from the list; null when there is none. */
function takeFirstWithin(requested: Array<string>, ranges: Array<Range>): string | null {
  for (let i = 0; i < requested.length; i++) {
    if (rangeHolding(ranges, requested[i]) !== null) return requested.splice(i, 1)[0];
  }
  return null;
}

function refuseRequested(ranges: Array<Range>, wanted: string): Answer | null {
  const found = pick(ranges, wanted);
  if (found.range.view.isFree(found.address)) return null;
  const gateway = found.address.equals(found.range.gateway);
  return fail(codeUnavailable, "Cannot reserve requested address " + wanted + ": " + (gateway ? "it is the gateway of its range" : "it is not available"));
}

/** An interface gets one address of a set; asking for a particular one is exempt. */
function refuseSecond(ranges: Array<Range>, mine: Array<string>): Answer | null {
  for (let i = 0; i < mine.length; i++) {
    if (rangeHolding(ranges, mine[i]) === null) continue;
    return fail(codeAlreadyReserved, "Cannot reserve another address of " + spans(ranges) + ": this interface holds " + mine[i] + " already, expected DEL before another ADD");
  }
  return null;
}

/** `wanted` lies in one of the ranges: takeFirstWithin saw to it. */
function pick(ranges: Array<Range>, wanted: string): Found {
  const range = rangeHolding(ranges, wanted)!;
  return new Found(range, parseAddr(wanted, range.family)!);
}

function goRound(ranges: Array<Range>): Found | null {
  const from = rangeOfCursor(ranges);
  if (from < 0) return firstFree(ranges, 0, ranges.length);
  const range = ranges[from];
  if (range.cursor.before(range.last)) {
    const address = range.view.nextFree(range.cursor.next());
    if (address !== null) return new Found(range, address);
  }
  const elsewhere = firstFree(ranges, from + 1, ranges.length - 1);
  if (elsewhere !== null) return elsewhere;
  // What is free behind the cursor was looked at; so whatever is left lies before it, or is the cursor itself.
  const address = range.view.nextFree(range.first);
  return address === null ? null : new Found(range, address);
}

/** The first free address of `count` ranges from `start` on, going round. */
function firstFree(ranges: Array<Range>, start: i32, count: i32): Found | null {
  for (let i = 0; i < count; i++) {
    const range = ranges[(start + i) % ranges.length];
    const address = range.view.nextFree(range.first);
    if (address !== null) return new Found(range, address);
  }
  return null;
}

function rangeOfCursor(ranges: Array<Range>): i32 {
  for (let i = 0; i < ranges.length; i++) {
    if (ranges[i].holds(ranges[i].cursor)) return i;
  }
  return -1;
}

function exhausted(ranges: Array<Range>): Answer {
  return fail(codeExhausted, "Cannot reserve an address of " + spans(ranges) + ": all " + total(ranges).toString() + " are taken, expected a free one or a larger range");
}

/** Ranges that are exhausted hold fewer than 2^64 addresses. */
function total(ranges: Array<Range>): u64 {
  let count: u64 = 0;
  for (let i = 0; i < ranges.length; i++) count += ranges[i].last.minus(ranges[i].first) + 1;
  return count;
}

function leftOver(requested: Array<string>): string {
  return "Cannot reserve requested addresses " + requested.join(", ") + ": no range set is left for them, expected at most one inside each set";
}

function spans(ranges: Array<Range>): string {
  let text = "";
  for (let i = 0; i < ranges.length; i++) text += (i > 0 ? ", " : "") + ranges[i].span;
  return text;
}
