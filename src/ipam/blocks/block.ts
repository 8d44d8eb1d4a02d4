import type { Address, Span } from "../../net/index.ts";
import { addOffset, addressToInteger, compareAddresses } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Entry } from "./entry.ts";

/** A block has 64 addresses: a /26 of IPv4, a /122 of IPv6. Its object in an engine stays below 20 KB. */
export const blockAddresses = 64;

/** What one block of a scope has been given to; an absent one is like one that is empty and nobody's. */
export interface Block {
  /** Of its first address: `addressId`. */
  readonly id: string;
  readonly first: Address;
  /** The node that allocates from it before others do; "" for nobody's. Only entries say who has what. */
  readonly node: string;
  /** Where the range sets of its node went last in it, by the set's number. */
  readonly cursors: Readonly<Record<string, Cursor>>;
  /** By offset from `first`. */
  readonly entries: ReadonlyMap<number, Entry>;
}

export interface Cursor {
  readonly offset: number;
  /** The highest of a node's blocks is where the set is. */
  readonly turn: number;
}

export function emptyBlock(first: Address): Block {
  return { id: addressId(first), first, node: "", cursors: {}, entries: new Map() };
}

/** What an engine keeps of them; one that an edit has made into something else is as good as none. */
export function cursorsFromJson(json: unknown): Block["cursors"] {
  const known = Object.entries(isJsonObject(json) ? json : {}).flatMap(([set, cursor]) => {
    const { offset, turn } = isJsonObject(cursor) ? cursor : {};
    const isOne = isWhole(offset) && offset < blockAddresses && isWhole(turn);
    return isOne ? [[set, { offset, turn }] as const] : [];
  });
  return Object.fromEntries(known);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0 && Number(value) < Number.MAX_SAFE_INTEGER;
}

export function cursorsToJson({ cursors }: Pick<Block, "cursors">): JsonObject {
  return Object.fromEntries(Object.entries(cursors).map(([set, { offset, turn }]) => [set, { offset, turn }]));
}

/** 32 hex digits; IPv4 as IPv4-mapped IPv6 (RFC 4291, 2.5.5.2), so that no two addresses have one. */
export function addressId(address: Address): string {
  const digits = addressToInteger(address).toString(16);
  return address.family === 4 ? `${mapped}${digits.padStart(8, "0")}` : digits.padStart(32, "0");
}

/** undefined for what is no such id. */
export function addressOfId(id: string): Address | undefined {
  if (!/^[0-9a-f]{32}$/.test(id)) return undefined;
  return id.startsWith(mapped) ? integerAddress(4, BigInt(`0x${id.slice(24)}`)) : integerAddress(6, BigInt(`0x${id}`));
}

const mapped = "00000000000000000000ffff";

/** @param value  within the family's numbers */
export function integerAddress(family: 4 | 6, value: bigint): Address | undefined {
  return addOffset({ family, bytes: new Uint8Array(family === 4 ? 4 : 16) }, value);
}

/** First address of the block that the address lies in. */
export function blockStart(address: Address): Address {
  const bytes = address.bytes.slice();
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) & ~(blockAddresses - 1);
  return { family: address.family, bytes };
}

export function offsetOf(address: Address): number {
  return (address.bytes.at(-1) ?? 0) & (blockAddresses - 1);
}

export function addressAt({ first }: Pick<Block, "first">, offset: number): Address {
  // A block begins at a multiple of its size, so that no offset carries.
  const bytes = first.bytes.slice(), last = bytes.length - 1;
  bytes[last] = (bytes[last] ?? 0) | offset;
  return { family: first.family, bytes };
}

/** The offsets of a block that lie in a span: `from` to `to`, both included; nothing when from > to. */
export function offsetsIn(first: Address, span: Span): { readonly from: number; readonly to: number } {
  const none = { from: 1, to: 0 };
  if (span.first.family !== first.family) return none;
  const last = addressAt({ first }, blockAddresses - 1);
  if (compareAddresses(span.last, first) < 0 || compareAddresses(last, span.first) < 0) return none;
  return {
    from: compareAddresses(span.first, first) <= 0 ? 0 : offsetOf(span.first),
    to: compareAddresses(last, span.last) <= 0 ? blockAddresses - 1 : offsetOf(span.last),
  };
}
