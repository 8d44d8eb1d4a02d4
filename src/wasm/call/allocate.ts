import type { Dns, Route } from "../../cni/index.ts";
import type { AllocateDecision, AllocateRequest, OfferedRange } from "../../ipam/index.ts";
import type { Address } from "../../net/index.ts";
import {
  compareAddresses,
  formatAddress,
  isAddress,
  parseAddress,
  parsePrefix,
  sameAddress,
  viewHolds,
} from "../../net/index.ts";
import type { Answer } from "./answer.ts";
import { answerError, decisionError, isObject, listAt, refuseOtherKeys } from "./answer.ts";

/** The JSON of an `allocate` request. */
export function allocateJson(request: AllocateRequest): string {
  const { attempt, attachment, config, requested, seed, node = null, pod = null } = request;
  return JSON.stringify({
    op: "allocate",
    attempt,
    attachment,
    pod,
    node,
    config,
    requested,
    ranges: request.ranges.map(({ subnet, gateway }) => ({
      subnet,
      gateway: gateway === undefined ? null : formatAddress(gateway),
    })),
    mine: mineJson(request),
    ...(seed === undefined ? {} : { seed }),
  });
}

/** What the caller has: held or in use. */
export function mineJson({ mine, held = [] }: Pick<AllocateRequest, "mine" | "held">): readonly object[] {
  return [
    ...mine.map((address) => ({ address: formatAddress(address), state: "active" })),
    ...held.map((address) => ({ address: formatAddress(address), state: "held" })),
  ];
}

const listLimit = 64;

/**
 * The decision in an answer, checked against what was offered: canonical addresses inside their range, not taken, not
 * the gateway, each range set exactly once, requested addresses honoured.
 *
 * @throws CniError 145 for a wrong shape, 146 for a wrong decision
 */
export function checkAllocation(
  name: string,
  answer: Answer,
  request: AllocateRequest,
  { perSet = "each" }: { readonly perSet?: "each" | "any" } = {},
): AllocateDecision {
  refuseOtherKeys(name, "the answer", answer, ["ips", "routes", "dns", "log"]);
  const entries = listAt(name, answer, "ips", listLimit) ?? [];
  const ips = entries.map((entry) => checkAddress(name, entry, request.ranges));
  if (perSet === "each") refuseOtherSets(name, ips.map(({ range }) => request.ranges[range]), request.ranges);
  refuseRepeated(name, ips.map(({ address }) => address));
  for (const text of request.requested) {
    const wanted = parseAddress(text);
    if (!ips.some(({ address }) => sameAddress(address, wanted)))
      throw decisionError(name, `requested address ${text} is not among its addresses`);
  }
  const routes = listAt(name, answer, "routes", listLimit)?.map((route) => checkRoute(name, route));
  const dns = answer["dns"] === undefined ? undefined : checkDns(name, answer["dns"]);
  return { ips, ...(routes === undefined ? {} : { routes }), ...(dns === undefined ? {} : { dns }) };
}

function checkAddress(
  name: string,
  entry: unknown,
  ranges: readonly OfferedRange[],
): { range: number; address: Address } {
  if (!isObject(entry)) throw answerError(name, "an entry of ips is not an object");
  refuseOtherKeys(name, "an entry of ips", entry, ["range", "address"]);
  const { range: index, address: text } = entry;
  const range = typeof index === "number" ? ranges[index] : undefined;
  if (typeof index !== "number" || range === undefined)
    throw answerError(name, `range is ${JSON.stringify(index)}, expected 0 to ${ranges.length - 1}`);
  if (typeof text !== "string" || !isAddress(text))
    throw answerError(name, `address is ${JSON.stringify(text)}, expected an IP address`);
  const address = parseAddress(text);
  if (formatAddress(address) !== text)
    throw decisionError(name, `address ${text} is not written canonically, expected ${formatAddress(address)}`);
  const inside =
    address.family === range.first.family &&
    compareAddresses(range.first, address) <= 0 &&
    compareAddresses(address, range.last) <= 0;
  if (!inside)
    throw decisionError(
      name,
      `address ${text} lies outside its range ${formatAddress(range.first)}-${formatAddress(range.last)}`,
    );
  if (range.gateway !== undefined && sameAddress(range.gateway, address))
    throw decisionError(name, `address ${text} is the gateway of its range`);
  if (viewHolds(range.view, range, address)) throw decisionError(name, `address ${text} is taken`);
  return { range: index, address };
}

