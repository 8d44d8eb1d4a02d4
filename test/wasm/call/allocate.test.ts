// src/wasm/call/allocate.ts: what an IPAM module may not answer.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Span } from "../../../src/net/index.ts";
import { AddressList, formatAddress, parseAddress, takenView } from "../../../src/net/index.ts";
import { checkAllocation } from "../../../src/wasm/call/allocate.ts";
import type { AllocateRequest, OfferedRange } from "../../../src/ipam/index.ts";
import { throws } from "../../helpers/errors.ts";

function range(set: number, first: string, last: string, subnet: string, taken: readonly string[]): OfferedRange {
  const span: Span = { first: parseAddress(first), last: parseAddress(last) };
  const list = new AddressList(1);
  for (const text of taken) list.addAddress(parseAddress(text));
  return { set, ...span, gateway: span.first, prefixBits: Number(subnet.split("/")[1]), subnet,
    view: takenView(span, list) };
}

const request: AllocateRequest = {
  attempt: 0,
  attachment: { containerId: "c", ifName: "eth0", network: "blue", mac: null },
  config: {},
  requested: [],
  mine: [],
  ranges: [
    range(0, "10.0.0.1", "10.0.0.9", "10.0.0.0/24", ["10.0.0.1", "10.0.0.4"]),
    range(0, "10.0.0.20", "10.0.0.29", "10.0.0.0/24", []),
    range(1, "2001:db8::1", "2001:db8::ff", "2001:db8::/64", ["2001:db8::1"]),
  ],
};
const both = [{ range: 0, address: "10.0.0.2" }, { range: 2, address: "2001:db8::2" }];

const rows: readonly (readonly [string, unknown, number, RegExp])[] = [
  ["a taken address", { ips: [{ range: 0, address: "10.0.0.4" }, both[1]] }, 146, /10.0.0.4 is taken/],
  ["the gateway", { ips: [{ range: 0, address: "10.0.0.1" }, both[1]] }, 146, /gateway/],
  ["an address of the other range", { ips: [{ range: 0, address: "10.0.0.20" }, both[1]] }, 146, /outside/],
  ["an address of the other family", { ips: [{ range: 0, address: "2001:db8::2" }, both[1]] }, 146, /outside/],
  ["an address that is not canonical", { ips: [both[0], { range: 2, address: "2001:DB8:0::2" }] }, 146, /canonical/],
  ["one set twice", { ips: [both[0], { range: 1, address: "10.0.0.21" }, both[1]] }, 146, /range sets/],
  ["one set less", { ips: [both[0]] }, 146, /range sets \[0\], expected each of \[0, 1\]/],
  ["nothing", {}, 146, /range sets/],
  ["a range there is not", { ips: [{ range: 3, address: "10.0.0.2" }] }, 145, /range is 3/],
  ["a range by half", { ips: [{ range: 0.5, address: "10.0.0.2" }] }, 145, /range is 0.5/],
  ["something that is no address", { ips: [{ range: 0, address: "ten" }] }, 145, /expected an IP address/],
  ["a typo", { ips: both, route: [] }, 145, /unknown key "route"/],
  ["65 addresses", { ips: new Array(65).fill(both[0]) }, 145, /65 entries/],
  ["a route to nowhere", { ips: both, routes: [{ dst: "nowhere" }] }, 146, /dst/],
  ["a name server that is a number", { ips: both, dns: { nameservers: [1] } }, 145, /nameservers/],
];

const check = suite("checkAllocation");
check("accepts one free address of each set", () => {
  const decision = checkAllocation("test", { ips: both, log: [] }, request);
  assert.equal(decision.ips.map(({ range: index, address }) => ({ range: index,
    address: formatAddress(address) })), both);
});
for (const [title, answer, code, message] of rows) {
  check(`refuses ${title}`, () => {
    // The rows are objects
    assert.match(throws(() => checkAllocation("test", answer as Record<string, unknown>, request), code).message,
      message);
  });
}
check("refuses an answer without a requested address", () => {
  assert.match(throws(() => checkAllocation("test", { ips: both }, { ...request, requested: ["10.0.0.3"] }),
    146).message, /10.0.0.3/);
});
check.run();
