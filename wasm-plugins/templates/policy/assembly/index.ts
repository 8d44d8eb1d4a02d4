import { Decision, Policy, Request, fail, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

/** Refuses a result with more than `mostAddresses` addresses (2 unless told). Codes 100 to 139 are a module's own. */
class Mine extends Policy {
  review(request: Request): Decision {
    const most = request.config.get("mostAddresses").integer(2);
    const count = request.prevResult.get("ips").children().length;
    if (<i64>count > most) {
      return fail(110, "Cannot accept " + count.toString() + " addresses: expected at most " + most.toString());
    }
    return new Decision(); // nothing said: the result stays as it is
  }
}

register(new Mine());
