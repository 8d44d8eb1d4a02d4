import { CniError, code } from "../../cni/index.ts";
import type { KernelRoute, Link, Namespace, NetlinkError } from "../../kernel/index.ts";
import { isErrno } from "../../kernel/index.ts";
import type { GatewayPlan } from "../../nad/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix, sameAddress } from "../../net/index.ts";
import { RT_TABLE_MAIN } from "../../netlink/index.ts";
import type { Handles } from "../../plugins/index.ts";

type Family = 4 | 6;

const everything = { 4: parsePrefix("0.0.0.0/0"), 6: parsePrefix("::/0") } as const;

/**
 * Makes the container's default routes on one interface what the plan says, and verifies it in the kernel. Routes to
 * anything less than everything, and those of other interfaces and tables, stay as they are; so does a family that the
 * plan says nothing about. Nothing is undone here: who adds a network takes all of it back when this fails.
 *
 * @throws CniError 7 for a gateway that cannot be reached on the interface; 110, or NetlinkError, when the kernel does
 *   not do as planned
 */
export function applyGateways(handles: Handles, ifName: string, plan: GatewayPlan): void {
  const { container } = handles;
  const gateways = plan.gateways.map(parseAddress);
  const plans = ([4, 6] as const)
    .map((family) => ({ family, own: gateways.filter((gateway) => gateway.family === family) }))
    .filter(({ family, own }) => own.length > 0 || (family === 4 ? plan.stripV4 : plan.stripV6));
  if (plans.length === 0) return;
  const link = container.links.find(ifName);
  if (link === undefined) return refuseWithoutLink(ifName, plan);
  for (const { family, own } of plans) {
    if (family === 6) refuseAdvertised(handles, link);
    replaceDefaults(container, link, family, own);
  }
  for (const { family, own } of plans) verifyDefaults(container, link, family, own);
}

/** A device that is driven without the kernel, as by DPDK, is no link of the namespace, and has no routes to lose. */
function refuseWithoutLink(ifName: string, { gateways }: GatewayPlan): void {
  if (gateways.length === 0) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot set the default route via ${gateways.join(" and ")} on interface "${ifName}": the container has no link ` +
      "of that name, expected a network that makes one",
  );
}

/** The next advertisement of a router would make another default route. */
function refuseAdvertised({ container, log }: Handles, { name }: Link): void {
  const setting = `net/ipv6/conf/${name}/accept_ra_defrtr`;
  try {
    if (container.sysctl.get(setting) !== "0") container.sysctl.set(setting, "0");
  } catch (error) {
    // A kernel without IPv6 hears no advertisements either.
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return;
    log.warn(
      `Cannot set ${setting} in the container: ${String(error)}; a router's advertisement may bring a default route ` +
        "back",
    );
  }
}

function replaceDefaults(container: Namespace, link: Link, family: Family, gateways: readonly Address[]): void {
  for (const route of defaultsOf(container, link, family)) {
    try {
      container.routes.deleteListed(route);
    } catch (error) {
      // Gone already, as when it left with another gateway of its route, or expired.
      if (!isErrno(error, "ESRCH")) throw error;
    }
  }
  for (const gateway of gateways) {
    try {
      container.routes.add({ dst: everything[family], gateway, index: link.index });
    } catch (error) {
      throw isErrno(error, "ENETUNREACH", "EHOSTUNREACH", "EINVAL") ? unusable(container, link, gateway, error) : error;
    }
  }
}

/**
 * Every default route whose output is the interface, of any metric and origin; each gateway of a multipath one by
 * itself.
 */
function defaultsOf({ routes }: Namespace, { index }: Link, family: Family): readonly KernelRoute[] {
  return routes.list(family, { index, table: RT_TABLE_MAIN })
    .filter(({ dst }) => dst.prefixBits === 0 && dst.address.family === family);
}

function verifyDefaults(container: Namespace, link: Link, family: Family, gateways: readonly Address[]): void {
  const found = defaultsOf(container, link, family);
  const isPlanned =
    found.length === gateways.length && gateways.every((gateway) => found.some((route) => isVia(route, gateway)));
  if (isPlanned) return;
  const wanted = gateways.map((gateway) => `default via ${formatAddress(gateway)}`).join(", ") || "none";
  throw new CniError(
    code.kernel,
    `Cannot set the IPv${family} default route of interface "${link.name}": the kernel has ` +
      `${found.map(shown).join(", ") || "none"}, expected ${wanted}`,
  );
}

function isVia(route: KernelRoute, gateway: Address): boolean {
  return route.gateway !== undefined && sameAddress(route.gateway, gateway);
}

/** For a gateway that is in no network of the interface, or is its own address, which IPv6 refuses. */
function unusable(container: Namespace, link: Link, gateway: Address, cause: NetlinkError): CniError {
  const { family } = gateway;
  const addresses = container.addresses
    .list(link.index)
    .filter(({ address }) => address.family === family)
    .map(formatPrefix);
  const routes = container.routes.list(family, { index: link.index, table: RT_TABLE_MAIN }).map(shown);
  const reason = `kernel said ${cause.errnoName}${cause.kernelText === undefined ? "" : ` (${cause.kernelText})`}`;
  const there = `the interface ${link.up ? "has" : "is down and has"} IPv${family} ${listed("address", addresses)} ` +
    `and ${listed("route", routes)}`;
  return new CniError(
    code.invalidConfig,
    `Cannot set the default route via ${formatAddress(gateway)} on interface "${link.name}": ${reason}; ${there}, ` +
      "expected a neighbour in one of its networks",
    { cause },
  );
}

function listed(what: string, texts: readonly string[]): string {
  return texts.length === 0 ? `no ${what}` : `${what} ${texts.join(", ")}`;
}

function shown({ dst, gateway, metric }: KernelRoute): string {
  const to = dst.prefixBits === 0 ? "default" : formatPrefix(dst);
  const via = gateway === undefined ? "" : ` via ${formatAddress(gateway)}`;
  return `${to}${via}${metric === undefined ? "" : ` metric ${metric}`}`;
}
