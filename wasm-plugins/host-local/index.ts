/**
 * host-local: one address per range set, in the order the reference plugin hands them out.
 *
 * A requested address is taken as asked. Otherwise the search goes round: from the address behind the last one handed
 * out, through the set's ranges, back to that last one itself. Without a last one it starts at the first range.
 */

import { Candidate, Decision, Ipam, RangeSet, Request, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

class HostLocal extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const last = lastOf(set);
    const found = last === null ? set.firstFree() : set.freeAfter(last);
    if (found !== null) decision.use(found.range, found.address);
  }
}

register(new HostLocal());

/** The last address handed out, when it was one of the set. */
function lastOf(set: RangeSet): Candidate | null {
  for (let i = 0; i < set.ranges.length; i++) {
    const range = set.ranges[i];
    if (range.holds(range.cursor)) return new Candidate(range, range.cursor);
  }
  return null;
}
