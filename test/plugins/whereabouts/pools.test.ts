// src/plugins/whereabouts/pools.ts: what ranges a configuration means, and inside which scopes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatSpan } from "../../../src/ipam/ranges.ts";
import { formatAddress, parsePrefix } from "../../../src/net/index.ts";
import type { WhereaboutsIpam } from "../../../src/plugins/whereabouts/pools.ts";
import { poolName, poolScopesOf, scopesOf } from "../../../src/plugins/whereabouts/pools.ts";
import { throws } from "../../helpers/errors.ts";

const spans = (ipam: WhereaboutsIpam): readonly string[] =>
  poolScopesOf(ipam).flatMap(({ pools }) => pools.map(({ ranges }) => ranges.map(formatSpan).join(" ")));

const given: readonly (readonly [string, WhereaboutsIpam, readonly string[]])[] = [
  ["neither the first nor the last of a prefix", { range: "10.1.0.0/24" }, ["10.1.0.1-10.1.0.254"]],
  ["the same of IPv6", { range: "fd00::/64" }, ["fd00::1-fd00::ffff:ffff:ffff:fffe"]],
  ["host bits dropped", { range: "192.168.2.225/28" }, ["192.168.2.225-192.168.2.238"]],
  ["the smallest", { range: "10.1.0.0/30" }, ["10.1.0.1-10.1.0.2"]],
  ["a span in one", { range: "10.1.0.10-10.1.0.20/16" }, ["10.1.0.10-10.1.0.20"]],
  ["a span of IPv6", { range: "fd00::10-fd00::20/64" }, ["fd00::10-fd00::20"]],
  ["a span of two keys", { range: "10.1.0.0/24", range_start: "10.1.0.10", range_end: "10.1.0.20" },
    ["10.1.0.10-10.1.0.20"]],
  ["ends that are never given", { range: "10.1.0.0/24", range_start: "10.1.0.0", range_end: "10.1.0.255" },
    ["10.1.0.1-10.1.0.254"]],
  ["a start alone", { range: "10.1.0.0/24", range_start: "10.1.0.200" }, ["10.1.0.200-10.1.0.254"]],
  ["excluded prefixes with whatever host bits", { range: "192.168.2.225/28", exclude: ["192.168.2.229/30",
    "192.168.2.236/32"] }, ["192.168.2.225-192.168.2.227 192.168.2.232-192.168.2.235 192.168.2.237-192.168.2.238"]],
  ["excluded addresses, out of order and over one another", { range: "10.1.0.0/28", exclude: ["10.1.0.5", "10.1.0.1",
    "10.1.0.4/31", "10.1.0.14", "10.9.0.0/24", "fd00::/8"] }, ["10.1.0.2-10.1.0.3 10.1.0.6-10.1.0.13"]],
  ["excluded IPv6", { range: "fd00::/124", exclude: ["fd00::2/127"] }, ["fd00::1-fd00::1 fd00::4-fd00::e"]],
  ["one address a range, the first before the others", { range: "10.1.0.0/29", ipRanges: [{ range: "fd00::/125" },
    { range: "10.2.0.0/29", exclude: ["10.2.0.1"] }] }, ["10.1.0.1-10.1.0.6", "fd00::1-fd00::6", "10.2.0.2-10.2.0.6"]],
];

const pools = suite("poolScopesOf");
for (const [title, ipam, wanted] of given) pools(`knows ${title}`, () => assert.equal(spans(ipam), wanted));

