import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseAddress as a, parsePrefix as net } from "../../../src/net/index.ts";
import { nft } from "../../../src/netlink/index.ts";
import type { Expression, NftFamily } from "../../../src/netlink/index.ts";

/** The instructions in short: what is loaded from where, and what it is compared with. */
function short(expressions: readonly Expression[]): string {
  return expressions.map((expression) => {
    switch (expression.name) {
      case "meta": return `meta ${expression.data.key}`;
      case "payload": return `payload ${expression.data.base}:${expression.data.offset}+${expression.data.len}`;
      case "cmp": return `cmp ${hex(expression.data.data.value)}`;
      default: return expression.name;
    }
  }).join(", ");
}

function hex(bytes: Uint8Array = new Uint8Array()): string {
  return Buffer.from(bytes).toString("hex");
}

const rule = suite("rule");

const guards: readonly [family: NftFamily, expected: string][] = [
  ["ip", "payload 1:12+4, cmp 0a000001, meta 16, cmp 06, payload 2:2+2, cmp 0050"],
  ["inet", "meta 15, cmp 02, payload 1:12+4, cmp 0a000001, meta 16, cmp 06, payload 2:2+2, cmp 0050"],
  ["bridge", "meta 1, cmp 0800, payload 1:12+4, cmp 0a000001, meta 16, cmp 06, payload 2:2+2, cmp 0050"],
];
for (const [family, expected] of guards) {
  rule(`in family ${family} makes sure of the headers it reads`, () => {
    assert.is(short(nft.rule(family, nft.saddr("==", a("10.0.0.1")), nft.dport("tcp", "==", 80))), expected);
  });
}

rule("makes sure of a header once", () => {
  const twice = nft.rule("inet", nft.saddr("==", net("10.0.0.0/8")), nft.daddr("==", net("10.0.0.0/16")));
  assert.is(short(twice), "meta 15, cmp 02, payload 1:12+1, cmp 0a, payload 1:16+2, cmp 0a00");
});

rule("does not take a condition for certain when it excludes", () => {
  const excluding = nft.rule("inet", nft.l4proto("!=", 6), nft.dport("udp", "==", 53));
  assert.is(short(excluding), "meta 16, cmp 06, meta 16, cmp 11, payload 2:2+2, cmp 0035");
});

rule("without parts is empty", () => assert.equal(nft.rule("ip"), []));

const refused: readonly [title: string, make: () => unknown, token: string][] = [
  ["an IPv6 address in family ip", () => nft.rule("ip", nft.saddr("==", a("fd00::1"))), "ip6"],
  ["two transport protocols", () => nft.rule("ip", nft.dport("tcp", "==", 1), nft.dport("sctp", "==", 1)), "sctp"],
  ["a port above 65535", () => nft.dport("tcp", "==", 65536), "65536"],
  ["a port above 65535 to send to", () => nft.dnat(a("10.0.0.1"), 65536), "65536"],
  ["a set of both families", () => nft.saddr("==", a("10.0.0.1"), a("fd00::1")), "saddr"],
  ["a range across families", () => nft.saddr("==", { from: a("10.0.0.1"), to: a("fd00::1") }), "saddr"],
  ["a range that ends before it starts", () => nft.dport("tcp", "==", { from: 2, to: 1 }), "dport"],
  ["no operand", () => nft.iifname("=="), "iifname"],
  ["more elements than a message should hold", () => nft.dport("tcp", "==",
    ...Array.from({ length: 1001 }, (_, i) => i)), "dport"],
  ["an empty interface name", () => nft.iifname("==", ""), ""],
  ["a lone *", () => nft.iifname("==", "*"), "*"],
];
for (const [title, make, token] of refused) {
  rule(`refuses ${title}`, () => {
    assert.throws(make, (error: Error) => error instanceof nft.NftExpressionError && error.token === token);
  });
}

rule.run();
