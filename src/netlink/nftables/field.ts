/** The fields a match reads, and how a comparison with one value, a prefix, a range or a set of them is put. */
import type { SetKeyType, Span } from "./anonymous-set.ts";
import { compareBytes, u16beBytes } from "./bytes.ts";
import type { Expression } from "./expression.ts";
import { compare, loadMeta, loadPayload, lookup, maskXor, metaKey, outsideRange, payloadBase } from "./expression.ts";
import { NftExpressionError } from "./rule.ts";
import type { RulePart } from "./rule.ts";
import { mergeSpans } from "./set.ts";

export type Operator = "==" | "!=";

/** Something of the packet that can be compared. */
export interface Field {
  /** As nft text has it, for messages. */
  readonly name: string;
  readonly bytes: number;
  readonly keyType: SetKeyType;
  /** Loads the first `bytes` bytes of the field into register 1. */
  readonly load: (bytes: number) => Expression;
}

/** What a field is compared with, in network order or as the field's bytes lie. */
export type Operand =
  | { readonly is: "one"; readonly value: Uint8Array }
  | { readonly is: "prefix"; readonly value: Uint8Array; readonly bits: number }
  | { readonly is: "range"; readonly from: Uint8Array; readonly to: Uint8Array };

/** 1000 elements are more than any rule of ours, and still one message. */
const maxSetElements = 1000;

/** nft's data types (its datatype.h, enum datatypes): only listings use them. */
const keyTypes = {
  ipAddress: { id: 7, byteOrder: "big" },
  ip6Address: { id: 8, byteOrder: "big" },
  etherAddress: { id: 9, byteOrder: "big" },
  inetProtocol: { id: 12, byteOrder: "host" },
  inetService: { id: 13, byteOrder: "big" },
  ifName: { id: 41, byteOrder: "host" },
} as const satisfies Record<string, SetKeyType>;

/** Offsets of the addresses in `struct iphdr` (linux/ip.h) and `struct ipv6hdr` (linux/ipv6.h). */
const addressOffsets = { 4: { saddr: 12, daddr: 16 }, 6: { saddr: 8, daddr: 24 } } as const;

/** The prefix a name match compares has to be whole bytes of IFNAMSIZ (linux/if.h). */
export const ifNameBytes = 16;

export function addressField(family: 4 | 6, which: "saddr" | "daddr"): Field {
  return {
    name: `${family === 4 ? "ip" : "ip6"} ${which}`,
    bytes: family === 4 ? 4 : 16,
    keyType: family === 4 ? keyTypes.ipAddress : keyTypes.ip6Address,
    load: (bytes) => loadPayload(payloadBase.network, addressOffsets[family][which], bytes),
  };
}

/** Offsets in `struct ethhdr` (linux/if_ether.h): destination first. */
export function etherField(which: "saddr" | "daddr"): Field {
  return {
    name: `ether ${which}`,
    bytes: 6,
    keyType: keyTypes.etherAddress,
    load: (bytes) => loadPayload(payloadBase.link, which === "daddr" ? 0 : 6, bytes),
  };
}

/** tcp, udp, udplite, sctp and dccp all start with source and destination port. */
export function portField(which: "sport" | "dport"): Field {
  return {
    name: which,
    bytes: 2,
    keyType: keyTypes.inetService,
    load: (bytes) => loadPayload(payloadBase.transport, which === "sport" ? 0 : 2, bytes),
  };
}

/** @throws NftExpressionError when there is no such port */
export function portBytes(port: number): Uint8Array {
  if (!Number.isInteger(port) || port < 0 || port > 0xffff) {
    throw new NftExpressionError(`Cannot use port ${port}: expected 0 to 65535`, `${port}`);
  }
  return u16beBytes(port);
}

export function nameField(which: "iifname" | "oifname"): Field {
  return { name: which, bytes: ifNameBytes, keyType: keyTypes.ifName, load: () => loadMeta(metaKey[which]) };
}

