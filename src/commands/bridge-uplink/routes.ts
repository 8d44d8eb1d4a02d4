/** Bringing routes to where they should be, whatever of it has been done already. */
import type { WholeAddress, WholeRoute, WholeState } from "../../kernel/index.ts";
import { factsOfRoute, isErrno } from "../../kernel/index.ts";
import { isMadeFor } from "./move.ts";

export interface Settlement {
  readonly wanted: readonly WholeRoute[];
  /** Those that stand for a wanted one, over the other link, and go. */
  readonly instead: readonly WholeRoute[];
  /** Addresses that the kernel has made routes of by itself, over the link of this index; not all are wanted. */
  readonly madeFor: readonly WholeAddress[];
  readonly index: number;
}

/** Each route is there before the one that it stands for goes. */
export function settleRoutes({ routes }: WholeState, { wanted, instead, madeFor, index }: Settlement): void {
  const there = routes.list(), keys = new Set(there.map(({ message }) => message));
  const wantedKeys = new Set(wanted.map(({ message }) => message));
  const missing = wanted.filter(({ message }) => !keys.has(message));
  // A gateway is known by the route to its network.
  for (const hasGateway of [false, true])
    for (const route of missing.filter((one) => hasGatewayIn(one) === hasGateway))
      // EEXIST: the kernel was faster. ENODEV: another link went meanwhile, and with it its routes.
      unless(["EEXIST", "ENODEV"], () => routes.add(route));
  const insteadKeys = new Set(instead.map(({ message }) => message));
  const obsolete = there.filter((route) => {
    if (wantedKeys.has(route.message)) return false;
    return insteadKeys.has(route.message) || (isOver(route, index) && isMadeFor(route, madeFor));
  });
  for (const route of obsolete) unless(["ESRCH"], () => routes.delete(route));
}

function hasGatewayIn(route: WholeRoute): boolean {
  return factsOfRoute(route).hops.some(({ gateway }) => gateway !== undefined);
}

function isOver(route: WholeRoute, index: number): boolean {
  return factsOfRoute(route).hops.some((hop) => hop.index === index);
}

function unless(errnos: readonly ("EEXIST" | "ENODEV" | "ESRCH")[], work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!isErrno(error, ...errnos)) throw error;
  }
}
