import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nft } from "../../../src/netlink/index.ts";
import type { NftFamily } from "../../../src/netlink/index.ts";
import { matchRows } from "./rule-rows.ts";

const parse = suite("parseMatch");

for (const { family, text, parts } of matchRows) {
  parse(`reads ${family}: ${text}`, () => {
    const parsed = nft.rule(family, ...nft.parseMatch(text.split(" "), family));
    assert.equal(parsed, nft.rule(family, ...parts));
  });
}

parse("reads no words as no parts", () => {
  assert.equal(nft.parseMatch([], "ip"), []);
});

/** The word to blame, and what the message must say. */
const refused: readonly [family: NftFamily, text: string, token: string, says: RegExp][] = [
  ["ip", "iif eth0", "iif", /expected ip, ip6, ether/],
  ["ip", "ip saddr", "saddr", /expected a value after it/],
  ["ip", "ip saddr != ", "!=", /expected a value after it/],
  ["ip", "ip ttl 5", "ttl", /expected saddr, daddr, protocol/],
  ["ip", "ip saddr 10.0.0.256", "10.0.0.256", /expected an address/],
  ["ip", "ip saddr 10.0.0.0/33", "10.0.0.0/33", /expected an address/],
  ["ip", "ip saddr fd00::1", "fd00::1", /expected an IPv4 address/],
  ["ip", "ip saddr 10.0.0.9-10.0.0.1", "ip saddr", /ends before it starts/],
  ["ip", "ip6 saddr fd00::1", "ip6", /already known to be ip/],
  ["inet", "ip saddr 10.0.0.1 ip6 saddr fd00::1", "ip6", /already known to be ip/],
  ["inet", "tcp dport 80 udp dport 80", "udp", /already known to be tcp/],
  ["ip", "tcp dport http", "http", /number from 0 to 65535/],
  ["ip", "tcp dport 010", "010", /number from 0 to 65535/],
  ["ip", "meta mark 010", "010", /number from 0/],
  ["ip", "ip saddr 10.0.0.0/010", "10.0.0.0/010", /decimal prefix length/],
  ["ip", "iifname br\\*", "br\\*", /without a backslash/],
  ["ip", "tcp dport 65536", "65536", /number from 0 to 65535/],
  ["ip", "tcp dport { 80, }", "}", /expected a value/],
  ["ip", "tcp dport { 80", "{", /"," or "}"/],
  ["ip", "tcp dport < 80", "<", /expected a value/],
  ["ip", "tcp flags syn", "flags", /expected sport, dport/],
  ["ip", "meta mark one", "one", /number from 0/],
  ["ip", "meta skuid 0", "skuid", /expected iifname/],
  ["ip", "ct state established,old", "old", /expected invalid, established/],
  ["ip", "ct state != established,related", "established,related", /one word after "!="/],
  ["ip", "fib mark type local", "mark", /expected saddr, daddr/],
  ["bridge", "ether saddr 02:00", "02:00", /expected an address/],
  ["ip", "iifname \"eth0", "\"", /expected a value/],
  ["ip", "iifname sixteen-letters-", "sixteen-letters-", /1 to 15 bytes/],
  ["ip", "accept", "accept", /expected ip, ip6/],
  ["ip", "-p tcp", "-p", /expected ip, ip6/],
];

for (const [family, text, token, says] of refused) {
  parse(`refuses ${family}: ${text}`, () => {
    assert.throws(() => nft.parseMatch(text.split(" "), family), (error: Error) => {
      assert.instance(error, nft.NftExpressionError);
      assert.is((error as InstanceType<typeof nft.NftExpressionError>).token, token); // its class was just asserted
      assert.match(error.message, says);
      return true;
    });
  });
}

parse.run();
