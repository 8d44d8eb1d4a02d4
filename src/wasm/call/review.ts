import type { Result } from "../../cni/index.ts";
import type { PolicyChange, ReviewRequest } from "../modules.ts";
import { checkDns, checkRoute } from "./allocate.ts";
import type { Answer } from "./answer.ts";
import { answerError, decisionError, isObject, listAt, refuseOtherKeys } from "./answer.ts";
import { canonical } from "./merge.ts";

/** The JSON of a `review` request. */
export function reviewJson({ attachment, config, pod, prevResult }: ReviewRequest): string {
  return JSON.stringify({
    op: "review",
    config,
    pod: pod ?? null,
    attachment,
    prevResult: { cniVersion: "1.1.0", ...prevResult },
  });
}

const usualMax = 4096;
/** Of what a module adds by itself. */
const routeLimit = 64;

/**
 * The result as a policy leaves it: the one before, but for what the node's configuration lets this module change.
 *
 * @param allow  what may differ; new routes and DNS are looked at as an IPAM module's are
 * @throws CniError 145 for a wrong shape, 146 for a change that is not allowed
 */
export function checkReview(
  name: string,
  answer: Answer,
  { prevResult }: ReviewRequest,
  allow: readonly PolicyChange[],
): Result {
  refuseOtherKeys(name, "the answer", answer, ["result", "log"]);
  const result = answer["result"];
  if (result === undefined) return prevResult;
  if (!isObject(result)) throw answerError(name, "result is not an object");
  refuseOtherKeys(name, "result", result, ["cniVersion", "interfaces", "ips", "routes", "dns"]);
  const listOf = (key: "interfaces" | "ips" | "routes") =>
    listAt(name, result, key, Math.max(usualMax, prevResult[key].length + routeLimit)) ?? [];
  const interfaces = listOf("interfaces");
  if (canonical(interfaces) !== canonical(prevResult.interfaces))
    throw changed(name, "interfaces", "and no policy may");
  return {
    interfaces: prevResult.interfaces,
    ips: reviewedIps(name, listOf("ips"), prevResult, allow),
    routes: reviewedRoutes(name, listOf("routes"), prevResult, allow),
    dns: reviewedDns(name, result["dns"] ?? {}, prevResult, allow),
  };
}

/** Those of before, in their order; some may be missing where that is allowed. */
function reviewedIps(
  name: string,
  answered: readonly unknown[],
  { ips }: Result,
  allow: readonly PolicyChange[],
): Result["ips"] {
  if (canonical(answered) === canonical(ips)) return ips;
  if (!allow.includes("ips-remove")) throw changed(name, "ips", notAllowed("ips-remove"));
  const wanted = answered.map(canonical);
  let found = 0;
  const kept = ips.filter((ip) => {
    const isWanted = wanted[found] === canonical(ip);
    if (isWanted) found++;
    return isWanted;
  });
  if (found < wanted.length)
    throw decisionError(name, `address ${wanted[found]} is not among those of before in that order`);
  return kept;
}

function reviewedRoutes(
  name: string,
  answered: readonly unknown[],
  { routes }: Result,
  allow: readonly PolicyChange[],
): Result["routes"] {
  if (canonical(answered) === canonical(routes)) return routes;
  if (!allow.includes("routes")) throw changed(name, "routes", notAllowed("routes"));
  const known = new Map(routes.map((route) => [canonical(route), route]));
  const added = answered.filter((route) => !known.has(canonical(route)));
  if (added.length > routeLimit)
    throw answerError(name, `it adds ${added.length} routes, expected at most ${routeLimit}`);
  return answered.map(
    (route) => known.get(canonical(route)) ?? checkRoute(name, route),
  );
}

function reviewedDns(name: string, answered: unknown, { dns }: Result, allow: readonly PolicyChange[]): Result["dns"] {
  if (canonical(answered) === canonical(dns)) return dns;
  if (!allow.includes("dns")) throw changed(name, "dns", notAllowed("dns"));
  return checkDns(name, answered);
}

function changed(name: string, what: string, why: string): Error {
  return decisionError(name, `it changes ${what}, ${why}`);
}

function notAllowed(change: PolicyChange): string {
  return `which the node's configuration does not allow (policyAllow: ${change})`;
}
