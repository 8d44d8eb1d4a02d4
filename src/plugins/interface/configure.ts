/**
 * What every interface plugin with IPAM does last inside the container: addresses, up, routes, in the order that
 * announces each address and leaves no route without its source.
 */
import type { IpConfig, Route } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Link, Namespace, NewRoute } from "../../kernel/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { broadcastOf, parseAddress, parsePrefix } from "../../net/index.ts";
import type { AddContext, Log, Undo } from "../contract/plugin.ts";

/** The container link as read back after its creation, and what it gets. */
export interface Configuration {
  readonly link: Link;
  /** Each with its gateway, where it has one. */
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
}

/**
 * Puts the addresses on the link, sets it up, waits for duplicate address detection where a route needs it, and adds
 * the routes. The addresses and routes go away with the link (or its move); only `lo` needs an undo step.
 *
 * @throws CniError 11 when an address is already in use on the network
 */
export async function configureInterface(
  { link, ips, routes }: Configuration,
  { container, sleep, log, undo }: AddContext,
): Promise<void> {
  const addresses = ips.map((ip) => parsePrefix(ip.address));
  if (addresses.some(isIpv6)) enableIpv6(container, link.name, log, undo);
  for (const address of addresses) {
    const broadcast = broadcastOf(address);
    container.addresses.add(link.index, address, { scope: 0, ...(broadcast === undefined ? {} : { broadcast }) });
  }
  // After the addresses: setting a link up is what makes arp_notify and ndisc_notify announce them.
  container.links.set(link.index, { up: true });

  const gateways = firstGateways(ips);
  if (gateways.ipv6 !== undefined) await waitForAddresses(container, link, sleep);
  for (const route of routes) container.routes.add(kernelRoute(route, gateways, link.index));
}

/** The first gateway of each family among the addresses. */
export interface Gateways {
  readonly ipv4?: Address;
  readonly ipv6?: Address;
}

export function firstGateways(ips: readonly IpConfig[]): Gateways {
  const gateways: { ipv4?: Address; ipv6?: Address } = {};
  for (const ip of ips) {
    if (ip.gateway === undefined || ip.gateway === "") continue;
    const gateway = parseAddress(ip.gateway);
    if (gateway.family === 4) gateways.ipv4 ??= gateway;
    else gateways.ipv6 ??= gateway;
  }
  return gateways;
}

/**
 * A result's route as the kernel gets it; one without a gateway of its own goes over the first gateway of its family,
 * unless its scope says that what it leads to is on the link itself, where the kernel takes no gateway.
 */
export function kernelRoute(route: Route, gateways: Gateways, index: number): NewRoute {
  const dst = parsePrefix(route.dst);
  const usual = isOnLink(route) ? undefined : dst.address.family === 4 ? gateways.ipv4 : gateways.ipv6;
  const gateway = route.gw === undefined || route.gw === "" ? usual : parseAddress(route.gw);
  return {
    dst, index,
    // Global unless the result says so, also without a gateway, where `ip route` would choose link: the reference's
    // routes read so.
    scope: route.scope ?? 0,
    ...(gateway === undefined ? {} : { gateway }),
    ...(route.table === undefined ? {} : { table: route.table }),
    ...positive("metric", route.priority),
    ...positive("mtu", route.mtu),
    ...positive("advmss", route.advmss),
  };
}

/** RT_SCOPE_LINK and RT_SCOPE_HOST of linux/rtnetlink.h: nearer than any gateway. */
function isOnLink({ scope }: Route): boolean {
  return scope === 253 || scope === 254;
}

/** In a result 0 and absent are one for these three. */
function positive<Key extends string>(key: Key, value: number | undefined): { [K in Key]?: number } {
  // The computed key is `key`, which the type of an object literal with a computed name does not keep.
  return value === undefined || value === 0 ? {} : { [key]: value } as { [K in Key]: number };
}

/** Container runtimes create namespaces with IPv6 off; and an address must outlive the link being set down and up. */
function enableIpv6(container: Namespace, ifName: string, log: Log, undo: Undo): void {
  for (const name of ["lo", ifName]) {
    const key = `net/ipv6/conf/${name}/disable_ipv6`;
    const before = readSysctl(container, key, log);
    if (before === undefined || before === "0") continue;
    container.sysctl.set(key, "0");
    if (name === "lo") undo.add(`set ${key} back`, () => container.sysctl.set(key, before));
  }
  container.sysctl.set(`net/ipv6/conf/${ifName}/keep_addr_on_down`, "1");
}

function readSysctl(container: Namespace, key: string, log: Log): string | undefined {
  try {
    return container.sysctl.get(key);
  } catch (error) {
    log.warn(`Cannot read ${key}: ${String(error)}`);
    return undefined;
  }
}

/** Duplicate address detection ends within a second or two unless somebody configured more probes. */
const longestDetectionMs = 5000;
/** The first pause is short: where detection is off, only a kernel work item has to run. */
const firstPauseMs = 1;
const longestPauseMs = 50;

/** A route over an IPv6 gateway needs a source that is no longer tentative. */
async function waitForAddresses(container: Namespace, link: Link, sleep: (ms: number) => Promise<void>): Promise<void> {
  let waitedMs = 0;
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(pauseMs * 2, longestPauseMs)) {
    const addresses = container.addresses.list(link.index).filter(isIpv6);
    if (addresses.some((address) => address.dadFailed)) {
      throw new CniError(
        code.tryAgainLater,
        `Cannot use an IPv6 address on interface "${link.name}": duplicate address detection found it in use on the ` +
          "network",
      );
    }
    if (!addresses.some((address) => address.tentative)) return;
    if (waitedMs >= longestDetectionMs) break;
    await sleep(pauseMs);
    waitedMs += pauseMs;
  }
  // A link without carrier detects nothing: its addresses stay tentative until it has one, and that is no failure.
  if (container.links.get(link.index).operState === "up") {
    throw new CniError(
      code.tryAgainLater,
      `Cannot use the IPv6 addresses of interface "${link.name}": still tentative after ${longestDetectionMs} ms`,
    );
  }
}

function isIpv6(prefix: Prefix): boolean {
  return prefix.address.family === 6;
}
