/**
 * single-default: refuses a result with more default routes of one family than allowed, and changes nothing.
 *
 * Only the main table counts: default routes of other tables are policy routing, where each has its own.
 */

import { Decision, Json, Policy, Request, decimal, fail, register } from "polynic/module";

export { abi, alloc, call, fault } from "polynic/module";

const mainTable = 254;
const codeTooMany = 110;

class SingleDefault extends Policy {
  review(request: Request): Decision {
    const most = request.config.get("most").integer(1);
    const routes = request.prevResult.get("routes").children();
    let ipv4 = 0;
    let ipv6 = 0;
    for (let i = 0; i < routes.length; i++) {
      const dst = routes[i].get("dst").text();
      if (!dst.endsWith("/0") || routes[i].get("table").integer(mainTable) != mainTable) continue;
      if (dst.includes(":")) ipv6++;
      else ipv4++;
    }
    if (ipv4 > most || ipv6 > most) return refuse(request, ipv4 > most ? "IPv4" : "IPv6", most, routes);
    return new Decision();
  }
}

register(new SingleDefault());

function refuse(request: Request, family: string, most: i64, routes: Array<Json>): Decision {
  let gateways = "";
  for (let i = 0; i < routes.length; i++) {
    if (!routes[i].get("dst").text().endsWith("/0")) continue;
    gateways += (gateways.length > 0 ? ", " : "") + routes[i].get("gw").text("no gateway");
  }
  return fail(
    codeTooMany,
    "Cannot accept the routes of network " + request.attachment.network + ": too many " + family + " default routes (" +
      gateways + "), expected at most " + decimal(most),
  );
}
