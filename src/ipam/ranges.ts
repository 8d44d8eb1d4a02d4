import type { ConfParts } from "../cni/index.ts";
import { CniError, code, compareVersions } from "../cni/index.ts";
import type { Address, Prefix, Span } from "../net/index.ts";
import {
  addOffset,
  bitsOf,
  compareAddresses,
  contains,
  formatAddress,
  formatPrefix,
  isAddress,
  lastOf,
  networkOf,
  parseAddress,
  parsePrefix,
  sameAddress,
} from "../net/index.ts";

/** A range as it is written. */
export type RangeConf = ConfParts["host-local#/definitions/range"];

/** A span of one subnet to give addresses from. */
export interface PoolRange extends Span {
  readonly subnet: Prefix;
  /** Never given out. It need not lie in the subnet. */
  readonly gateway?: Address;
}

export interface Range extends PoolRange {
  readonly gateway: Address;
}

/** One address is given for every set, from the first of its ranges that has one. */
export type RangeSet = readonly Range[];

/**
 * Range sets with their defaults filled in and their rules checked.
 *
 * @throws CniError 7 naming the range by its place: `ranges[0][1]`
 */
export function normaliseRangeSets(confs: readonly (readonly RangeConf[])[], cniVersion: string): readonly RangeSet[] {
  const sets = confs.map((conf, set) => {
    if (conf.length === 0) throw refused(`ranges[${set}]`, "it is empty", "expected at least one range");
    return conf.map((range, index) => normaliseRange(`ranges[${set}][${index}]`, range));
  });
  sets.forEach(refuseMixedSet);
  refuseOverlappingSets(sets);
  if (compareVersions(cniVersion, "0.3.0") < 0) refuseSecondSet(sets, cniVersion);
  return sets;
}

export function spanHolds(span: Span, address: Address): boolean {
  return (
    span.first.family === address.family &&
    compareAddresses(span.first, address) <= 0 &&
    compareAddresses(address, span.last) <= 0
  );
}

/** Whether one of the spans holds an address; they are apart from each other. */
export function spanFinder(spans: readonly Span[]): (address: Address) => boolean {
  const sorted = spans.toSorted((a, b) => compareAddresses(a.first, b.first));
  return (address) => {
    let low = 0, high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1, span = sorted[middle];
      if (span !== undefined && compareAddresses(span.first, address) <= 0) low = middle + 1;
      else high = middle;
    }
    const candidate = sorted[low - 1];
    return candidate !== undefined && spanHolds(candidate, address);
  };
}

/** `10.1.2.2-10.1.2.254`. */
export function formatSpan(span: Span): string {
  return `${formatAddress(span.first)}-${formatAddress(span.last)}`;
}

function normaliseRange(place: string, conf: RangeConf): Range {
  const subnet = parseSubnet(place, conf.subnet);
  const gateway = parseOptional(place, "gateway", conf.gateway) ?? step(subnet.address, 1);
  const last = parseOptional(place, "rangeEnd", conf.rangeEnd);
  const first = parseOptional(place, "rangeStart", conf.rangeStart);
  for (const [key, address] of [
    ["rangeStart", first],
    ["rangeEnd", last],
  ] as const) {
    if (address !== undefined && !contains(subnet, address))
      throw refused(
        place,
        `${key} ${formatAddress(address)} is not in network ${formatPrefix(subnet)}`,
        "expected an address of it",
      );
  }
  const range = { subnet, gateway, first: first ?? step(subnet.address, 1), last: last ?? lastUsable(subnet) };
  if (compareAddresses(range.first, range.last) > 0) {
    throw refused(
      place,
      `rangeStart ${formatAddress(range.first)} is not in network ${formatPrefix(subnet)} up to rangeEnd ` +
        `${formatAddress(range.last)}`,
      "expected a start that is not behind the end",
    );
  }
  return range;
}

/** Shorter prefixes only: network, gateway, one address, and for IPv4 the broadcast address. */
const spareBits = 2;

