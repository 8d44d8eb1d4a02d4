/**
 * lowest: the lowest free address of each set, as Whereabouts hands them out. What is held for the caller comes first.
 */

import { Decision, Ipam, RangeSet, Request, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

class Lowest extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const held = this.heldIn(request, set);
    const found = held === null ? set.firstFree() : held;
    if (found !== null) decision.use(found.range, found.address);
  }
}

register(new Lowest());
