import type { Address } from "./address.ts";
import {
  AddressError, addressKey, addressOf, compareAddresses, formatAddress, parseAddress, quote,
} from "./address.ts";

/** An address with a prefix length; the host bits are kept (`10.1.2.5/24` stays an address plus mask). */
export interface Prefix {
  readonly address: Address;
  readonly prefixBits: number;
}

/**
 * The prefix a CIDR text stands for; host bits are kept, IPv4-mapped text gives IPv4 (`::ffff:10.0.0.1/120` is
 * 10.0.0.1/24).
 *
 * @throws AddressError when the address, the `/` or a length of 0..32 or 0..128 in plain decimal is missing
 */
export function parsePrefix(text: string): Prefix {
  const slash = text.indexOf("/");
  const addressText = text.slice(0, Math.max(slash, 0));
  const address = addressOf(addressText);
  if (address === undefined) {
    throw new AddressError(
      `Cannot read prefix ${quote(text)}: expected an address and its prefix length such as 10.1.2.0/24 or ` +
        "2001:db8::/64",
      text,
    );
  }
  const mapped = address.family === 4 && addressText.includes(":");
  const fewestBits = mapped ? 96 : 0;
  const mostBits = mapped ? 128 : bitsOf(address);
  const lengthText = text.slice(slash + 1);
  // Zeros in front change nothing here, and the reference reads them so; in an address they are refused.
  const length = /^0*\d{1,3}$/.test(lengthText) ? Number(lengthText) : -1;
  if (length < fewestBits || length > mostBits) {
    throw new AddressError(
      `Cannot read prefix ${quote(text)}: expected a prefix length from ${fewestBits} to ${mostBits}`,
      text,
    );
  }
  return { address, prefixBits: length - fewestBits };
}

/** A prefix, or a lone address as the prefix that holds only it (/32 or /128); `hasLength` tells which it was. */
export function parseAddressOrPrefix(text: string): Prefix & { readonly hasLength: boolean } {
  if (text.includes("/")) return { ...parsePrefix(text), hasLength: true };
  const address = parseAddress(text);
  return { address, prefixBits: bitsOf(address), hasLength: false };
}

/** The prefix that holds one address alone: /32 or /128. */
export function hostPrefix(address: Address): Prefix {
  return { address, prefixBits: bitsOf(address) };
}

/** CIDR text with the host bits as they are, the address in its canonical form. */
export function formatPrefix(prefix: Prefix): string {
  return `${formatAddress(prefix.address)}/${prefix.prefixBits}`;
}

/** 32 or 128: how many bits an address of that family has. */
export function bitsOf(address: Address): 32 | 128 {
  return address.family === 4 ? 32 : 128;
}

/** The prefix with its host bits cleared: 10.1.2.0/24 for 10.1.2.5/24. */
export function networkOf(prefix: Prefix): Prefix {
  return { address: withHostBits(prefix, 0), prefixBits: prefix.prefixBits };
}

/** The last address of the prefix; for IPv4 up to /30 that is its directed broadcast address. */
export function lastOf(prefix: Prefix): Address {
  return withHostBits(prefix, 0xff);
}

/** The directed broadcast address; undefined for IPv6 and for IPv4 /31 and /32, which have none (RFC 3021). */
export function broadcastOf(prefix: Prefix): Address | undefined {
  return prefix.address.family === 4 && prefix.prefixBits <= 30 ? lastOf(prefix) : undefined;
}

/** Whether the address is of that family and lies in the prefix. */
export function contains(prefix: Prefix, address: Address): boolean {
  if (prefix.address.family !== address.family) return false;
  const { bytes } = prefix.address;
  for (let index = 0, bits = prefix.prefixBits; bits > 0; index++, bits -= 8) {
    const differing = (bytes[index] ?? 0) ^ (address.bytes[index] ?? 0);
    if (differing >> Math.max(0, 8 - bits) !== 0) return false;
  }
  return true;
}

/** Whether the two share an address. */
export function overlaps(a: Prefix, b: Prefix): boolean {
  return a.prefixBits <= b.prefixBits ? contains(a, b.address) : contains(b, a.address);
}

/** Same address, host bits included, and same length. */
export function samePrefix(a: Prefix, b: Prefix): boolean {
  return a.prefixBits === b.prefixBits && compareAddresses(a.address, b.address) === 0;
}

/** Equal for equal prefixes only, of which a map or set holds many: it is made faster than their text. */
export function prefixKey({ address, prefixBits }: Prefix): string {
  return `${addressKey(address)}/${prefixBits}`;
}

/** The prefix's address with every bit after the prefix taken from `fill` (0 or 0xff). */
function withHostBits(prefix: Prefix, fill: 0 | 0xff): Address {
  const bytes = prefix.address.bytes.map((byte, i) => {
    const networkBits = Math.min(8, Math.max(0, prefix.prefixBits - i * 8));
    const hostMask = 0xff >> networkBits;
    return (byte & ~hostMask) | (fill & hostMask);
  });
  return { family: prefix.address.family, bytes };
}
