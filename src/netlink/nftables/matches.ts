/** The conditions of a rule, named as nft names them. */
import type { Address, Prefix } from "../../net/index.ts";
import { u32Bytes } from "./bytes.ts";
import type { Expression } from "./expression.ts";
import {
  compare,
  ctKey,
  loadCt,
  loadAddressType,
  loadMeta,
  maskXor,
  metaKey,
  nfproto,
  transportProtocol,
} from "./expression.ts";
import type { Operand, Operator } from "./field.ts";
import {
  addressField,
  equality,
  etherField,
  ifNameBytes,
  l4protoField,
  match,
  nameField,
  nextHeaderField,
  one,
  portBytes,
  portField,
} from "./field.ts";
import type { RulePart } from "./rule.ts";
import { NftExpressionError } from "./rule.ts";

/** The protocols whose header starts with a source and a destination port. */
export type PortProtocol = "tcp" | "udp" | "udplite" | "dccp" | "sctp";
/** Whichever it is: with "th" nothing is asked of the packet but the port. */
export type AnyPortProtocol = PortProtocol | "th";

/** One value, or all from one to another, both included. */
export type Span<Value> = Value | { readonly from: Value; readonly to: Value };

/** `iifname "eth0"`; a name that ends in `*` matches every name that starts so. */
export function iifname(op: Operator, ...names: readonly string[]): RulePart {
  return matchNames("iifname", op, names);
}

export function oifname(op: Operator, ...names: readonly string[]): RulePart {
  return matchNames("oifname", op, names);
}

/** `ip saddr` or `ip6 saddr`, by the family of the addresses; several are the set `{ a, b }`. */
export function saddr(op: Operator, ...addresses: readonly (Prefix | Span<Address>)[]): RulePart {
  return matchAddresses("saddr", op, addresses);
}

/** `ip daddr` or `ip6 daddr`, by the family of the addresses. */
export function daddr(op: Operator, ...addresses: readonly (Prefix | Span<Address>)[]): RulePart {
  return matchAddresses("daddr", op, addresses);
}

/** `ether saddr 02:00:00:00:00:01`: six bytes each. */
export function etherSaddr(op: Operator, ...macs: readonly Uint8Array[]): RulePart {
  return { needs: { layer: "link", protocol: "ether" }, ...match(etherField("saddr"), op, macs.map(one)) };
}

export function etherDaddr(op: Operator, ...macs: readonly Uint8Array[]): RulePart {
  return { needs: { layer: "link", protocol: "ether" }, ...match(etherField("daddr"), op, macs.map(one)) };
}

/** `tcp dport 80`, `udp dport 1000-2000`, `tcp dport { 80, 443 }`. */
export function dport(protocol: AnyPortProtocol, op: Operator, ...ports: readonly Span<number>[]): RulePart {
  return matchPorts("dport", protocol, op, ports);
}

export function sport(protocol: AnyPortProtocol, op: Operator, ...ports: readonly Span<number>[]): RulePart {
  return matchPorts("sport", protocol, op, ports);
}

/** `meta l4proto tcp`; later parts of the rule may read that protocol's header. */
export function l4proto(op: Operator, ...protocols: readonly number[]): RulePart {
  return {
    ...match(
      l4protoField,
      op,
      protocols.map((protocol) => one(Uint8Array.of(protocol))),
    ),
    ...establishes(op, protocols),
  };
}

/** `ip protocol tcp` for family 4, `ip6 nexthdr tcp` for 6; later parts of the rule may read that protocol's header. */
export function nextHeader(family: 4 | 6, op: Operator, ...protocols: readonly number[]): RulePart {
  return {
    needs: { layer: "network", protocol: family },
    ...match(nextHeaderField(family), op, protocols.map((protocol) => one(Uint8Array.of(protocol)))),
    ...establishes(op, protocols),
  };
}

/** `meta nfproto ipv4`; for inet, where both families pass. */
export function nfprotocol(op: Operator, family: 4 | 6): RulePart {
  const value = Uint8Array.of(nfproto[family === 4 ? "ip" : "ip6"]);
  const expressions = [loadMeta(metaKey.nfproto), compare(equality(op), value)];
  return op === "==" ? { establishes: { layer: "network", protocol: family }, expressions } : { expressions };
}

/** `meta mark 0x1`, or with a mask `meta mark & 0xff == 0x1`. */
export function mark(op: Operator, value: number, mask?: number): RulePart {
  return matchMark(loadMeta(metaKey.mark), op, value, mask);
}

/** `ct mark 0x1`. */
export function ctMark(op: Operator, value: number, mask?: number): RulePart {
  return matchMark(loadCt(ctKey.mark), op, value, mask);
}

/** Bits of `ct state` (nf_conntrack_common.h, NF_CT_STATE_BIT and NF_CT_STATE_UNTRACKED_BIT). */
export const ctStateBit = { invalid: 1, established: 2, related: 4, new: 8, untracked: 64 } as const;

/** `ct state established,related`: one of them. `!=` takes one state only. */
export function ctState(op: Operator, ...states: readonly (keyof typeof ctStateBit)[]): RulePart {
  return matchBits(ctKey.state, op, ctStateBit, states);
}