function parseSubnet(place: string, text: string | undefined): Prefix {
  if (text === undefined || text === "")
    throw refused(place, "subnet is missing", "expected a prefix such as 10.1.2.0/24");
  let subnet: Prefix;
  try {
    subnet = parsePrefix(text);
  } catch (cause) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use ${place}: subnet is ${JSON.stringify(text)}, expected a prefix such as 10.1.2.0/24`,
      { cause },
    );
  }
  const longest = bitsOf(subnet.address) - spareBits;
  if (subnet.prefixBits > longest)
    throw refused(place, `network ${text} is too small`, `expected /${longest} or shorter`);
  const network = networkOf(subnet);
  if (!sameAddress(network.address, subnet.address))
    throw refused(place, `network ${text} has host bits set`, `expected ${formatPrefix(network)}`);
  return subnet;
}

function parseOptional(place: string, key: string, text: string | undefined): Address | undefined {
  if (text === undefined || text === "") return undefined;
  if (!isAddress(text)) throw refused(place, `${key} is ${JSON.stringify(text)}`, "expected an IP address");
  return parseAddress(text);
}

/** Not the directed broadcast address of IPv4. */
function lastUsable(subnet: Prefix): Address {
  return subnet.address.family === 4 ? step(lastOf(subnet), -1) : lastOf(subnet);
}

/** A subnet has at least four addresses, so one step from either end stays inside. */
function step(address: Address, offset: number): Address {
  return addOffset(address, offset) ?? address;
}

function refuseMixedSet(set: RangeSet, index: number): void {
  const [first, ...others] = set;
  const stranger = others.find((range) => range.first.family !== first?.first.family);
  if (stranger !== undefined)
    throw refused(
      `ranges[${index}]`,
      `${formatSpan(stranger)} is of another family than ${first === undefined ? "" : formatSpan(first)}`,
      "expected one family in a set",
    );
  const pair = overlap(set.map((span) => ({ span, set: index })));
  if (pair !== undefined)
    throw refused(
      `ranges[${index}]`,
      `${formatSpan(pair[0].span)} and ${formatSpan(pair[1].span)} overlap`,
      "expected ranges apart from each other",
    );
}

/** @throws CniError 7 for two sets with an address in common */
export function refuseOverlappingSets(sets: readonly (readonly Span[])[]): void {
  const pair = overlap(sets.flatMap((set, index) => set.map((span) => ({ span, set: index }))));
  if (pair === undefined) return;
  const [i = 0, j = 0] = pair.map(({ set }) => set).sort((a, b) => a - b);
  throw refused("ranges", `range set ${i} overlaps with ${j}`, "expected sets apart from each other");
}

function refuseSecondSet(sets: readonly RangeSet[], cniVersion: string): void {
  for (const family of [4, 6] as const) {
    const count = sets.filter((set) => set[0]?.first.family === family).length;
    if (count > 1)
      throw refused(
        "ranges",
        `it has ${count} sets of IPv${family}`,
        `expected at most one a family with cniVersion ${cniVersion}`,
      );
  }
}

interface SpanOfSet {
  readonly span: Span;
  readonly set: number;
}

/** Two spans with an address in common; undefined when there are none. Sorted, so that 10,000 are no trouble. */
function overlap(spans: readonly SpanOfSet[]): readonly [SpanOfSet, SpanOfSet] | undefined {
  const sorted = spans.toSorted((a, b) => compareAddresses(a.span.first, b.span.first));
  for (const [index, second] of sorted.entries()) {
    // Those before are apart, so that the last of them ends last.
    const first = sorted[index - 1];
    if (first !== undefined && spanHolds(first.span, second.span.first)) return [first, second];
  }
  return undefined;
}

function refused(place: string, is: string, expected: string): CniError {
  return new CniError(code.invalidConfig, `Cannot use ${place}: ${is}, ${expected}`);
}
