import type { Confs } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { PoolRange } from "../../ipam/index.ts";
import { refuseOverlappingSets } from "../../ipam/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import {
  addOffset, bitsOf, compareAddresses, contains, formatAddress, formatPrefix, hostPrefix, isAddress, lastOf, networkOf,
  parseAddress, parsePrefix, sameAddress,
} from "../../net/index.ts";

/** The `ipam` section as it is written, what the node's file adds to it included. */
export type WhereaboutsIpam = NonNullable<Confs["whereabouts"]["ipam"]>;

type RangeConf = Pick<WhereaboutsIpam, "range" | "range_start" | "range_end" | "exclude">;

/** One address is given of each pool. */
export interface Pool {
  readonly subnet: Prefix;
  /** What is left between the excluded parts, in order. */
  readonly ranges: readonly PoolRange[];
}

/** Pools inside which, together, an address is given once. */
export interface PoolScope {
  readonly scope: string;
  readonly pools: readonly Pool[];
}

/** Of networks without a name for them, as whereabouts has it: all of a cluster. */
export const unnamedScope = "whereabouts";

/**
 * The pools of a network by the scopes that they are in: one, or one for each prefix where addresses may be given again
 * in overlapping prefixes.
 *
 * @throws CniError 7 naming the key
 */
export function poolScopesOf(ipam: WhereaboutsIpam): readonly PoolScope[] {
  const pools = poolsOf(ipam);
  if (ipam.enable_overlapping_ranges !== false) return [{ scope: scopeIn(ipam), pools }];
  const names = new Set(pools.map(({ subnet }) => poolName(ipam.network_name, subnet)));
  return [...names].map((name) =>
    ({ scope: name, pools: pools.filter(({ subnet }) => poolName(ipam.network_name, subnet) === name) }));
}

/** Where DEL looks, whatever can be read of the ranges. */
export function scopesOf(ipam: WhereaboutsIpam): readonly string[] {
  if (ipam.enable_overlapping_ranges !== false) return [scopeIn(ipam)];
  const subnets = rangeConfsOf(ipam).flatMap(({ range = "" }) => {
    try {
      return [subnetOf(range)];
    } catch {
      return [];
    }
  });
  return [...new Set(subnets.map((subnet) => poolName(ipam.network_name, subnet)))];
}

function scopeIn({ scope, network_name: name }: WhereaboutsIpam): string {
  return scope || name || unnamedScope;
}

/** The name of a prefix's IPPool object: `10.1.0.0-16`, `lan-fd00---64`. */
export function poolName(networkName: string | undefined, subnet: Prefix): string {
  const own = formatPrefix(subnet).replaceAll(/[:/]/g, "-");
  return networkName ? `${networkName}-${own}` : own;
}

/** `range` comes before `ipRanges`. */
function rangeConfsOf(ipam: WhereaboutsIpam): readonly RangeConf[] {
  return [...(ipam.range ? [ipam] : []), ...(ipam.ipRanges ?? [])];
}

function poolsOf(ipam: WhereaboutsIpam): readonly Pool[] {
  const gateway = optional("ipam.gateway", ipam.gateway);
  const pools = rangeConfsOf(ipam).map((conf, index) =>
    poolOf(ipam.range && index === 0 ? "ipam" : `ipam.ipRanges[${index - (ipam.range ? 1 : 0)}]`, conf, gateway));
  if (pools.length === 0)
    throw new CniError(code.invalidConfig, "Cannot use ipam: it has no range, expected ipam.range or ipam.ipRanges");
  refuseOverlappingSets(pools.map(({ ranges }) => ranges));
  return pools;
}

function poolOf(place: string, conf: RangeConf, gateway: Address | undefined): Pool {
  const { range = "" } = conf, subnet = subnetOf(range, place);
  refuseTooSmall(place, subnet);
  const { first, last } = spanOf(place, conf, subnet);
  const own = gateway?.family === first.family ? { gateway } : {};
  const excluded = (conf.exclude ?? []).map((text, index) => exclusion(`${place}.exclude[${index}]`, text));
  const ranges = without({ first, last }, excluded).map((span) => ({ ...span, subnet, ...own }));
  if (ranges.length === 0)
    throw refused(place, "exclude leaves nothing of its range", "expected an address that is not excluded");
  return { subnet, ranges };
}

/** The prefix of `10.1.0.0/16` and of `10.1.0.10-10.1.0.20/16`; host bits are dropped. */
function subnetOf(range: string, place = "ipam"): Prefix {
  const text = range.slice(range.indexOf("-") + 1).trim();
  try {
    return networkOf(parsePrefix(text));
  } catch (cause) {
    const expected = "expected a prefix such as 10.1.2.0/24, or 10.1.2.10-10.1.2.20/24";
    throw new CniError(
      code.invalidConfig, `Cannot use ${place}.range: ${JSON.stringify(range)} is no range, ${expected}`, { cause });
  }
}

