/**
 * namespace-pools: each namespace has address pools of its own; those without get the default's, or nothing.
 *
 * Pools are CIDRs or spans inside the network's ranges. They are tried in the order they are written, lowest address
 * first.
 */

import { Candidate, Decision, Ipam, Json, RangeSet, Request, Span, codeConfig, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

const codeNoPool = 110;

class NamespacePools extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const pools = poolsOf(request);
    let reachable = false;
    for (let i = 0; i < pools.length; i++) {
      const pool = Span.parse(pools[i]);
      if (pool === null) {
        decision.fail(
          codeConfig,
          "Cannot use pool " + pools[i] + ": expected a CIDR or a span such as 10.0.0.10-10.0.0.20",
        );
        return;
      }
      for (let j = 0; j < set.ranges.length; j++) {
        const range = set.ranges[j];
        if (range.common(pool) === null) continue;
        reachable = true;
        const free = range.freeWithin(pool);
        if (free === null) continue;
        decision.use(range, free);
        return;
      }
    }
    if (reachable) return;
    decision.fail(
      codeNoPool,
      "Cannot reserve an address for namespace " + request.pod.namespace + ": it has no pool in " + set.span +
        ", expected one of its own or a default",
    );
  }

  permits(request: Request, wanted: Candidate): bool {
    const pools = poolsOf(request);
    for (let i = 0; i < pools.length; i++) {
      const pool = Span.parse(pools[i]);
      if (pool !== null && pool.family == wanted.range.family && pool.holds(wanted.address)) return true;
    }
    return false;
  }
}

register(new NamespacePools());

function poolsOf(request: Request): Array<string> {
  const config = request.config;
  const own: Json = config.get("pools").get(request.pod.namespace);
  return (own.exists ? own : config.get("default")).texts();
}
