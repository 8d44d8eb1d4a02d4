import { bitsOf, formatAddress } from "../../net/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { CodecError } from "../../netlink/index.ts";

// linux/socket.h
const AF_INET = 2;
const AF_INET6 = 10;

export function familyNumber(family: 4 | 6): number {
  return family === 4 ? AF_INET : AF_INET6;
}

/** The address in these bytes of an attribute; undefined for families other than IP. */
export function toIp(family: number, bytes: Uint8Array | undefined): Address | undefined {
  if (bytes === undefined) return undefined;
  if (family === AF_INET && bytes.length === 4) return { family: 4, bytes };
  if (family === AF_INET6 && bytes.length === 16) return { family: 6, bytes };
  return undefined;
}

/** The address that stands for none: what is listed without one. */
export function unspecified(family: number): Address {
  return family === AF_INET ? { family: 4, bytes: new Uint8Array(4) } : { family: 6, bytes: new Uint8Array(16) };
}

/** @throws CodecError for more bits than the address has */
export function toPrefix(address: Address, prefixBits: number): Prefix {
  if (prefixBits <= bitsOf(address)) return { address, prefixBits };
  throw new CodecError("decode", "prefix length", `expected at most ${bitsOf(address)}, found ${prefixBits}`);
}

export function described({ address, prefixBits }: Prefix): string {
  return `${formatAddress(address)}/${prefixBits}`;
}