const refusals: readonly (readonly [WhereaboutsIpam, RegExp])[] = [
  [{}, /it has no range, expected ipam\.range or ipam\.ipRanges/],
  [{ range: "10.1.0.0" }, /ipam\.range: "10\.1\.0\.0" is no range/],
  [{ ipRanges: [{}] }, /ipam\.ipRanges\[0\]\.range: "" is no range/],
  [{ range: "10.1.0.0/31" }, /ipam\.range: 10\.1\.0\.0\/31 is too small, expected \/30 or shorter/],
  [{ range: "fd00::/127" }, /expected \/126 or shorter/],
  [{ range: "10.1.0.0/24", range_start: "10.2.0.1" }, /ipam\.range_start: 10\.2\.0\.1 is not in 10\.1\.0\.0\/24/],
  [{ range: "10.1.0.0/24", ipRanges: [{ range: "10.2.0.0/24", range_end: "fd00::1" }] },
    /ipam\.ipRanges\[0\]\.range_end: fd00::1 is not in 10\.2\.0\.0\/24/],
  [{ range: "10.1.0.9-10.1.0.3/24" }, /begins with 10\.1\.0\.9 behind its end 10\.1\.0\.3/],
  [{ range: "10.2.0.9-10.1.0.30/24" }, /ipam\.range: 10\.2\.0\.9 is not in 10\.1\.0\.0\/24/],
  [{ range: "10.1.0.3-10.1.0.9/24", range_end: "10.1.0.10" },
    /ipam\.range_end: it is 10\.1\.0\.10, and range says 10\.1\.0\.9/],
  [{ range: "10.1.0.0/24", range_start: "none" }, /ipam\.range_start: "none" is no address/],
  [{ range: "10.1.0.0/24", gateway: "10.1.0.0/24" }, /ipam\.gateway: "10\.1\.0\.0\/24" is no address/],
  [{ range: "10.1.0.0/24", exclude: ["10.1.0.1", "all"] }, /ipam\.exclude\[1\]: "all" is neither/],
  [{ range: "10.1.0.0/30", exclude: ["10.1.0.0/28"] }, /exclude leaves nothing/],
  [{ range: "10.1.0.0/24", ipRanges: [{ range: "10.1.0.0/16" }] }, /range set 0 overlaps with 1/],
];
for (const [ipam, words] of refusals)
  pools(`refuses ${JSON.stringify(ipam)}`, () => assert.match(throws(() => poolScopesOf(ipam), 7).message, words));

pools("keeps the gateway beside the ranges of its family", () => {
  const [scope] = poolScopesOf({ range: "10.1.0.0/24", ipRanges: [{ range: "fd00::/64" }], gateway: "10.1.0.254" });
  assert.equal(scope?.pools.map(({ ranges: [range] }) => range?.gateway && formatAddress(range.gateway)),
    ["10.1.0.254", undefined]);
});

pools("knows in which scope an address is given once", () => {
  const scopes = (ipam: WhereaboutsIpam) => poolScopesOf(ipam).map(({ scope }) => scope);
  assert.equal(scopes({ range: "10.1.0.0/24" }), ["whereabouts"]);
  assert.equal(scopes({ range: "10.1.0.0/24", network_name: "lan" }), ["lan"]);
  assert.equal(scopes({ range: "10.1.0.0/24", network_name: "lan", scope: "wide" }), ["wide"]);
  const again = { range: "10.1.0.9/24", enable_overlapping_ranges: false, ipRanges: [{ range: "fd00::/64" },
    { range: "10.1.1.1-10.1.1.9/24" }, { range: "10.1.1.20-10.1.1.29/24" }] };
  assert.equal(scopes(again), ["10.1.0.0-24", "fd00---64", "10.1.1.0-24"]);
  assert.equal(scopesOf(again), scopes(again));
  assert.equal(scopes({ ...again, network_name: "lan" })[1], "lan-fd00---64");
  assert.equal(scopesOf({ range: "nonsense", enable_overlapping_ranges: false }), [], "nothing was ever given there");
});
pools.run();

const names = suite("poolName");
names("is that of the object whereabouts keeps", () => {
  assert.is(poolName(undefined, parsePrefix("10.1.0.0/16")), "10.1.0.0-16");
  assert.is(poolName("", parsePrefix("2001:db8:1::/64")), "2001-db8-1---64");
  assert.is(poolName("lan", parsePrefix("10.1.0.0/16")), "lan-10.1.0.0-16");
});
names.run();