/** Neither the first nor the last address of a prefix is ever given, of IPv6 as of IPv4: two more must be left. */
function refuseTooSmall(place: string, subnet: Prefix): void {
  const longest = bitsOf(subnet.address) - 2;
  if (subnet.prefixBits > longest)
    throw refused(`${place}.range`, `${formatPrefix(subnet)} is too small`, `expected /${longest} or shorter`);
}

function spanOf(place: string, conf: RangeConf, subnet: Prefix): { first: Address; last: Address } {
  const written = endsOf(place, conf);
  for (const { key, address } of written)
    if (!contains(subnet, address))
      throw refused(`${place}.${key}`, `${formatAddress(address)} is not in ${formatPrefix(subnet)}`,
        "expected an address of it");
  const lowest = beside(subnet.address, 1), highest = beside(lastOf(subnet), -1);
  const [start, startAgain] = written.filter(({ isStart }) => isStart);
  const [end, endAgain] = written.filter(({ isStart }) => !isStart);
  refuseContradiction(place, start, startAgain);
  refuseContradiction(place, end, endAgain);
  const first = start === undefined || compareAddresses(start.address, lowest) < 0 ? lowest : start.address;
  const last = end === undefined || compareAddresses(end.address, highest) > 0 ? highest : end.address;
  if (compareAddresses(first, last) > 0)
    throw refused(place, `its range begins with ${formatAddress(first)} behind its end ${formatAddress(last)}`,
      "expected a start that is not behind the end");
  return { first, last };
}

interface End {
  readonly key: string;
  readonly isStart: boolean;
  readonly address: Address;
}

/** What is written of the ends, in `range` itself and beside it. */
function endsOf(place: string, { range = "", range_start: start, range_end: end }: RangeConf): readonly End[] {
  const [from, to] = range.includes("-") ? range.split("-", 2) : [];
  const all: readonly (readonly [string, boolean, string | undefined])[] = [
    ["range", true, from?.trim()], ["range", false, to?.trim().replace(/\/.*$/, "")],
    ["range_start", true, start], ["range_end", false, end],
  ];
  return all.flatMap(([key, isStart, text]) => {
    const address = optional(`${place}.${key}`, text);
    return address === undefined ? [] : [{ key, isStart, address }];
  });
}

function refuseContradiction(place: string, end: End | undefined, again: End | undefined): void {
  if (end === undefined || again === undefined || sameAddress(end.address, again.address)) return;
  throw refused(`${place}.${again.key}`, `it is ${formatAddress(again.address)}, and ${end.key} says ` +
    formatAddress(end.address), "expected one of the two");
}

/** A prefix with whatever host bits, or an address. */
function exclusion(place: string, text: string): { first: Address; last: Address } {
  try {
    const prefix = networkOf(text.includes("/") ? parsePrefix(text) : hostPrefix(parseAddress(text)));
    return { first: prefix.address, last: lastOf(prefix) };
  } catch (cause) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use ${place}: ${JSON.stringify(text)} is neither, expected a prefix or an address such as 10.1.2.64/28`,
      { cause },
    );
  }
}

interface Ends {
  readonly first: Address;
  readonly last: Address;
}

/** What is left of a span, in order. */
function without(span: Ends, excluded: readonly Ends[]): readonly Ends[] {
  const own = excluded.filter(({ first }) => first.family === span.first.family)
    .toSorted((a, b) => compareAddresses(a.first, b.first));
  const left: Ends[] = [];
  let from: Address | undefined = span.first;
  for (const { first, last } of own) {
    if (from === undefined || compareAddresses(last, from) < 0 || compareAddresses(first, span.last) > 0) continue;
    if (compareAddresses(from, first) < 0) left.push({ first: from, last: beside(first, -1) });
    from = compareAddresses(last, span.last) < 0 ? beside(last, 1) : undefined;
  }
  return from === undefined ? left : [...left, { first: from, last: span.last }];
}

/** Callers have looked that there is one. */
function beside(address: Address, step: 1 | -1): Address {
  return addOffset(address, step) ?? address;
}

function optional(place: string, text: string | undefined): Address | undefined {
  if (text === undefined || text === "") return undefined;
  if (isAddress(text)) return parseAddress(text);
  throw refused(place, `${JSON.stringify(text)} is no address`, "expected one such as 10.1.2.1");
}

function refused(place: string, is: string, expected: string): CniError {
  return new CniError(code.invalidConfig, `Cannot use ${place}: ${is}, ${expected}`);
}
