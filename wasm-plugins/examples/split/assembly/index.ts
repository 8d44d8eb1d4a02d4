/**
 * split: shares addresses out, by parity or by weight.
 *
 * `parity` gives only even or only odd addresses, round robin: two sites can use one subnet without talking to each
 * other. `weights` chooses among the ranges of a set, in proportion; a range that is full leaves its share to those
 * behind it.
 */

import { Addr, Candidate, Decision, Ipam, Range, RangeSet, Request, codeConfig, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

class Split extends Ipam {
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const parity = parityOf(request);
    if (parity >= 0 && request.config.get("weights").exists) {
      decision.fail(
        codeConfig,
        "Cannot share out " + set.span + ": parity and weights are both there, expected one of them",
      );
      return;
    }
    const start = parity < 0 ? chosenByWeight(request, set, decision) : 0;
    for (let i = 0; i < set.ranges.length && start >= 0; i++) {
      const range = set.ranges[(start + i) % set.ranges.length];
      const free = parity < 0 ? range.view.nextFree(range.first) : nextOf(range, parity);
      if (free === null) continue;
      decision.use(range, free);
      return;
    }
  }

  permits(request: Request, wanted: Candidate): bool {
    const parity = parityOf(request);
    return parity < 0 || fits(wanted.address, parity);
  }
}

register(new Split());

/** 0 for even, 1 for odd, -1 when it does not matter. */
function parityOf(request: Request): i32 {
  const parity = request.config.get("parity");
  return parity.exists ? (parity.is("odd") ? 1 : 0) : -1;
}

function fits(address: Addr, parity: i32): bool {
  return address.bit(0) == (parity == 1);
}

/** Round robin over the addresses of one parity. */
function nextOf(range: Range, parity: i32): Addr | null {
  const view = range.view;
  const behind = range.cursor.before(range.last) && !range.cursor.before(range.first);
  const next = behind ? view.freeMatching(range.cursor.next(), 1, parity) : null;
  return next === null ? view.freeMatching(range.first, 1, parity) : next;
}

/** The range whose share the seed falls into; -1 after a refusal. */
function chosenByWeight(request: Request, set: RangeSet, decision: Decision): i32 {
  const weights = request.config.get("weights").children();
  if (weights.length != set.ranges.length) {
    decision.fail(
      codeConfig,
      "Cannot share out " + set.span +
        ": the number of weights is another, expected one weight for each range of the set",
    );
    return -1;
  }
  let total: u64 = 0;
  for (let i = 0; i < weights.length; i++) total += <u64>weights[i].integer();
  let left = total == 0 ? 0 : request.seed % total;
  for (let i = 0; i < weights.length; i++) {
    const weight = <u64>weights[i].integer();
    if (left < weight) return i;
    left -= weight;
  }
  return 0;
}
