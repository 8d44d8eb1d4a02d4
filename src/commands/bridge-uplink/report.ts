/** What is told of a move: before, and afterwards. */
import { factsOfAddress, factsOfRoute } from "../../kernel/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress, formatPrefix } from "../../net/index.ts";
import { anyOf } from "../words.ts";
import type { Move } from "./move.ts";
import { gatewaysOf, rolesOf } from "./move.ts";

function addressesOf({ addresses }: Move): readonly string[] {
  return addresses.map((one) => formatPrefix(factsOfAddress(one)));
}

/** `10.0.0.0/8 via 10.0.0.1`, with its table where it is not the main one (254). */
function routesOf({ routes, from }: Move): readonly string[] {
  return routes.map(factsOfRoute).filter(({ hops }) => hops.some(({ index }) => index === from))
    .map(({ shown, hops, table }) => {
      const gateways = hops.flatMap(({ gateway }) => (gateway === undefined ? [] : [formatAddress(gateway)]));
      const via = gateways.length === 0 ? "" : ` via ${gateways.join(" and ")}`;
      return `${shown}${via}${table === 254 ? "" : ` of table ${table}`}`;
    });
}

export function shownGateways(gateways: readonly Address[]): string {
  return gateways.map(formatAddress).join(" and ");
}

export function asJson(move: Move): object {
  const { direction, bridge, nic, isMade } = move;
  return {
    bridge, nic, direction, addresses: addressesOf(move), routes: routesOf(move),
    gateways: gatewaysOf(move).map(formatAddress), ...(direction === "over" ? { makesBridge: isMade } : {}),
  };
}

/** In the order in which it is done. */
export function planLines(move: Move, withinSeconds: number): readonly string[] {
  const { bridge, nic, direction, isMade } = move, { from, to } = rolesOf(move), isOver = direction === "over";
  const addresses = addressesOf(move), gateways = gatewaysOf(move);
  const mac = `the MAC address of ${nic}`;
  return [
    ...(isOver ? [isMade ? `make bridge ${bridge} with ${mac}` : `give bridge ${bridge} ${mac}`] : []),
    ...addresses.map((one) => `put ${one} on ${to}`),
    isOver ? `make ${nic} a port of ${bridge}` : `take ${nic} out of ${bridge}`,
    ...routesOf(move).map((one) => `move the route ${one} to ${to}`),
    gateways.length === 0
      ? "ask nobody whether it works: there is no gateway"
      : `wait ${withinSeconds} s at most for an answer from ${shownGateways(gateways)}, else undo all of it`,
    ...addresses.map((one) => `take ${one} off ${from}`),
    ...(!isOver && isMade ? [`delete bridge ${bridge}, unless it has other ports`] : []),
  ];
}

export function doneLines(move: Move): readonly string[] {
  const { from, to } = rolesOf(move), addresses = addressesOf(move), gateways = gatewaysOf(move);
  const what = addresses.length === 0 ? "no address" : addresses.join(", ");
  const answer = gateways.length === 0 ? "no gateway to ask" : `an answer from ${shownGateways(gateways)}`;
  return [`${to} has what ${from} had: ${what}; routes: ${routesOf(move).length}; there is ${answer}`];
}

/** What nobody should find out later. */
export function notesOf(move: Move): readonly string[] {
  const { to } = rolesOf(move), isOver = move.direction === "over";
  const passing = move.addresses.map(factsOfAddress).filter(({ isPermanent }) => !isPermanent).map(formatPrefix);
  return [
    ...(passing.length === 0
      ? []
      : [`${anyOf(passing)} ends with its time unless somebody renews it: a DHCP client has to run on ${to}`]),
    ...(isOver ? ["the machine's next start undoes it unless its network's configuration says the same"] : []),
  ];
}
