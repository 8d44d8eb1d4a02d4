import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Dns } from "../../../src/cni/index.ts";
import { configuredOrLeasedDns } from "../../../src/plugins/interface/dns.ts";

const dns = suite("configuredOrLeasedDns");

const leased: Dns = { nameservers: ["192.0.2.53"] };
const rows: readonly (readonly [string, Dns | undefined, Dns])[] = [
  ["IPAM's when none is configured", undefined, leased],
  ["IPAM's when the configured one says nothing", {}, leased],
  ["IPAM's beside an empty domain", { domain: "" }, leased],
  ["the configured one for its domain", { domain: "example.org" }, { domain: "example.org" }],
  ["the configured one for an empty list", { nameservers: [] }, { nameservers: [] }],
  ["the configured one for its search list", { search: ["a"] }, { search: ["a"] }],
  ["the configured one for its options", { options: ["ndots:2"] }, { options: ["ndots:2"] }],
];
for (const [name, configured, expected] of rows) dns(`is ${name}`,
  () => assert.equal(configuredOrLeasedDns(configured, leased), expected));
dns.run();
