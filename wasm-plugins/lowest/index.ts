/**
 * lowest: the lowest free address of each set, as Whereabouts hands them out.
 *
 * Asking twice gives the same: an interface keeps what it has, and gets what is held for it.
 */

import { Candidate, Decision, Holding, Ipam, RangeSet, Request, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

class Lowest extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const known = ownOf(request.mine, set);
    const found = known === null ? set.firstFree() : known;
    if (found !== null) decision.use(found.range, found.address);
  }
}

register(new Lowest());

/** The caller's own address in the set; one that is held may have been lost to another meanwhile. */
function ownOf(mine: Array<Holding>, set: RangeSet): Candidate | null {
  for (let i = 0; i < mine.length; i++) {
    const own = set.find(mine[i].address);
    if (own !== null && (!mine[i].held || own.range.view.isFree(own.address))) return own;
  }
  return null;
}
