/** How bytes come in and go out: ABI 1. The host allocates and fills a frame, calls, and copies the answer out. */

import { Answer } from "./answer";

/** major << 16 | minor. */
export function abi(): i32 {
  return 1 << 16;
}

/** Address of that many bytes, 8-aligned; 0 when there is no memory. Nothing is ever freed: the instance is dropped. */
export function alloc(bytes: i32): i32 {
  if (bytes < 0) return 0;
  return <i32>((heap.alloc(<usize>bytes + 8) + 7) & ~(<usize>7));
}

/** What `call` returns: address << 32 | bytes of the answer. */
export function handOver(answer: Answer): i64 {
  return (<i64>answer.start << 32) | <i64>answer.length;
}
