/** How bytes come in and go out, ABI 1: the host allocates and fills a frame, calls, and copies the answer out. */

import { Decision, fail } from "./decision";
import { Frame } from "./frame";
import { Module, codeConfig } from "./kinds";
import { closeWithLog } from "./log";
import { readRequest } from "./request";
import { decimal } from "./text";

const codeUnknownOp = 4;

let registered: Module | null = null;

/** Makes this the module that is called. Once, at the top level of the entry file. */
export function register(module: Module): void {
  registered = module;
}

/** major << 16 | minor. */
export function abi(): i32 {
  return 1 << 16;
}

/** Address of that many bytes, 8-aligned; 0 when there is no memory. Nothing is ever freed: the instance is dropped. */
export function alloc(bytes: i32): i32 {
  if (bytes < 0) return 0;
  return <i32>((heap.alloc(<usize>bytes + 8) + 7) & ~(<usize>7));
}

/** Runs one op on the frame: address << 32 | bytes of the answer. */
export function call(op: i32, start: i32, bytes: i32): i64 {
  const answer = closeWithLog(decide(op, new Frame(<usize><u32>start, <usize><u32>bytes)).answer(op));
  return (<i64>answer.start << 32) | <i64>answer.length;
}

function decide(op: i32, frame: Frame): Decision {
  const module = registered;
  if (module === null) {
    return fail(
      codeConfig,
      "Cannot run the module: nothing is registered, expected register(...) in its entry file",
    );
  }
  const request = readRequest(frame);
  if (request === null) return fail(codeConfig, "Cannot read the request: expected a frame of ABI 1");
  const decision = module.run(op, request);
  return decision === null
    ? fail(codeUnknownOp, "Cannot run op " + decimal(<u32>op) + ": this kind of module does not know it")
    : decision;
}