function refuseOtherSets(
  name: string,
  chosen: readonly (OfferedRange | undefined)[],
  ranges: readonly OfferedRange[],
): void {
  const wanted = [...new Set(ranges.map(({ set }) => set))].sort((a, b) => a - b);
  const given = chosen.map((range) => range?.set ?? -1).sort((a, b) => a - b);
  if (wanted.join() !== given.join())
    throw decisionError(
      name,
      `it gives addresses of range sets [${given.join(", ")}], expected each of [${wanted.join(", ")}] once`,
    );
}

function refuseRepeated(name: string, addresses: readonly Address[]): void {
  const repeated = addresses.find(
    (address, index) => addresses.findIndex((other) => sameAddress(other, address)) !== index,
  );
  if (repeated !== undefined) throw decisionError(name, `address ${formatAddress(repeated)} is given twice`);
}

/** One route of a module's own making. */
export function checkRoute(name: string, route: unknown): Route {
  if (!isObject(route)) throw answerError(name, "an entry of routes is not an object");
  refuseOtherKeys(name, "an entry of routes", route, ["dst", "gw", ...routeNumbers.keys()]);
  const { dst, gw } = route;
  if (typeof dst !== "string" || !isPrefix(dst))
    throw decisionError(name, `route dst is ${JSON.stringify(dst)}, expected a CIDR`);
  if (gw !== undefined && (typeof gw !== "string" || !isAddress(gw)))
    throw decisionError(name, `route gw is ${JSON.stringify(gw)}, expected an IP address`);
  if (gw !== undefined && gw.includes(":") !== dst.includes(":"))
    throw decisionError(name, `route gw is ${JSON.stringify(gw)}, expected an address of the family of ${dst}`);
  for (const [key, most] of routeNumbers) {
    const value = route[key];
    const fits =
      value === undefined || (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= most);
    if (!fits)
      throw decisionError(name, `route ${key} is ${JSON.stringify(value)}, expected a number from 0 to ${most}`);
  }
  // Every key of Route was looked at above, and no other is there.
  return route as unknown as Route;
}

/** What the kernel has room for. */
const routeNumbers: ReadonlyMap<string, number> = new Map([
  ["mtu", 0xffff_ffff],
  ["advmss", 0xffff_ffff],
  ["priority", 0xffff_ffff],
  ["table", 0xffff_ffff],
  ["scope", 0xff],
]);

export function checkDns(name: string, dns: unknown): Dns {
  if (!isObject(dns)) throw answerError(name, "dns is not an object");
  refuseOtherKeys(name, "dns", dns, ["nameservers", "domain", "search", "options"]);
  for (const key of ["nameservers", "search", "options", "domain"]) {
    const texts = key === "domain" ? [dns[key] ?? ""] : listAt(name, dns, key, listLimit) ?? [];
    for (const text of texts) {
      if (typeof text !== "string")
        throw answerError(name, `dns.${key} ${key === "domain" ? "is not" : "holds something that is not"} a string`);
      if (key === "nameservers" ? !isAddress(text) : !resolverWord.test(text)) {
        throw decisionError(
          name,
          `dns.${key} is ${JSON.stringify(text)}, expected ${key === "nameservers" ? "an IP address" : "a word"}`,
        );
      }
    }
  }
  // Every key of Dns was looked at above, and no other is there.
  return dns as Dns;
}

/** Runtimes write these into resolv.conf, a line each: a space or the end of a line would begin something else. */
const resolverWord = /^[\x21-\x7e]{0,253}$/;

function isPrefix(text: string): boolean {
  try {
    parsePrefix(text);
    return true;
  } catch {
    return false;
  }
}
