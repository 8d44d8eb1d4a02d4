// src/ipam/ranges.ts: defaults, and what is refused.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatAddress, formatPrefix } from "../../src/net/index.ts";
import type { RangeConf } from "../../src/ipam/index.ts";
import { normaliseRangeSets } from "../../src/ipam/index.ts";
import { throws } from "../helpers/errors.ts";

const texts = (conf: RangeConf) => normaliseRangeSets([[conf]],
  "1.1.0").flat().map(({ subnet, first, last, gateway }) =>
  `${formatPrefix(subnet)} ${formatAddress(first)}-${formatAddress(last)} via ${formatAddress(gateway)}`)[0];

const ranges = suite("normaliseRangeSets");

const defaults: readonly (readonly [RangeConf, string])[] = [
  [{ subnet: "192.0.2.0/24" }, "192.0.2.0/24 192.0.2.1-192.0.2.254 via 192.0.2.1"],
  [{ subnet: "192.0.2.0/25" }, "192.0.2.0/25 192.0.2.1-192.0.2.126 via 192.0.2.1"],
  [{ subnet: "192.0.2.0/30" }, "192.0.2.0/30 192.0.2.1-192.0.2.2 via 192.0.2.1"],
  [{ subnet: "2001:DB8:1::/64" }, "2001:db8:1::/64 2001:db8:1::1-2001:db8:1:0:ffff:ffff:ffff:ffff via 2001:db8:1::1"],
  [{ subnet: "2001:db8:1::/126" }, "2001:db8:1::/126 2001:db8:1::1-2001:db8:1::3 via 2001:db8:1::1"],
  [{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.40", rangeEnd: "192.0.2.50", gateway: "192.0.2.254" },
    "192.0.2.0/24 192.0.2.40-192.0.2.50 via 192.0.2.254"],
  [{ subnet: "192.0.2.0/24", gateway: "198.51.100.1" }, "192.0.2.0/24 192.0.2.1-192.0.2.254 via 198.51.100.1"],
  [{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.0", rangeEnd: "192.0.2.255" },
    "192.0.2.0/24 192.0.2.0-192.0.2.255 via 192.0.2.1"],
  [{ subnet: "192.0.2.0/24", rangeStart: "192.0.2.9", rangeEnd: "192.0.2.9" },
    "192.0.2.0/24 192.0.2.9-192.0.2.9 via 192.0.2.1"],
  [{ subnet: "0.0.0.0/0" }, "0.0.0.0/0 0.0.0.1-255.255.255.254 via 0.0.0.1"],
  [{ subnet: "192.0.2.0/24", rangeStart: "", rangeEnd: "", gateway: "" },
    "192.0.2.0/24 192.0.2.1-192.0.2.254 via 192.0.2.1"],
];
for (const [conf, expected] of defaults) ranges(`makes ${expected}`, () => assert.is(texts(conf), expected));

const refused: readonly (readonly [string, RangeConf, RegExp])[] = [
  ["no subnet", {}, /subnet is missing/],
  ["a subnet without a length", { subnet: "192.0.2.0" }, /expected a prefix/],
  ["a /31", { subnet: "192.0.2.0/31" }, /too small, expected \/30/],
  ["a /127", { subnet: "2001:db8::/127" }, /too small, expected \/126/],
  ["host bits", { subnet: "192.0.2.12/24" }, /host bits set, expected 192\.0\.2\.0\/24/],
  ["host bits of a /23", { subnet: "192.0.3.0/23" }, /expected 192\.0\.2\.0\/23/],
  ["host bits of IPv6", { subnet: "2001:db8:1::1/64" }, /expected 2001:db8:1::\/64/],
  ["host bits of a /63", { subnet: "2001:db8:0:1::/63" }, /expected 2001:db8::\/63/],
  ["a start before the subnet", { subnet: "192.0.2.0/24", rangeStart: "192.0.1.255" },
    /rangeStart 192\.0\.1\.255 is not in network 192\.0\.2\.0\/24/],
  ["a start behind the subnet", { subnet: "192.0.2.0/24", rangeStart: "192.0.3.0" }, /rangeStart/],
  ["an end behind the subnet", { subnet: "192.0.2.0/24", rangeEnd: "192.0.3.0" }, /rangeEnd 192\.0\.3\.0/],
  ["a start of the other family", { subnet: "192.0.2.0/24", rangeStart: "2001:db8::1" }, /rangeStart/],
  ["a start behind the end", { subnet: "192.0.2.0/24", rangeStart: "192.0.2.50", rangeEnd: "192.0.2.40" },
    /rangeStart 192\.0\.2\.50 is not in network/],
  ["a gateway that is no address", { subnet: "192.0.2.0/24", gateway: "one" }, /gateway is "one"/],
];
for (const [title, conf, message] of refused) {
  ranges(`refuses ${title}`, () => assert.match(throws(() => texts(conf), 7).message, message));
}

const spans = (a: string, b: string, subnet = "192.0.2.0/24"): RangeConf => ({ subnet, rangeStart: a, rangeEnd: b });
const overlaps: readonly (readonly [string, readonly RangeConf[], boolean])[] = [
  ["two networks", [{ subnet: "192.0.2.0/24" }, { subnet: "198.51.100.0/24" }], false],
  ["the same network", [{ subnet: "192.0.2.0/24" }, { subnet: "192.0.2.0/24" }], true],
  ["one inside the other", [{ subnet: "192.0.2.0/24" }, { subnet: "192.0.2.128/25" }], true],
  ["apart in one network", [spans("192.0.2.10", "192.0.2.20"), spans("192.0.2.21", "192.0.2.30")], false],
  ["touching in one network", [spans("192.0.2.10", "192.0.2.20"), spans("192.0.2.20", "192.0.2.30")], true],
];
for (const [title, pair, overlap] of overlaps) {
  ranges(`${overlap ? "refuses" : "accepts"} ranges: ${title}`, () => {
    const inSet = () => normaliseRangeSets([pair], "1.1.0");
    const between = () => normaliseRangeSets(pair.map((conf) => [conf]), "1.1.0");
    if (!overlap) return void [inSet(), between()];
    assert.match(throws(inSet, 7).message, /ranges\[0\].*overlap/);
    assert.match(throws(between, 7).message, /range set 0 overlaps with 1/);
  });
}

const thirds = (count: number) => Array.from({ length: count }, (_, i) => ({ subnet: `10.${i >> 8}.${i & 255}.0/24` }));

ranges("accepts ten thousand ranges and more, and finds the two that overlap", () => {
  const many = thirds(16_384);
  assert.is(normaliseRangeSets([many], "1.1.0")[0]?.length, 16_384);
  const [first, ...others] = many;
  assert.is(normaliseRangeSets([others, first === undefined ? [] : [first]], "1.1.0").length, 2);
  const again = [...many, { subnet: "10.30.0.0/20" }];
  assert.match(throws(() => normaliseRangeSets([again], "1.1.0"), 7).message,
    /10\.30\.0\.1-10\.30\.\d+\.254 and 10\.30\.\d+\.1-10\.30\.\d+\.254 overlap/);
  assert.match(throws(() => normaliseRangeSets([many, [{ subnet: "10.63.255.0/25" }]], "1.1.0"), 7).message,
    /range set 0 overlaps with 1/);
});

ranges("accepts both families in sets of their own, not in one set", () => {
  const pair = [{ subnet: "192.0.2.0/24" }, { subnet: "2001:db8::/64" }];
  assert.is(normaliseRangeSets(pair.map((conf) => [conf]), "1.1.0").length, 2);
  assert.match(throws(() => normaliseRangeSets([pair], "1.1.0"), 7).message, /another family/);
});

ranges("accepts one set a family below cniVersion 0.3.0", () => {
  const four = [{ subnet: "192.0.2.0/24" }];
  const six = [{ subnet: "2001:db8::/64" }];
  assert.is(normaliseRangeSets([four, six], "0.2.0").length, 2);
  assert.match(throws(() => normaliseRangeSets([four, [{ subnet: "198.51.100.0/24" }]], "0.2.0"), 7).message,
    /2 sets of IPv4/);
});

ranges.run();
