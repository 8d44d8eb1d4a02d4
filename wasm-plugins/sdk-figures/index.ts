/** Looks for free addresses, one at a time and many in a row: what test/bench/view.ts takes the time of. */

import { Addr, Request } from "polynic/module";
import { Frame } from "polynic/frame";
import { readRequest } from "polynic/request";

export { abi, alloc, call, fault } from "polynic/module";

let request: Request | null = null;

export function open(start: usize, bytes: usize): bool {
  request = readRequest(new Frame(start, bytes));
  return request !== null;
}

/** The next free address of an IPv4 range from that one on; 0 when there is none. */
export function nextFree(from: u32): u32 {
  const free = request!.ranges[0].view.nextFree(new Addr(0, from));
  return free === null ? 0 : <u32>free.low;
}

/** As many free addresses one behind the other; the last of them. */
export function inARow(from: u32, count: i32): u32 {
  const view = request!.ranges[0].view;
  let address: Addr = new Addr(0, from);
  for (let i = 0; i < count; i++) {
    const free = view.freeAfter(address);
    if (free === null) return 0;
    address = free;
  }
  return <u32>address.low;
}