/**
 * `protocol` of `struct iphdr`, `nexthdr` of `struct ipv6hdr`: the next header, which for IPv6 need not be the
 * transport's.
 */
export function nextHeaderField(family: 4 | 6): Field {
  return {
    name: family === 4 ? "ip protocol" : "ip6 nexthdr",
    bytes: 1,
    keyType: keyTypes.inetProtocol,
    load: (bytes) => loadPayload(payloadBase.network, family === 4 ? 9 : 6, bytes),
  };
}

export const l4protoField: Field = {
  name: "meta l4proto", bytes: 1, keyType: keyTypes.inetProtocol, load: () => loadMeta(metaKey.l4proto),
};

export function one(value: Uint8Array): Operand {
  return { is: "one", value };
}

/**
 * The instructions that compare the field with one operand, or with the set of several.
 *
 * @throws NftExpressionError for no operand, too many, or a range that ends before it starts
 */
export function match(field: Field, op: Operator, operands: readonly Operand[]): RulePart {
  const [first] = operands;
  if (first === undefined) {
    throw new NftExpressionError(`Cannot match ${field.name}: there is nothing to compare it with`, field.name);
  }
  for (const operand of operands) refuseEmptyRange(field, operand);
  return { expressions: operands.length === 1 ? matchOne(field, op, first) : matchSet(field, op, operands) };
}

export function equality(op: Operator): "eq" | "neq" {
  return op === "==" ? "eq" : "neq";
}

function matchOne(field: Field, op: Operator, operand: Operand): readonly Expression[] {
  switch (operand.is) {
    case "one": return [field.load(field.bytes), compare(equality(op), operand.value)];
    case "prefix": return matchPrefix(field, op, operand.value, operand.bits);
    case "range":
      return op === "=="
        ? [field.load(field.bytes), compare("gte", operand.from), compare("lte", operand.to)]
        : [field.load(field.bytes), outsideRange(operand.from, operand.to)];
  }
}

/** A prefix of whole bytes loads and compares just those; any other is masked first. */
function matchPrefix(field: Field, op: Operator, value: Uint8Array, bits: number): readonly Expression[] {
  if (bits > 0 && bits % 8 === 0) {
    const bytes = bits / 8;
    return [field.load(bytes), compare(equality(op), value.slice(0, bytes))];
  }
  const mask = prefixMask(field.bytes, bits);
  return [field.load(field.bytes), maskXor(mask), compare(equality(op), masked(value, mask))];
}

function matchSet(field: Field, op: Operator, operands: readonly Operand[]): readonly Expression[] {
  if (operands.length > maxSetElements) {
    throw new NftExpressionError(
      `Cannot match ${field.name} with a set of ${operands.length} elements: at most ${maxSetElements} are supported`,
      field.name,
    );
  }
  const spans = operands.map((operand) => span(field, operand));
  const set = { keyType: field.keyType, keyBytes: field.bytes, ...mergeSpans(spans) };
  return [field.load(field.bytes), lookup(set, op === "==" ? "in" : "not in")];
}

function span(field: Field, operand: Operand): Span {
  switch (operand.is) {
    case "one": return { first: operand.value, last: operand.value };
    case "range": return { first: operand.from, last: operand.to };
    case "prefix": {
      const mask = prefixMask(field.bytes, operand.bits);
      const first = masked(operand.value, mask);
      return { first, last: first.map((byte, index) => byte | (~(mask[index] ?? 0) & 0xff)) };
    }
  }
}

function refuseEmptyRange(field: Field, operand: Operand): void {
  if (operand.is === "range" && compareBytes(operand.from, operand.to) > 0) {
    throw new NftExpressionError(`Cannot match ${field.name} with a range: it ends before it starts`, field.name);
  }
}

function prefixMask(bytes: number, bits: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, index) => 0xff & ~(0xff >> Math.min(8, Math.max(0, bits - index * 8))));
}

function masked(value: Uint8Array, mask: Uint8Array): Uint8Array {
  return value.map((byte, index) => byte & (mask[index] ?? 0));
}
