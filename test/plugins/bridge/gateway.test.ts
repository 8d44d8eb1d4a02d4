import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { IpConfig, Route } from "../../../src/cni/index.ts";
import { code } from "../../../src/cni/index.ts";
import { formatPrefix, parsePrefix } from "../../../src/net/index.ts";
import {
  conflictsWith, gatewayPrefixes, vlanGatewayName, withDefaultRoutes, withGateways,
} from "../../../src/plugins/bridge/gateway.ts";
import { throws } from "../../helpers/errors.ts";

const gateways = suite("withGateways");

const given: readonly (readonly [string, IpConfig, string])[] = [
  ["the first address of the network", { address: "10.1.2.99/24" }, "10.1.2.1"],
  ["the one IPAM chose", { address: "10.1.2.99/24", gateway: "10.1.2.254" }, "10.1.2.254"],
  ["the first IPv6 address", { address: "2001:db8::99/64" }, "2001:db8::1"],
  ["one inside a /30", { address: "192.0.2.6/30" }, "192.0.2.5"],
];
for (const [name, ip, gateway] of given) gateways(`gives ${name}`,
  () => assert.equal(withGateways([ip], true), [{ ...ip, gateway }]));
gateways("leaves addresses alone without isGateway", () => assert.equal(withGateways([{ address: "10.1.2.99/24" }],
  false), [{ address: "10.1.2.99/24" }]));
gateways.run();

const defaults = suite("withDefaultRoutes");

const v4: IpConfig = { address: "10.1.2.3/24", gateway: "10.1.2.1" };
const v6: IpConfig = { address: "2001:db8::3/64", gateway: "2001:db8::1" };
const routed: readonly (readonly [string, readonly Route[], readonly IpConfig[], readonly Route[]])[] = [
  ["one for each family", [], [v4, v6], [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }, { dst: "::/0", gw: "2001:db8::1" }]],
  ["only one for several addresses of a family", [], [v6, { ...v6, gateway: "2001:db8::2" }],
    [{ dst: "::/0", gw: "2001:db8::1" }]],
  ["none beside one with a gateway", [{ dst: "0.0.0.0/0", gw: "10.1.2.7" }], [v4],
    [{ dst: "0.0.0.0/0", gw: "10.1.2.7" }]],
  ["none beside one without a gateway", [{ dst: "0.0.0.0/0" }], [v4], [{ dst: "0.0.0.0/0" }]],
  ["one beside a default route of another table", [{ dst: "0.0.0.0/0", table: 100 }], [v4],
    [{ dst: "0.0.0.0/0", table: 100 }, { dst: "0.0.0.0/0", gw: "10.1.2.1" }]],
  ["one beside other routes", [{ dst: "10.9.0.0/16" }], [v4],
    [{ dst: "10.9.0.0/16" }, { dst: "0.0.0.0/0", gw: "10.1.2.1" }]],
];
for (const [name, routes, ips, expected] of routed) defaults(`adds ${name}`,
  () => assert.equal(withDefaultRoutes(routes, ips), expected));
defaults.run();

const prefixes = suite("gatewayPrefixes");
prefixes("gives each gateway the length of its network, IPv4 first, each once", () => {
  assert.equal(gatewayPrefixes([v6, v4, { ...v4, address: "10.1.2.4/24" },
    { address: "10.5.0.1/16" }]).map(formatPrefix), ["10.1.2.1/24", "2001:db8::1/64"]);
});
prefixes.run();

const conflicts = suite("conflictsWith");

const pairs: readonly (readonly [string, string, boolean])[] = [
  ["10.0.0.1/8", "10.1.2.3/16", true],
  ["10.0.0.1/8", "192.168.0.1/24", true],
  ["10.0.0.1/8", "10.0.0.1/8", false],
  ["10.0.0.1/8", "10.0.0.1/16", true],
  ["10.0.0.1/8", "2001:db8::1/64", false],
  ["2001:db8:1::1/48", "2001:db8:1:2::1/64", true],
  ["2001:db8:1:2::1/64", "2001:db8:1::1/48", true],
  ["2001:db8:1::1/64", "2001:db8:2::1/64", false],
];
for (const [present, wanted, expected] of pairs) {
  conflicts(`${present} ${expected ? "excludes" : "allows"} ${wanted}`,
    () => assert.is(conflictsWith([parsePrefix(present)], parsePrefix(wanted)).length, expected ? 1 : 0));
}
conflicts.run();

const name = suite("vlanGatewayName");
name("is the bridge's name and the id", () => assert.is(vlanGatewayName({ bridge: "br0", vlan: 100 }), "br0.100"));
name("refuses one the kernel could not hold", () => {
  assert.match(throws(() => vlanGatewayName({ bridge: "abcdefghijkl", vlan: 1000 }), code.invalidConfig).message,
    /"abcdefghijkl\.1000"/);
});
name.run();
