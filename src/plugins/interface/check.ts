/** What CHECK of every interface plugin looks at: the container's interface, its addresses, its routes. */
import type { Interface, Result, Route } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { KernelRoute, Link, LinkAddress, LinkKind, Namespace } from "../../kernel/index.ts";
import type { Prefix } from "../../net/index.ts";
import {
  addressKey,
  bitsOf,
  formatPrefix,
  networkOf,
  parseAddress,
  parsePrefix,
  prefixKey,
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
  requireAddresses(link, present, routes, addresses);
  const keys = new Set(routes.flatMap(routeKeys));
  for (const route of result.routes) requireRoute(link, keys, route);
}

function isOf(result: Result, index: number | undefined, ifName: string): boolean {
  return index === undefined || result.interfaces[index]?.name === ifName;
}

function requireAddresses(
  link: Link,
  present: readonly LinkAddress[],
  routes: readonly KernelRoute[],
  addresses: readonly Prefix[],
): void {
  const held = new Set(present.map(prefixKey)), reached = new Set(routes.map(({ dst }) => prefixKey(dst)));
  for (const address of addresses) {
    if (!held.has(prefixKey(address))) {
      throw broken(
        `Cannot find address ${formatPrefix(address)} on interface "${link.name}": it holds ` +
          `${present.map(formatPrefix).join(", ") || "none"}`,
      );
    }
    const network = networkOf(address);
    if (address.prefixBits !== bitsOf(address.address) && !reached.has(prefixKey(network)))
      throw broken(`Cannot find the route to ${formatPrefix(network)} of interface "${link.name}": it is gone`);
  }
}

/** What the kernel has of a route, as a result may ask for it: with its table or in any, with its gateway or any. */
function routeKeys({ dst, table, gateway }: KernelRoute): readonly string[] {
  const tables = ["any", `${table}`], gateways = ["any", ...(gateway === undefined ? [] : [addressKey(gateway)])];
  return tables.flatMap((one) => gateways.map((via) => `${prefixKey(dst)} ${one} ${via}`));
}

/** A route of the result is in the table it names, or in any; of default routes only the family is compared. */
function wantedKey({ table, gw = "", ...route }: Route): string {
  const dst = parsePrefix(route.dst), via = dst.prefixBits === 0 || gw === "" ? "any" : addressKey(parseAddress(gw));
  return `${prefixKey(networkOf(dst))} ${table ?? "any"} ${via}`;
}

function requireRoute(link: Link, present: ReadonlySet<string>, route: Route): void {
  if (present.has(wantedKey(route))) return;
  const via = route.gw === undefined ? "" : ` via ${route.gw}`;
  throw broken(`Cannot find route ${route.dst}${via} of interface "${link.name}": it is gone`);
}

/** CHECK's verdict: what it found is not what ADD left. */
export function broken(message: string): CniError {
  return new CniError(code.attachmentBroken, message);
}
