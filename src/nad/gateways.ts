import type { Result, Route } from "../cni/index.ts";
import { CniError, code } from "../cni/index.ts";
import type { Address } from "../net/index.ts";
import { formatAddress, isUnspecified, parseAddress, parsePrefix } from "../net/index.ts";

/** What happens to the default routes of one network's interface. */
export interface GatewayPlan {
  /** Its IPv4 default routes go. False with an IPv4 gateway, which replaces them. */
  readonly stripV4: boolean;
  readonly stripV6: boolean;
  /** At most one of each family, in canonical form. */
  readonly gateways: readonly string[];
}

/**
 * One plan for each network of a pod, or undefined when no selection says anything about default routes: then what the
 * plugins set up stays. Once one names a gateway, every other network loses its default routes of that family, and
 * those of the other family stay as they are. Lists without any gateway say that the pod is to have no default route at
 * all.
 *
 * @param requested  `default-route` of each network, undefined where it is absent
 * @param names      the networks' names, for messages
 * @throws CniError 7 when more than one gateway of a family is asked for over all networks
 */
export function planGateways(
  requested: readonly (readonly string[] | undefined)[],
  names: readonly string[],
): readonly GatewayPlan[] | undefined {
  if (requested.every((gateways) => gateways === undefined)) return undefined;
  const clash = gatewayClash(requested, names);
  if (clash !== undefined) throw new CniError(code.invalidConfig, `Cannot set the default route: ${clash}`);
  const parsed = requested.map((texts = []) => texts.map(parseAddress));
  const moved = new Set(parsed.flat().map(({ family }) => family));
  const strips = (family: 4 | 6, own: readonly Address[]): boolean =>
    (moved.size === 0 || moved.has(family)) && !own.some((gateway) => gateway.family === family);
  return parsed.map((own) => ({ stripV4: strips(4, own), stripV6: strips(6, own), gateways: own.map(formatAddress) }));
}

/** Why the gateways cannot all be had, in words; undefined when they can. */
export function gatewayClash(
  requested: readonly (readonly string[] | undefined)[],
  names: readonly string[],
): string | undefined {
  const all = requested.flatMap((texts = [], index) =>
    texts.map((text) => ({ text, family: parseAddress(text).family, name: names[index] ?? "" })),
  );
  for (const family of [4, 6]) {
    const same = all.filter((one) => one.family === family);
    if (same.length < 2) continue;
    const asked = same.map(({ text, name }) => `${text} for "${name}"`).join(", ");
    return `default-route asks for ${same.length} IPv${family} gateways (${asked}), expected at most one of each ` +
      "family over all networks of a pod";
  }
  return undefined;
}

/**
 * The result as it is once the plan is carried out: default routes of stripped families are gone, gateways have
 * replaced those of theirs. Routes of tables of their own stay; they are nobody's default.
 */
export function withGateways(result: Result, plan: GatewayPlan): Result {
  const families = new Set(plan.gateways.map((text) => parseAddress(text).family));
  if (plan.stripV4) families.add(4);
  if (plan.stripV6) families.add(6);
  const kept = result.routes.filter(
    (route) => !isDefaultRoute(route) || !families.has(parsePrefix(route.dst).address.family),
  );
  const added = plan.gateways.map((gw) => ({ dst: parseAddress(gw).family === 4 ? "0.0.0.0/0" : "::/0", gw }));
  return { ...result, routes: [...kept, ...added] };
}

/** Whether a route of a result is for everything, in the table everybody looks into. */
export function isDefaultRoute({ dst, table }: Route): boolean {
  if (table !== undefined && !mainTables.has(table)) return false;
  const { address, prefixBits } = parsePrefix(dst);
  return prefixBits === 0 && isUnspecified(address);
}

/** RT_TABLE_UNSPEC, which the kernel takes for the next, and RT_TABLE_MAIN (linux/rtnetlink.h). */
const mainTables: ReadonlySet<number> = new Set([0, 254]);
