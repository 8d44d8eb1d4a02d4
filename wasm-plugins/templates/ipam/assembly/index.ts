import { Decision, Ipam, RangeSet, Request, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

/**
 * The lowest free address of each range set, or with `"order": "highest"` the highest.
 *
 * Addresses that were asked for, and the errors for a range that is full, are the base class's.
 */
class Mine extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const highest = request.config.get("order").text("lowest") == "highest";
    for (let i = 0; i < set.ranges.length; i++) {
      const range = set.ranges[highest ? set.ranges.length - 1 - i : i];
      const free = highest ? range.view.prevFree(range.last) : range.view.nextFree(range.first);
      if (free !== null) {
        decision.use(range, free);
        return;
      }
    }
  }
}

register(new Mine());
