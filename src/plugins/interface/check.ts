/** What CHECK of every interface plugin looks at: the container's interface, its addresses, its routes. */
import type { Interface, Result, Route } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { KernelRoute, Link, LinkAddress, LinkKind, Namespace } from "../../kernel/index.ts";
import type { Prefix } from "../../net/index.ts";
import {
  bitsOf,
  formatPrefix,
  networkOf,
  parseAddress,
  parsePrefix,
  sameAddress,
  samePrefix,
} from "../../net/index.ts";
import type { Attachment } from "../contract/plugin.ts";

/** The result ADD gave, without which CHECK has nothing to compare with. */
export function requirePrevResult(prevResult: Result | undefined, network: string): Result {
  if (prevResult !== undefined) return prevResult;
  throw new CniError(
    code.invalidConfig,
    `Cannot check network "${network}": prevResult is missing, expected the result of its ADD`,
  );
}

/** What `prevResult` says of the attachment's interface; the last entry counts where there are several. */
export function containerInterface(result: Result, { ifName, netns }: Attachment): Interface {
  const entry = result.interfaces.findLast(({ name, sandbox }) => name === ifName && sandbox === netns);
  if (entry !== undefined) return entry;
  throw broken(`Cannot check interface "${ifName}": prevResult has none of that name with sandbox "${netns}"`);
}

/** What CHECK of an interface plugin is told. */
export interface CheckedCall {
  readonly attachment: Attachment;
  readonly network: string;
  readonly prevResult: Result | undefined;
}

/**
 * The container's link, which is of that kind (absent: any) and as prevResult says, with the addresses and routes that
 * it lists.
 *
 * @throws CniError 111 with what is different, 7 without prevResult
 */
export function checkInterface(call: CheckedCall, container: Namespace, kind?: LinkKind): Link {
  const result = requirePrevResult(call.prevResult, call.network);
  const link = checkedLink(container, containerInterface(result, call.attachment), kind);
  checkAddressesAndRoutes(container, link, result);
  return link;
}

/** The link of that name if it is as the result says: there, of the kind, with the MAC. */
export function checkedLink(namespace: Namespace, entry: Interface, kind?: LinkKind): Link {
  const link = namespace.links.find(entry.name);
  if (link === undefined) throw broken(`Cannot find interface "${entry.name}": it is gone`);
  if (kind !== undefined && link.kind !== kind) {
    throw broken(
      `Cannot accept interface "${entry.name}": its kind is ${link.kind ?? "physical"}, expected ${kind}`,
    );
  }
  if (entry.mac !== undefined && entry.mac !== "" && entry.mac.toLowerCase() !== link.mac) {
    throw broken(`Cannot accept interface "${entry.name}": its MAC is ${link.mac ?? "absent"}, expected ${entry.mac}`);
  }
  return link;
}

/**
 * Every address of the result is on the link, with the route to its network in some table: a later member of the chain
 * may have moved it (sbr, vrf). Host prefixes have no such route.
 */
export function checkAddressesAndRoutes(container: Namespace, link: Link, result: Result): void {
  const addresses = result.ips
    .filter((ip) => isOf(result, ip.interface, link.name))
    .map((ip) => parsePrefix(ip.address));
  const families = new Set([
    ...addresses.map(({ address }) => address.family),
    ...result.routes.map(({ dst }) => parsePrefix(dst).address.family),
  ]);
  if (families.size === 0) return;
  const present = addresses.length === 0 ? [] : container.addresses.list(link.index);
  const routes = [...families].flatMap((family) => container.routes.list(family));
  for (const address of addresses) requireAddress(link, present, routes, address);
  for (const route of result.routes) requireRoute(link, routes, route);
}

function isOf(result: Result, index: number | undefined, ifName: string): boolean {
  return index === undefined || result.interfaces[index]?.name === ifName;
}

function requireAddress(
  link: Link,
  present: readonly LinkAddress[],
  routes: readonly KernelRoute[],
  address: Prefix,
): void {
  if (!present.some((candidate) => samePrefix(candidate, address))) {
    throw broken(
      `Cannot find address ${formatPrefix(address)} on interface "${link.name}": it holds ` +
        `${present.map(formatPrefix).join(", ") || "none"}`,
    );
  }
  if (address.prefixBits === bitsOf(address.address)) return;
  const network = networkOf(address);
  if (!routes.some(({ dst }) => samePrefix(dst, network))) {
    throw broken(`Cannot find the route to ${formatPrefix(network)} of interface "${link.name}": it is gone`);
  }
}

/** A route of the result is in the table it names, or in any; of default routes only the family is compared. */
export function matchesRoute(kernel: KernelRoute, route: Route): boolean {
  const dst = parsePrefix(route.dst);
  if (route.table !== undefined && kernel.table !== route.table) return false;
  if (!samePrefix(kernel.dst, networkOf(dst))) return false;
  if (dst.prefixBits === 0 || route.gw === undefined || route.gw === "") return true;
  return kernel.gateway !== undefined && sameAddress(kernel.gateway, parseAddress(route.gw));
}

function requireRoute(link: Link, routes: readonly KernelRoute[], route: Route): void {
  if (routes.some((kernel) => matchesRoute(kernel, route))) return;
  const via = route.gw === undefined ? "" : ` via ${route.gw}`;
  throw broken(`Cannot find route ${route.dst}${via} of interface "${link.name}": it is gone`);
}

/** CHECK's verdict: what it found is not what ADD left. */
export function broken(message: string): CniError {
  return new CniError(code.attachmentBroken, message);
}
