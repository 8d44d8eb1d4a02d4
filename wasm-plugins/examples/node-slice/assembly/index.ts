/**
 * node-slice: cuts the cluster's range into equal slices, one for each node by its index, IPv4 and IPv6.
 *
 * Nodes share one configuration and need not talk to each other: no two slices overlap. Inside its slice a node hands
 * addresses out round robin; what the configuration excludes stays excluded.
 */

import {
  Addr, Candidate, Decision, Ipam, Json, Prefix, Range, RangeSet, Request, codeConfig, register,
} from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

const codeNoSlice = 110;

class NodeSlice extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const index = request.node.index;
    if (index < 0) {
      decision.fail(
        codeConfig,
        "Cannot find the slice of node " + request.node.name +
          ": it has no index, expected one in the node's configuration",
      );
      return;
    }
    let reachable = false;
    for (let i = 0; i < set.ranges.length; i++) {
      const range = set.ranges[i];
      const slice = sliceFor(range, request.config, index);
      if (slice === null) continue;
      reachable = true;
      const free = nextOf(range, slice);
      if (free === null) continue;
      decision.use(range, free);
      return;
    }
    if (reachable) return;
    decision.fail(
      codeNoSlice,
      "Cannot reserve an address of " + set.span +
        ": the node's slice lies outside, expected a cluster range with more slices",
    );
  }

  permits(request: Request, wanted: Candidate): bool {
    const slice = sliceFor(wanted.range, request.config, request.node.index);
    return slice !== null && slice.holds(wanted.address);
  }
}

register(new NodeSlice());

/** The node's slice, when it has an index and the range something of the slice. */
function sliceFor(range: Range, config: Json, index: i64): Prefix | null {
  if (index < 0) return null;
  const list = config.get("slices").exists ? config.get("slices").children() : [config];
  for (let i = 0; i < list.length; i++) {
    const cluster = Prefix.parse(list[i].get("cidr").text(range.subnet));
    if (cluster === null || cluster.family != range.family) continue;
    const slice = cluster.part(<u64>index, <i32>list[i].get("sliceBits").integer());
    if (slice !== null && range.common(slice) !== null) return slice;
  }
  return null;
}

/** Round robin inside the slice. */
function nextOf(range: Range, slice: Prefix): Addr | null {
  if (slice.holds(range.cursor) && range.cursor.before(slice.last)) {
    const next = range.freeWithin(slice, range.cursor.next());
    if (next !== null) return next;
  }
  return range.freeWithin(slice);
}
