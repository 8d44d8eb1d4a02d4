/**
 * A gateway that no address of the container reaches: the kernel refuses a route over it (ENETUNREACH), and so every
 * ADD fails. No plugin sees this before, as one gives addresses and another one makes routes.
 */
import { AddressError, contains, isLinkLocalUnicast, parseAddress, parsePrefix } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Report } from "./finding.ts";
import type { Spot } from "./spot.ts";

/** Plugins that make a route over the gateway alone; ptp makes one to the gateway before. */
const withoutRouteToGateway: ReadonlySet<string> =
  new Set(["bridge", "macvlan", "ipvlan", "vlan", "host-device", "tap"]);

/** One address to be, with its network and its gateway, and where that stands. */
interface Given {
  readonly network: string;
  readonly gateway: unknown;
  readonly spot: Spot;
}

/** Reports gateways of host-local and static that routes go over, and that are in no subnet of theirs. */
export function checkGateways({ type, isDefaultGateway, ipam }: JsonObject, spot: Spot, report: Report): void {
  if (typeof type !== "string" || !withoutRouteToGateway.has(type) || !isJsonObject(ipam)) return;
  const at = spot.at("ipam"), given = givenIn(ipam, at), routes = objects(ipam["routes"]);
  const networks = given.map(({ network }) => network);
  // One to the gateway itself, without a gateway, makes it reachable.
  const direct = routes.filter(({ gw = "" }) => gw === "").map(({ dst }) => dst).filter(isNarrow);
  const reachable = [...networks, ...direct];
  const first = (family: 4 | 6): Given | undefined => given.find(({ gateway }) => familyOf(gateway) === family);
  const used = new Set<Given>();
  const use = (one: Given | undefined): void => {
    if (one === undefined || used.has(one) || isReachable(one.gateway, reachable)) return;
    used.add(one);
    report("error", one.spot, `it is ${JSON.stringify(one.gateway)}, which no address reaches: no route can go over ` +
      `it, expected one within ${networks.join(" or ")}`);
  };
  if (isDefaultGateway === true) for (const family of [4, 6] as const) use(first(family));
  routes.forEach(({ dst, gw = "" }, index) => {
    const family = familyOf(typeof dst === "string" ? firstOf(dst) : dst);
    if (gw !== "") use({ network: "", gateway: gw, spot: at.at("routes", index, "gw") });
    else if (family !== undefined && !isNarrow(dst)) use(first(family));
  });
}

function givenIn(ipam: JsonObject, at: Spot): readonly Given[] {
  if (ipam["type"] === "static")
    return objects(ipam["addresses"]).flatMap(({ address, gateway }, index) => typeof address === "string"
      ? [{ network: address, gateway, spot: at.at("addresses", index, "gateway") }] : []);
  if (ipam["type"] !== "host-local") return [];
  const sets = Array.isArray(ipam["ranges"]) ? ipam["ranges"] : [];
  const ranges = sets.flatMap((set: unknown, index) => objects(set).map((range, place) =>
    ({ range, spot: at.at("ranges", index, place, "gateway") })));
  return [{ range: ipam, spot: at.at("gateway") }, ...ranges].flatMap(({ range: { subnet, gateway }, spot }) =>
    typeof subnet === "string" && subnet !== ""
      ? [{ network: subnet, gateway: gateway || firstOf(subnet), spot }] : []);
}

/** Where none is named host-local takes one of the subnet. */
function firstOf(subnet: string): string {
  return subnet.replace(/\/.*/, "");
}

function objects(list: unknown): readonly JsonObject[] {
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}

function familyOf(address: unknown): 4 | 6 | undefined {
  return orNothing(() => typeof address === "string" ? parseAddress(address).family : undefined);
}

/** No default route. */
function isNarrow(dst: unknown): dst is string {
  return orNothing(() => typeof dst === "string" && parsePrefix(dst).prefixBits > 0) ?? false;
}

/** What cannot be read is told elsewhere. */
function isReachable(gateway: unknown, networks: readonly string[]): boolean {
  return orNothing(() => {
    const address = parseAddress(String(gateway));
    return networks.length === 0 || isLinkLocalUnicast(address) ||
      networks.some((network) => contains(parsePrefix(network), address));
  }) ?? true;
}

function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof AddressError) return undefined;
    throw error;
  }
}
