/** Subnets as `docker network create` takes them, made into the ranges of host-local. */
import type { Address, Prefix } from "../../net/index.ts";
import {
  addOffset, addressToInteger, bitsOf, contains, formatAddress, formatPrefix, lastOf, networkOf, overlaps, parseAddress,
  parsePrefix,
} from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { UsageError } from "../errors.ts";

export interface SubnetWords {
  readonly subnet: readonly string[];
  readonly gateway: readonly string[];
  readonly "ip-range": readonly string[];
  /** `NAME=ADDRESS`: nobody's. */
  readonly "aux-address": readonly string[];
}

export interface Subnet {
  readonly prefix: Prefix;
  readonly gateway: Address;
  /** Where addresses are given from; undefined: all of it. */
  readonly range?: Prefix;
  /** Never given. */
  readonly reserved: readonly Address[];
}

/**
 * Each gateway, range and address goes to the subnet it lies in.
 *
 * @throws UsageError for one that lies in none, and for subnets that overlap
 */
export function subnetsOf(words: SubnetWords): readonly Subnet[] {
  const prefixes = split(words.subnet).map((text) => typedPrefix("subnet", text));
  for (const [index, prefix] of prefixes.entries()) {
    const other = prefixes.slice(0, index).find((one) => overlaps(one, prefix));
    if (other !== undefined)
      throw new UsageError(
        `Cannot use --subnet ${formatPrefix(prefix)}: it overlaps ${formatPrefix(other)}, expected one beside it`,
      );
    if (bitsOf(prefix.address) - prefix.prefixBits < hostBitsMin)
      throw new UsageError(`Cannot use --subnet ${formatPrefix(prefix)}: it has no room for a container, expected /30`);
  }
  const gateways = split(words.gateway).map((text) => typedAddress("gateway", text));
  const ranges = split(words["ip-range"]).map((text) => typedPrefix("ip-range", text));
  const reserved = split(words["aux-address"])
    .map((text) => typedAddress("aux-address", text.slice(text.indexOf("=") + 1)));
  for (const address of [...gateways, ...reserved]) requireInside(prefixes, address);
  for (const range of ranges) requireInside(prefixes, range.address, range);
  return prefixes.map((prefix) => {
    const range = ranges.find(({ address }) => contains(prefix, address));
    const gateway = gateways.find((address) => contains(prefix, address)) ?? firstOf(prefix);
    const kept = reserved.filter((address) => contains(prefix, address));
    return { prefix, gateway, reserved: kept, ...(range === undefined ? {} : { range }) };
  });
}

/** @throws UsageError naming the option */
export function typedAddress(option: string, text: string): Address {
  return typed(option, text, { read: parseAddress, expected: "an address such as 10.1.2.3 or 2001:db8::1" });
}

function typedPrefix(option: string, text: string): Prefix {
  const expected = "an address and its prefix length such as 10.1.2.0/24 or 2001:db8::/64";
  return networkOf(typed(option, text, { read: parsePrefix, expected }));
}

function typed<T>(
  option: string, text: string, { read, expected }: { read(text: string): T; readonly expected: string },
): T {
  try {
    return read(text);
  } catch (cause) {
    throw new UsageError(`Cannot use --${option} ${text}: expected ${expected}`, { cause });
  }
}

/** Network, gateway, broadcast address and one container. */
const hostBitsMin = 2;

function split(words: readonly string[]): readonly string[] {
  return words.flatMap((word) => word.split(","));
}

function firstOf(prefix: Prefix): Address {
  return addOffset(prefix.address, 1) ?? prefix.address;
}

function requireInside(prefixes: readonly Prefix[], address: Address, range?: Prefix): void {
  const inside = prefixes.find((prefix) => contains(prefix, address));
  if (inside !== undefined && (range === undefined || range.prefixBits >= inside.prefixBits)) return;
  const shown = range === undefined ? formatAddress(address) : formatPrefix(range);
  const expected = prefixes.length === 0 ? "--subnet as well" : `one within ${prefixes.map(formatPrefix).join(", ")}`;
  throw new UsageError(`Cannot use ${shown}: it is in no --subnet, expected ${expected}`);
}

/** The range set of a subnet: what is reserved cuts it into pieces. */
export function rangeSetOf({ prefix, gateway, range, reserved }: Subnet): readonly JsonObject[] {
  const subnet = formatPrefix(prefix), gatewayText = formatAddress(gateway);
  if (range === undefined && reserved.length === 0) return [{ subnet, gateway: gatewayText }];
  return pieces({ prefix, range: range ?? prefix, reserved }).map(([first, last]) => ({
    subnet, rangeStart: formatAddress(first), rangeEnd: formatAddress(last), gateway: gatewayText,
  }));
}

interface Cut {
  readonly prefix: Prefix;
  readonly range: Prefix;
  readonly reserved: readonly Address[];
}

/** @throws UsageError when nothing is left */
function pieces({ prefix, range, reserved }: Cut): readonly (readonly [Address, Address])[] {
  const low = addressToInteger(prefix.address), high = addressToInteger(lastOf(prefix));
  const start = max(addressToInteger(range.address), low + 1n);
  // The last address of an IPv4 subnet is its broadcast address.
  const end = min(addressToInteger(lastOf(range)), prefix.address.family === 4 ? high - 1n : high);
  const at = (number: bigint): Address => addOffset(prefix.address, number - low) ?? prefix.address;
  const found: (readonly [Address, Address])[] = [];
  let next = start;
  for (const one of [...reserved.map(addressToInteger).sort((a, b) => (a < b ? -1 : 1)), end + 1n]) {
    if (one > end + 1n || one < next) continue;
    if (one > next) found.push([at(next), at(one - 1n)]);
    next = one + 1n;
  }
  if (found.length > 0) return found;
  throw new UsageError(`Cannot use ${formatPrefix(range)}: no address of it is left to give, expected a larger range`);
}

function max(a: bigint, b: bigint): bigint {
  return a > b ? a : b;
}

function min(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

/** A /24 of 10.89.0.0 to 10.255.255.0 that nothing on this machine uses; podman looks there as well. */
export function freeSubnet(taken: readonly Prefix[]): Prefix | undefined {
  for (let second = 89; second < 256; second++)
    for (let third = 0; third < 256; third++) {
      const prefix = parsePrefix(`10.${second}.${third}.0/24`);
      if (!taken.some((one) => overlaps(one, prefix))) return prefix;
    }
  return undefined;
}

/** A /64 of the addresses that are nobody's but this site's (RFC 4193: fd, then 40 bits of chance). */
export function uniqueLocalSubnet(chance: Uint8Array): Prefix {
  const bytes = new Uint8Array(16);
  bytes[0] = 0xfd;
  bytes.set(chance.subarray(0, 5), 1);
  return { address: { family: 6, bytes }, prefixBits: 64 };
}
