/**
 * nf_tables expressions: the small instructions a rule is made of (linux/netfilter/nf_tables.h).
 *
 * A rule loads a field of the packet into a register, works on it and compares; the first comparison that
 * fails leaves the rule. The functions here make one instruction each; `rule.ts` puts them together so that
 * a rule reads like nft text, and `expression-attrs.ts` has their wire form.
 */

import type { AnonymousSet } from "./anonymous-set.ts";

/** Where tables live; the numbers on the wire are NFPROTO_* (linux/netfilter.h). */
export type NftFamily = "ip" | "ip6" | "inet" | "bridge";

/** NFPROTO_*: the nfgen_family of every message about a table of that family. */
export const nfproto: Readonly<Record<NftFamily, number>> = { inet: 1, ip: 2, bridge: 7, ip6: 10 };

/** IPPROTO_* by the names nft gives them (linux/in.h). */
export const transportProtocol = { tcp: 6, udp: 17, udplite: 136, dccp: 33, sctp: 132, icmp: 1, icmpv6: 58 } as const;

/** One instruction, in the kernel's terms: attribute values are numbers and bytes as the wire has them. */
export type Expression =
  | { readonly name: "meta"; readonly data: { readonly dreg?: number; readonly key: number; readonly sreg?: number } }
  | {
      readonly name: "payload";
      readonly data: { readonly dreg: number; readonly base: number; readonly offset: number; readonly len: number };
    }
  | { readonly name: "cmp"; readonly data: { readonly sreg: number; readonly op: number; readonly data: NftData } }
  | {
      readonly name: "range";
      readonly data: { readonly sreg: number; readonly op: number; readonly from: NftData; readonly to: NftData };
    }
  | {
      readonly name: "bitwise";
      readonly data: {
        readonly sreg: number;
        readonly dreg: number;
        readonly len: number;
        readonly mask: NftData;
        readonly xor: NftData;
      };
    }
  | { readonly name: "immediate"; readonly data: { readonly dreg: number; readonly data: NftData } }
  | {
      readonly name: "lookup";
      readonly data: { readonly sreg: number; readonly flags?: number };
      readonly set: AnonymousSet;
    }
  | { readonly name: "fib"; readonly data: { readonly dreg: number; readonly result: number; readonly flags: number } }
  | { readonly name: "ct"; readonly data: { readonly dreg: number; readonly key: number } }
  | { readonly name: "counter"; readonly data: { readonly bytes: bigint; readonly packets: bigint } }
  | { readonly name: "masq"; readonly data: Readonly<Record<never, never>> }
  | {
      readonly name: "nat";
      readonly data: {
        readonly type: number;
        readonly family: number;
        readonly addrMin: number;
        readonly protoMin?: number;
        readonly flags?: number;
      };
    };

/** A value in a register, or a verdict (NFTA_DATA_*). */
export interface NftData {
  readonly value?: Uint8Array;
  readonly verdict?: { readonly code: number; readonly chain?: string };
}

/** NFT_REG_1 and 2, 16 bytes each; NFT_REG_VERDICT decides the packet. */
export const register = { verdict: 0, first: 1, second: 2 } as const;

/** enum nft_meta_keys. */
export const metaKey = {
  protocol: 1,  // NFT_META_PROTOCOL: ethertype, network order
  mark: 3,      // NFT_META_MARK
  iif: 4,       // NFT_META_IIF: ifindex
  oif: 5,       // NFT_META_OIF
  iifname: 6,   // NFT_META_IIFNAME: 16 bytes, zero padded
  oifname: 7,   // NFT_META_OIFNAME
  iiftype: 8,   // NFT_META_IIFTYPE: ARPHRD_*, 2 bytes
  nfproto: 15,  // NFT_META_NFPROTO: 1 byte
  l4proto: 16,  // NFT_META_L4PROTO: 1 byte
} as const;

/** enum nft_ct_keys. */
export const ctKey = {
  state: 0,     // NFT_CT_STATE: bits
  status: 2,    // NFT_CT_STATUS: bits
  mark: 3,      // NFT_CT_MARK
} as const;

/** enum nft_payload_bases. */
export const payloadBase = {
  link: 0,       // NFT_PAYLOAD_LL_HEADER
  network: 1,    // NFT_PAYLOAD_NETWORK_HEADER
  transport: 2,  // NFT_PAYLOAD_TRANSPORT_HEADER
} as const;

/** enum nft_cmp_ops. */
export const cmpOp = { eq: 0, neq: 1, lt: 2, lte: 3, gt: 4, gte: 5 } as const;

/** enum nft_verdicts with the two netfilter ones (linux/netfilter.h NF_DROP, NF_ACCEPT). */
export const verdictCode = { drop: 0, accept: 1, jump: -3, goto: -4, return: -5 } as const;

/** Loads a fact about the packet into register 1. */
export function loadMeta(key: number): Expression {
  return { name: "meta", data: { key, dreg: register.first } };
}

/** Loads `len` bytes of a header into register 1. */
export function loadPayload(base: number, offset: number, len: number): Expression {
  return { name: "payload", data: { dreg: register.first, base, offset, len } };
}

/** Loads a field of the packet's connection into register 1. */
export function loadCt(key: number): Expression {
  return { name: "ct", data: { key, dreg: register.first } };
}

/** Loads the kind of one of the addresses (RTN_LOCAL ...) as the routing tables have it into register 1. */
export function loadAddressType(which: "saddr" | "daddr"): Expression {
  // NFT_FIB_RESULT_ADDRTYPE; NFTA_FIB_F_SADDR and NFTA_FIB_F_DADDR.
  return { name: "fib", data: { dreg: register.first, result: 3, flags: which === "saddr" ? 1 : 2 } };
}

/** Goes on only when register 1 compares so with `value`. */
export function compare(op: keyof typeof cmpOp, value: Uint8Array): Expression {
  return { name: "cmp", data: { sreg: register.first, op: cmpOp[op], data: { value } } };
}

/** Goes on only when register 1 is outside of `from` to `to`. */
export function outsideRange(from: Uint8Array, to: Uint8Array): Expression {
  // NFT_RANGE_NEQ
  return { name: "range", data: { sreg: register.first, op: 1, from: { value: from }, to: { value: to } } };
}

/** Register 1 = (register 1 & mask) ^ xor. */
export function maskXor(mask: Uint8Array, xor: Uint8Array = new Uint8Array(mask.length)): Expression {
  return {
    name: "bitwise",
    data: { sreg: register.first, dreg: register.first, len: mask.length, mask: { value: mask }, xor: { value: xor } },
  };
}

/** Goes on only when register 1 is in the set, or only when it is not. */
export function lookup(set: AnonymousSet, wanted: "in" | "not in"): Expression {
  const data = { sreg: register.first, ...(wanted === "not in" ? { flags: 1 } : {}) }; // NFT_LOOKUP_F_INV
  return { name: "lookup", data, set };
}

/** Puts a constant into a register. */
export function immediate(dreg: number, value: Uint8Array): Expression {
  return { name: "immediate", data: { dreg, data: { value } } };
}

/** Decides the packet; `jump` and `goto` name a chain of the same table. */
export function verdict(code: keyof typeof verdictCode, chain?: string): Expression {
  const data = { code: verdictCode[code], ...(chain === undefined ? {} : { chain }) };
  return { name: "immediate", data: { dreg: register.verdict, data: { verdict: data } } };
}
