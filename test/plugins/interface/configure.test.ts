import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Route } from "../../../src/cni/index.ts";
import { formatAddress, formatPrefix, parseAddress } from "../../../src/net/index.ts";
import { firstGateways, kernelRoute } from "../../../src/plugins/interface/configure.ts";

const gateways = suite("firstGateways");
gateways("is the first of each family", () => {
  const found = firstGateways([
    { address: "10.9.0.2/24" }, { address: "10.8.0.2/24", gateway: "" },
    { address: "10.0.0.2/24", gateway: "10.0.0.1" }, { address: "10.0.1.2/24", gateway: "10.0.1.1" },
    { address: "2001:db8::2/64", gateway: "2001:db8::1" },
  ]);
  assert.is(found.ipv4 && formatAddress(found.ipv4), "10.0.0.1");
  assert.is(found.ipv6 && formatAddress(found.ipv6), "2001:db8::1");
});
gateways.run();

const routes = suite("kernelRoute");

const known = { ipv4: parseAddress("10.0.0.1"), ipv6: parseAddress("2001:db8::1") };
const rows: readonly (readonly [string, Route, object])[] = [
  ["its own gateway", { dst: "10.9.0.0/16", gw: "10.0.0.7" }, { gateway: "10.0.0.7", scope: 0 }],
  ["the first gateway of its family", { dst: "::/0" }, { gateway: "2001:db8::1", scope: 0 }],
  ["scope, table, metric and metrics", { dst: "10.9.0.0/16", gw: "10.0.0.7", scope: 253, table: 0, priority: 5,
    mtu: 1400, advmss: 1300 },
    { gateway: "10.0.0.7", scope: 253, table: 0, metric: 5, mtu: 1400, advmss: 1300 }],
  ["no gateway that is nobody's, where its scope is the link's", { dst: "169.254.1.1/32", scope: 253 },
    { gateway: undefined, scope: 253 }],
  ["no metric of 0", { dst: "10.9.0.0/16", gw: "10.0.0.7", priority: 0, mtu: 0, advmss: 0 },
    { gateway: "10.0.0.7", scope: 0 }],
];
for (const [name, route, expected] of rows) {
  routes(`has ${name}`, () => {
    const { dst, index, gateway, ...rest } = kernelRoute(route, known, 4);
    assert.is(formatPrefix(dst), route.dst);
    assert.is(index, 4);
    assert.equal({ ...rest, gateway: gateway && formatAddress(gateway) }, expected);
  });
}
routes("has no gateway where the family has none", () => assert.is("gateway" in kernelRoute({ dst: "10.9.0.0/16" }, {},
  4), false));
routes.run();