/** Bits of `ct status` (linux/netfilter/nf_conntrack_common.h, enum ip_conntrack_status). */
export const ctStatusBit = {
  expected: 1, "seen-reply": 2, assured: 4, confirmed: 8, snat: 16, dnat: 32, dying: 512,
} as const;

/** `ct status dnat`: has that bit; as in nft, `!= dnat` is every status but exactly that bit alone. */
export function ctStatus(op: Operator, ...statuses: readonly (keyof typeof ctStatusBit)[]): RulePart {
  return matchBits(ctKey.status, op, ctStatusBit, statuses);
}

/** RTN_* (linux/rtnetlink.h) by the names nft gives them. */
export const addressType = {
  unspec: 0, unicast: 1, local: 2, broadcast: 3, anycast: 4, multicast: 5, blackhole: 6, unreachable: 7, prohibit: 8,
} as const;

/** `fib daddr type local`: the packet is for an address of this host. */
export function fibDaddrType(op: Operator, type: keyof typeof addressType): RulePart {
  return matchAddressType("daddr", op, type);
}

/** `fib saddr type local`: the packet comes from an address of this host. */
export function fibSaddrType(op: Operator, type: keyof typeof addressType): RulePart {
  return matchAddressType("saddr", op, type);
}

function matchAddressType(which: "saddr" | "daddr", op: Operator, type: keyof typeof addressType): RulePart {
  return { expressions: [loadAddressType(which), compare(equality(op), u32Bytes(addressType[type]))] };
}

function establishes(op: Operator, protocols: readonly number[]): Pick<RulePart, "establishes"> {
  const [only] = protocols;
  if (op !== "==" || protocols.length !== 1 || only === undefined) return {};
  return { establishes: { layer: "transport", protocol: only } };
}

function matchNames(which: "iifname" | "oifname", op: Operator, names: readonly string[]): RulePart {
  return match(nameField(which), op, names.map((name) => nameOperand(name)));
}

/** Without its `*` a wildcard is a prefix; a whole name is compared with the zero bytes behind it. */
function nameOperand(name: string): Operand {
  const wildcard = name.endsWith("*");
  const text = new TextEncoder().encode(wildcard ? name.slice(0, -1) : name);
  if (text.length === 0 || text.length >= ifNameBytes) {
    throw new NftExpressionError(`Cannot match interface name "${name}": expected 1 to ${ifNameBytes - 1} bytes`, name);
  }
  const value = new Uint8Array(ifNameBytes);
  value.set(text);
  return wildcard ? { is: "prefix", value, bits: text.length * 8 } : one(value);
}

function matchAddresses(
  which: "saddr" | "daddr",
  op: Operator,
  addresses: readonly (Prefix | Span<Address>)[],
): RulePart {
  const families = new Set(addresses.flatMap(familiesOf));
  const [family = 4] = families;
  if (families.size > 1) {
    throw new NftExpressionError(
      `Cannot match ${which} with IPv4 and IPv6 addresses at once: expected one family`,
      which,
    );
  }
  return {
    needs: { layer: "network", protocol: family },
    ...match(addressField(family, which), op, addresses.map(addressOperand)),
  };
}

function familiesOf(value: Prefix | Span<Address>): readonly (4 | 6)[] {
  if ("from" in value) return [value.from.family, value.to.family];
  return ["address" in value ? value.address.family : value.family];
}

/** A prefix as long as the address is the address, as nft lists it. */
function addressOperand(value: Prefix | Span<Address>): Operand {
  if ("from" in value) return { is: "range", from: value.from.bytes, to: value.to.bytes };
  if (!("address" in value)) return one(value.bytes);
  const { address, prefixBits } = value;
  return prefixBits === address.bytes.length * 8
    ? one(address.bytes)
    : { is: "prefix", value: address.bytes, bits: prefixBits };
}

function matchPorts(
  which: "sport" | "dport",
  protocol: AnyPortProtocol,
  op: Operator,
  ports: readonly Span<number>[],
): RulePart {
  const operands = ports.map((port): Operand =>
    typeof port === "number"
      ? one(portBytes(port))
      : { is: "range", from: portBytes(port.from), to: portBytes(port.to) },
  );
  return {
    ...(protocol === "th" ? {} : { needs: { layer: "transport", protocol: transportProtocol[protocol] } }),
    ...match(portField(which), op, operands),
  };
}

function matchMark(load: Expression, op: Operator, value: number, mask: number | undefined): RulePart {
  const masking = mask === undefined ? [] : [maskXor(u32Bytes(mask))];
  return { expressions: [load, ...masking, compare(equality(op), u32Bytes(value))] };
}

/**
 * As nft does, any of the bits for ==, while != compares the field as a whole. With several bits that would always be
 * true for a state, the opposite of what it reads like, so it is refused.
 */
function matchBits<Name extends string>(
  key: number,
  op: Operator,
  table: Readonly<Record<Name, number>>,
  names: readonly Name[],
): RulePart {
  if (op === "!=" && names.length > 1) {
    throw new NftExpressionError(
      `Cannot match anything but "${names.join(",")}": expected one word after "!="`,
      names.join(","),
    );
  }
  const bits = u32Bytes(names.reduce((all, name) => all | table[name], 0));
  const comparison = op === "==" ? [maskXor(bits), compare("neq", u32Bytes(0))] : [compare("neq", bits)];
  return { expressions: [loadCt(key), ...comparison] };
}
