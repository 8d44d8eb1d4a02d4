/**
 * sticky: a pod gets the address its name had before, as the pods of a StatefulSet expect.
 *
 * What is held for the pod comes first. Else a hash of namespace, name and interface says where to start looking, so
 * that a pod usually comes back to its address even when nothing was held. On release the address is held for a while.
 */

import { Candidate, Decision, Ipam, RangeSet, Request, hash64, log, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

const defaultHoldSeconds = 3600;

class Sticky extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const held = this.heldIn(request, set);
    const found = held === null ? set.freeFrom(homeIn(request, set)) : held;
    if (found !== null) decision.use(found.range, found.address);
  }

  release(request: Request): Decision {
    const decision = new Decision();
    const seconds = request.config.get("holdSeconds").integer(defaultHoldSeconds);
    const mine = request.mine;
    for (let i = 0; i < mine.length && seconds > 0; i++) {
      if (!mine[i].held) decision.hold(mine[i].address, <u32>seconds);
    }
    return decision;
  }
}

register(new Sticky());

/** Where the search for this pod and interface begins. */
function homeIn(request: Request, set: RangeSet): Candidate {
  const key = request.pod.namespace + "/" + request.pod.name + "/" + request.attachment.ifName;
  const home = set.at(hash64(key) % set.size);
  log(key + " starts at " + home.address.text(home.range.family));
  return home;
}
