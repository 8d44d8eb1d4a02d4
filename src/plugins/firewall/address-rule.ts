/** What a rule of a listed chain does with one address: iptables' rules, read without its tool. */
import type { WholeNftRule } from "../../kernel/index.ts";
import type { Address } from "../../net/index.ts";

/**
 * "ours" is a rule that lets everything from the address pass, or to it what belongs to a known connection, and asks
 * nothing else. "another's" is any other that compares something with it.
 */
type AddressRule = "ours" | "another's" | undefined;

/**
 * Tells of a rule what it does with those of the addresses that it compares something with; it is read once, however
 * many those are.
 */
export function addressRuleReader(
  addresses: readonly Address[],
): (rule: WholeNftRule) => readonly NonNullable<AddressRule>[] {
  const byBytes = new Map(addresses.map((address) => [address.bytes.join(), address]));
  return (rule) => {
    const compared = rule.expressions.flatMap((one) => byBytes.get(comparedBytes(one)?.join() ?? "") ?? []);
    return [...new Set(compared)].flatMap((address) => addressRule(rule, address) ?? []);
  };
}

/** The rule as far as the address is concerned. */
function addressRule({ expressions }: WholeNftRule, address: Address): AddressRule {
  const steps = expressions.flatMap((one) => stepOf(one, address));
  if (!steps.some((step) => step.endsWith("= address"))) return undefined;
  return shapes.has(steps.join(", ")) ? "ours" : "another's";
}

/** `-s ADDRESS -j ACCEPT`, and `-d ADDRESS -m conntrack ... -j ACCEPT`, by their expressions. */
const shapes: ReadonlySet<string> = new Set([
  "saddr, = address, accept", "daddr, = address, match conntrack, accept",
]);

type Expression = WholeNftRule["expressions"][number];

/** One word for what an expression does; what counts only is none. */
function stepOf({ name = "", data }: Expression, { family, bytes }: Address): readonly string[] {
  if (name === "counter") return [];
  // An expression without a table of its own.
  if (data === undefined || data instanceof Uint8Array) return [name];
  if (name === "payload" && "offset" in data) return [fieldAt(family, data) ?? `payload ${data.offset}`];
  if (name === "cmp" && "sreg" in data && "data" in data) {
    const isAddress = data.op === NFT_CMP_EQ && same(data.data?.value, bytes);
    return [isAddress ? "= address" : same(data.data?.value, bytes) ? "other = address" : "cmp"];
  }
  if (name === "immediate" && "data" in data && data.data?.verdict?.code === NF_ACCEPT) return ["accept"];
  if (name === "match" && "name" in data) return [`match ${data.name ?? ""}`];
  return [name];
}

function comparedBytes({ name, data }: Expression): Uint8Array | undefined {
  if (name !== "cmp" || data === undefined || data instanceof Uint8Array) return undefined;
  return "sreg" in data && "data" in data ? data.data?.value : undefined;
}

/** linux/netfilter.h NF_ACCEPT; linux/netfilter/nf_tables.h NFT_CMP_EQ, NFT_PAYLOAD_NETWORK_HEADER. */
const NF_ACCEPT = 1, NFT_CMP_EQ = 0, NFT_PAYLOAD_NETWORK_HEADER = 1;

/** Offsets in struct iphdr (linux/ip.h) and struct ipv6hdr (linux/ipv6.h). */
const offsets = { 4: { 12: "saddr", 16: "daddr" }, 6: { 8: "saddr", 24: "daddr" } } as const;

function fieldAt(
  family: 4 | 6,
  { base, offset, len }: Partial<Record<"base" | "offset" | "len", number | undefined>>,
): string | undefined {
  if (base !== NFT_PAYLOAD_NETWORK_HEADER || len !== (family === 4 ? 4 : 16) || offset === undefined) return undefined;
  const known: Readonly<Record<number, string>> = offsets[family];
  return known[offset];
}

function same(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one?.length === other.length && one.every((byte, index) => byte === other[index]);
}
