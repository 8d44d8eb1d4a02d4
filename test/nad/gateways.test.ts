import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result, Route } from "../../src/cni/index.ts";
import { allVersions, code, parseResult, toWireResult } from "../../src/cni/index.ts";
import { isDefaultRoute, planGateways, withGateways } from "../../src/nad/index.ts";
import { throws } from "../helpers/errors.ts";

const none = { stripV4: false, stripV6: false, gateways: [] };

const plans = suite("planGateways");

for (const [title, requested, expected] of [
  ["touches nothing when nobody asks", [undefined, undefined], undefined],
  ["touches nothing without networks", [], undefined],
  ["strips everything for an empty list", [undefined, []], [{ ...none, stripV4: true, stripV6: true },
    { ...none, stripV4: true, stripV6: true }]],
  ["strips both families of a network that does not ask", [undefined, ["10.0.0.1", "2001:db8::1"]], [
    { ...none, stripV4: true, stripV6: true }, { stripV4: false, stripV6: false,
      gateways: ["10.0.0.1", "2001:db8::1"] }]],
  ["moves IPv4 alone for an IPv4 gateway", [undefined, ["10.0.0.1"]],
    [{ ...none, stripV4: true }, { ...none, gateways: ["10.0.0.1"] }]],
  ["moves IPv6 alone for an IPv6 gateway", [undefined, ["2001:db8::1"]],
    [{ ...none, stripV6: true }, { ...none, gateways: ["2001:db8::1"] }]],
  ["lets an empty list strip what another one moves", [[], ["10.0.0.1"]],
    [{ ...none, stripV4: true }, { ...none, gateways: ["10.0.0.1"] }]],
  ["takes one of each family on two networks", [["10.0.0.1"], ["2001:DB8::1"]], [
    { stripV4: false, stripV6: true, gateways: ["10.0.0.1"] },
      { stripV4: true, stripV6: false, gateways: ["2001:db8::1"] }]],
] as const) {
  plans(title, () => assert.equal(planGateways(requested, requested.map((_, index) => `net${index}`)), expected));
}

for (const [title, requested] of [
  ["two networks with an IPv4 gateway", [["10.0.0.1"], ["10.0.1.1"]]],
  ["two networks with an IPv6 gateway", [["2001:db8::1"], undefined, ["2001:db8::2"]]],
  ["two gateways of a family on one network", [["10.0.0.1", "10.0.1.1"]]],
] as const) {
  plans(`refuses ${title}, and names them`, () => {
    const { message } = throws(() => planGateways(requested, ["a/x", "a/y", "a/z"]), code.invalidConfig);
    for (const text of requested.flatMap((texts) => texts ?? [])) assert.ok(message.includes(`${text} for "a/`),
      message);
  });
}

plans.run();

const v4 = { dst: "0.0.0.0/0", gw: "10.1.0.1" }, v6 = { dst: "::/0", gw: "2001:db8::1" };
const specific = [{ dst: "10.9.0.0/16", gw: "10.1.0.9" }, { dst: "2001:db8:9::/48" }];
const stripV4 = { ...none, stripV4: true }, stripV6 = { ...none, stripV6: true };
const stripBoth = { ...none, stripV4: true, stripV6: true };

function result(routes: readonly Route[]): Result {
  return { interfaces: [{ name: "net1", sandbox: "/ns" }], ips: [{ address: "10.1.0.2/16", interface: 0,
    gateway: "10.1.0.1" }, { address: "2001:db8::2/64", interface: 0 }], routes, dns: {} };
}

const outcome = suite("withGateways");

for (const [title, routes, plan, expected] of [
  ["takes the IPv4 default away and nothing else", [v4, v6, ...specific], stripV4, [v6, ...specific]],
  ["takes the IPv6 default away and nothing else", [v4, v6, ...specific], stripV6, [v4, ...specific]],
  ["takes both away", [v4, v6, ...specific], stripBoth, specific],
  ["takes every one of several away", [v4, v4, { dst: "0.0.0.0/0" }, v6, v6], stripBoth, []],
  ["knows a default route by its value, not its spelling", [{ dst: "::0/0", gw: "2001:db8::1" }], stripV6, []],
  ["leaves half of all addresses alone", [{ dst: "0.0.0.0/1" }, { dst: "::/3" }], stripBoth,
    [{ dst: "0.0.0.0/1" }, { dst: "::/3" }]],
  ["leaves a table of its own alone", [{ ...v4, table: 100 }, { ...v4, table: 254 }], stripV4, [{ ...v4, table: 100 }]],
  ["adds to a result without routes", [], { ...stripV6, gateways: ["10.1.0.7"] },
    [{ dst: "0.0.0.0/0", gw: "10.1.0.7" }]],
  ["adds both families beside other routes", specific, { ...none, gateways: ["10.1.0.7", "2001:db8::7"] },
    [...specific, { dst: "0.0.0.0/0", gw: "10.1.0.7" }, { dst: "::/0", gw: "2001:db8::7" }]],
  ["replaces the default route of the gateway's family", [v4, v6], { ...none, gateways: ["10.1.0.7"] },
    [v6, { dst: "0.0.0.0/0", gw: "10.1.0.7" }]],
  ["leaves everything to a plan that wants nothing", [v4, v6, ...specific], none, [v4, v6, ...specific]],
] as const) {
  outcome(title, () => assert.equal(withGateways(result(routes), plan), result(expected)));
}

// Results as files of every version hold them: routes go away and come back in the version's own shape.
for (const version of allVersions) {
  outcome(`comes out right in the shape of ${version}`, () => {
    const read = (routes: readonly Route[]): Result => parseResult(toWireResult(result(routes), version), version);
    const again = (value: Result): Result => parseResult(toWireResult(value, version), version);
    assert.equal(again(withGateways(read([v4, v6, ...specific]), stripV4)), read([v6, ...specific]));
    assert.equal(again(withGateways(read([v4]), { ...stripV6, gateways: ["10.1.0.7"] })),
      read([{ dst: "0.0.0.0/0", gw: "10.1.0.7" }]));
    assert.equal(again(withGateways(withGateways(read([v4, v6]), stripBoth),
      { ...none, gateways: ["10.1.0.1", "2001:db8::1"] })), read([v4, v6]));
  });
}

outcome("has no version 0.9.0 to come from", () => void throws(() => parseResult({ cniVersion: "0.9.0" }, "1.0.0"),
  code.incompatibleVersion));

outcome.run();

const defaults = suite("isDefaultRoute");

for (const [route, expected] of [
  [{ dst: "0.0.0.0/0" }, true], [{ dst: "::/0", table: 0 }, true], [{ dst: "0.0.0.0/8" }, false],
    [{ dst: "10.0.0.0/8" }, false], [{ dst: "::/0", table: 7 }, false],
] as const) {
  defaults(`says ${expected} of ${JSON.stringify(route)}`, () => assert.is(isDefaultRoute(route), expected));
}

defaults.run();
