/** What a module can be: one class for each kind, whose methods are its ops. */

import { Decision, Op } from "./decision";
import { Candidate, RangeSet } from "./range";
import { Holding, Request } from "./request";
import { decimal } from "./text";

/** The configuration is refused, or a need is missing. */
export const codeConfig = 7;
/** By convention of all ipam modules: no address left; the requested address cannot be had. */
export const codeExhausted = 100;
export const codeUnavailable = 101;
/** As the reference allocator has it: an interface gets one address of a set. */
export const codeAlreadyReserved = 102;

/** A module of some kind; authors extend Ipam, Merge or Policy. */
export abstract class Module {
  /** The decision on one op; null for an op this kind does not know. */
  abstract run(op: i32, request: Request): Decision | null;
}

/** Decides addresses. The simplest overrides `choose` alone. */
export abstract class Ipam extends Module {
  /**
   * One address of each set. Unless overridden: the requested one where the set holds one that was asked for, else what
   * `choose` gives. 100 where that gives none, 101 for a requested address that cannot be had, 102 for an interface
   * that has an address of the set already and did not ask for a particular one.
   */
  allocate(request: Request): Decision {
    const requested = request.requested;
    const decision = new Decision();
    for (let i = 0; i < request.sets.length && !decision.failed; i++) {
      const set = request.sets[i];
      const before = decision.count;
      const wanted = takeFirstWithin(requested, set);
      if (wanted !== null) this.useRequested(request, wanted, decision);
      else if (!refuseSecond(request.mine, set, decision)) this.choose(request, set, decision);
      if (decision.count == before) {
        decision.fail(
          codeExhausted,
          "Cannot reserve an address of " + set.span + ": " + takenOf(set) + ", expected a free one or a larger range",
        );
      }
    }
    if (requested.length > 0) {
      decision.fail(
        codeUnavailable,
        "Cannot reserve requested addresses " + requested.join(", ") +
          ": no range set is left for them, expected at most one inside each set",
      );
    }
    return decision;
  }

  /**
   * Gives `decision` one address of the set (`decision.use`), or a refusal (`decision.fail`), or nothing when none is
   * left.
   */
  choose(request: Request, set: RangeSet, decision: Decision): void {
    const free = set.firstFree();
    if (free !== null) decision.use(free.range, free.address);
  }

  /**
   * Whether the caller may have an address it asked for, as far as the module is concerned. Unless overridden: any that
   * is free.
   */
  permits(request: Request, wanted: Candidate): bool {
    return true;
  }

  /** For `choose`: the address of the set that is held for the caller, while it is free; else null. */
  heldIn(request: Request, set: RangeSet): Candidate | null {
    const mine = request.mine;
    for (let i = 0; i < mine.length; i++) {
      const own = mine[i].held ? set.find(mine[i].address) : null;
      if (own !== null && own.range.view.isFree(own.address)) return own;
    }
    return null;
  }

  /** What to keep for the owner (`decision.hold`); releasing itself is the host's. Unless overridden: nothing. */
  release(request: Request): Decision {
    return new Decision();
  }

  /** Whether what is in force is what this module would want. Unless overridden: yes. */
  check(request: Request): Decision {
    return new Decision();
  }

  private useRequested(request: Request, wanted: Candidate, decision: Decision): void {
    const range = wanted.range;
    const act = "Cannot reserve requested address " + wanted.address.text(range.family);
    if (!this.permits(request, wanted)) {
      decision.fail(codeUnavailable, act + ": this module does not give it to the caller");
    } else if (range.view.isFree(wanted.address)) {
      decision.use(range, wanted.address);
    } else {
      const isGateway = wanted.address.equals(range.gateway);
      decision.fail(codeUnavailable, act + (isGateway ? ": it is the gateway of its range" : ": it is not available"));
    }
  }

  run(op: i32, request: Request): Decision | null {
    if (op == Op.Allocate) return this.allocate(request);
    if (op == Op.Release) return this.release(request);
    return op == Op.Check ? this.check(request) : null;
  }
}

/** Makes one result of many. */
export abstract class Merge extends Module {
  /** Writes `decision.result` from entries of `request.inputs`. */
  abstract merge(request: Request): Decision;

  run(op: i32, request: Request): Decision | null {
    return op == Op.Merge ? this.merge(request) : null;
  }
}

/** A step in a chain that looks at the result so far. */
export abstract class Policy extends Module {
  /** `new Decision()` lets it pass, `fail` refuses, `decision.result` replaces it. */
  abstract review(request: Request): Decision;

  run(op: i32, request: Request): Decision | null {
    return op == Op.Review ? this.review(request) : null;
  }
}

/** Whether the interface has an address of the set, which is a refusal. */
function refuseSecond(mine: Array<Holding>, set: RangeSet, decision: Decision): bool {
  for (let i = 0; i < mine.length; i++) {
    const address = mine[i].address;
    if (mine[i].held || set.find(address) === null) continue;
    decision.fail(
      codeAlreadyReserved,
      "Cannot reserve another address of " + set.span + ": this interface holds " + address +
        " already, expected DEL before another ADD",
    );
    return true;
  }
  return false;
}

/** The first requested address inside the set, removed from the list; null when there is none. */
function takeFirstWithin(requested: Array<string>, set: RangeSet): Candidate | null {
  for (let i = 0; i < requested.length; i++) {
    const found = set.find(requested[i]);
    if (found === null) continue;
    requested.splice(i, 1);
    return found;
  }
  return null;
}

/** Sets that are full and smaller than 2^64 can say how many they hold. */
function takenOf(set: RangeSet): string {
  return set.firstFree() === null ? "all " + decimal(set.size) + " are taken" : "none the module may choose is free";
}
