/** The routes to other nodes' pods, among all that the machine has: ours are known by their protocol. */
import type { KernelRoute, Namespace, NewRoute } from "../../kernel/index.ts";
import { isErrno } from "../../kernel/index.ts";
import { formatPrefix, samePrefix } from "../../net/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import type { PlannedRoute } from "./plan.ts";

/** rtm_protocol of all routes made here; no routing daemon of /etc/iproute2/rt_protos has it. */
export const reachProtocol = 112;
/** What pods send to nodes behind the tunnel: the table, and the priority of the rules that lead there. */
export const podTable = 28_782, podPriority = 28_782;

const families = [4, 6] as const;

/** Where the tunnel is, and the addresses that what goes into it comes from. */
export interface TunnelEnd {
  readonly index: number;
  readonly addresses: readonly Address[];
}

/** What of the routes is not as it should be. */
export interface RouteChanges {
  readonly stale: readonly KernelRoute[];
  readonly missing: readonly NewRoute[];
}

export function wantedRoutes(planned: readonly PlannedRoute[], tunnel: TunnelEnd | undefined): readonly NewRoute[] {
  return planned.flatMap(({ dst, gateway, index, isForPods }): readonly NewRoute[] => {
    const table = isForPods ? { table: podTable } : {};
    if (index !== undefined) return [{ dst, gateway, index, protocol: reachProtocol, ...table }];
    if (tunnel === undefined) return [];
    const source = tunnel.addresses.find(({ family }) => family === dst.address.family);
    return [{ dst, gateway, index: tunnel.index, onLink: gateway.family === 4, protocol: reachProtocol, ...table,
      ...(isForPods || source === undefined ? {} : { source }) }];
  });
}

export function routeChanges(host: Pick<Namespace, "routes">, wanted: readonly NewRoute[]): RouteChanges {
  const own = families.flatMap((family) => [
    ...host.routes.list(family), ...host.routes.list(family, { table: podTable }),
  ]).filter(({ protocol }) => protocol === reachProtocol);
  const present = [...new Map(own.map((route) => [keyOf(route), route])).values()];
  const keys = new Set(wanted.map(keyOf)), kept = new Set(present.map(keyOf));
  return {
    stale: present.filter((route) => !keys.has(keyOf(route))),
    missing: wanted.filter((route) => !kept.has(keyOf(route))),
  };
}

/**
 * Puts routes right, and leaves those that are, and where somebody else's leads. What has changed takes the place of
 * what was in one step, so that no destination is without a route in between.
 *
 * @returns destinations to which somebody else's route leads
 */
export function setRoutes(host: Pick<Namespace, "routes">, wanted: readonly NewRoute[]): readonly Prefix[] {
  const taken = new Set(families.flatMap((family) => host.routes.list(family)).filter(isOthers)
    .map(({ dst }) => formatPrefix(dst)));
  const isTaken = ({ dst, table }: NewRoute) => table === undefined && taken.has(formatPrefix(dst));
  for (const route of routeChanges(host, wanted).missing) if (!isTaken(route)) host.routes.replace(route);
  for (const route of routeChanges(host, wanted).stale) deleteRoute(host, route);
  return wanted.filter(isTaken).map(({ dst }) => dst);
}

/** Of whatever metric: the kernel would put ours in the place of one, and before or behind another. */
function isOthers({ table, protocol }: KernelRoute): boolean {
  return table === mainTable && protocol !== reachProtocol;
}

const mainTable = 254;

function deleteRoute({ routes }: Pick<Namespace, "routes">, route: KernelRoute): void {
  try {
    routes.deleteListed(route);
  } catch (error) {
    // With its link, or by hand.
    if (!isErrno(error, "ESRCH", "ENODEV")) throw error;
  }
}

function keyOf({ dst, gateway, index, source, table = mainTable }: KernelRoute | NewRoute): string {
  const text = (address: Address | undefined): string => (address === undefined ? "" : address.bytes.join("."));
  return [formatPrefix(dst), text(gateway), index, text(source), table].join(" ");
}

/** Pods look into their own table first. */
export function setRules(host: Pick<Namespace, "rules">, subnets: readonly Prefix[]): void {
  for (const family of families) {
    const wanted = subnets.filter(({ address }) => address.family === family);
    const present = host.rules.list(family).filter(({ table }) => table === podTable);
    for (const rule of present) {
      if (wanted.some((one) => rule.src !== undefined && samePrefix(one, rule.src))) continue;
      host.rules.delete({ family, table: podTable, ...(rule.src === undefined ? {} : { src: rule.src }) });
    }
    for (const src of wanted) {
      if (!present.some((rule) => rule.src !== undefined && samePrefix(src, rule.src)))
        host.rules.add({ family, src, table: podTable, priority: podPriority });
    }
  }
}
