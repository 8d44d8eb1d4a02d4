import * as assert from "uvu/assert";
import { openOwnNamespace, type KernelRoute, type Namespace } from "../../src/kernel/index.ts";
import { formatAddress, parseAddress, parsePrefix } from "../../src/net/index.ts";
import { throws } from "../helpers/errors.ts";
import { ipJson, kernelSuite, run } from "../helpers/netns.ts";

function shown({ dst, gateway }: KernelRoute): string {
  return `${formatAddress(dst.address)}/${dst.prefixBits}${gateway === undefined ? "" : ` via ${formatAddress(gateway)}`}`;
}

let host: Namespace;
let index = 0;

const routes = kernelSuite("routes", import.meta.url, { needs: ["ipv6"] });
routes.before(() => {
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  run("ip", "addr", "add", "10.1.0.1/16", "dev", "v0");
  run("ip", "addr", "add", "2001:db8::1/64", "dev", "v0", "nodad");
  run("ip", "addr", "add", "10.2.0.1/16", "dev", "v1");
  for (const name of ["v0", "v1"]) run("ip", "link", "set", name, "up");
  host = openOwnNamespace();
  ({ index } = host.links.get("v0"));
});

const added = (family: 4 | 6, table = "main") => ipJson(`-${family} route show table ${table}`).filter((route) => route.protocol === "boot");

routes.after.each(() => {
  for (const family of ["-4", "-6"]) run("ip", family, "route", "flush", "table", "all", "proto", "boot");
});

const dst = parsePrefix;
const address = parseAddress;

routes("add makes an IPv4 route of link scope, or global through a gateway", () => {
  host.routes.add({ dst: dst("10.50.0.0/16"), index });
  host.routes.add({ dst: dst("0.0.0.0/0"), gateway: address("10.1.0.254"), index, metric: 50, source: address("10.1.0.1"), mtu: 1300, advmss: 1200 });
  const [byGateway, byLink] = added(4);
  assert.equal([byLink.dst, byLink.dev, byLink.scope], ["10.50.0.0/16", "v0", "link"]);
  assert.equal(
    [byGateway.dst, byGateway.gateway, byGateway.dev, byGateway.scope, byGateway.metric, byGateway.prefsrc],
    ["default", "10.1.0.254", "v0", "global", 50, "10.1.0.1"],
  );
  assert.equal(byGateway.metrics, [{ mtu: 1300, advmss: 1200 }]);
});

routes("add makes an IPv6 route", () => {
  host.routes.add({ dst: dst("::/0"), gateway: address("2001:db8::fe"), index });
  host.routes.add({ dst: dst("2001:db8:9::/48"), index, metric: 7 });
  assert.equal(added(6).map((route) => [route.dst, route.gateway, route.metric]), [
    ["2001:db8:9::/48", undefined, 7], ["default", "2001:db8::fe", 1024],
  ]);
});

routes("add makes a route in another table, and of a given scope", () => {
  host.routes.add({ dst: dst("10.60.0.0/16"), index, table: 1000, scope: 254 });
  assert.equal(added(4, "1000").map((route) => [route.dst, route.scope]), [["10.60.0.0/16", "host"]]);
  assert.equal(host.routes.list(4, { table: 1000 }).map((route) => [shown(route), route.table, route.scope]), [["10.60.0.0/16", 1000, 254]]);
});

routes("add makes an IPv4 route through an IPv6 gateway", () => {
  host.routes.add({ dst: dst("10.70.0.0/16"), gateway: address("2001:db8::fe"), index });
  assert.equal(added(4)[0].via, { family: "inet6", host: "2001:db8::fe" });
  assert.equal(host.routes.list(4, { index, table: 254 }).map(shown), ["10.1.0.0/16", "10.70.0.0/16 via 2001:db8::fe"]);
});

routes("add says EEXIST for the same IPv4 route, and makes equal IPv6 routes multipath", () => {
  host.routes.add({ dst: dst("10.50.0.0/16"), index });
  assert.is(
    throws(() => host.routes.add({ dst: dst("10.50.0.0/16"), index }), "EEXIST").message,
    `Cannot add route 10.50.0.0/16 on link ${index}: kernel said EEXIST (File exists)`,
  );
  host.routes.add({ dst: dst("2001:db8:9::/48"), gateway: address("2001:db8::fe"), index });
  host.routes.add({ dst: dst("2001:db8:9::/48"), gateway: address("2001:db8::ff"), index });
  assert.is(added(6)[0].nexthops.length, 2);
  assert.equal(
    host.routes.list(6, { index, table: 254 }).map(shown).filter((route) => route.startsWith("2001:db8:9")),
    ["2001:db8:9::/48 via 2001:db8::fe", "2001:db8:9::/48 via 2001:db8::ff"],
  );
});

routes("add passes on what the kernel says", () => {
  throws(() => host.routes.add({ dst: dst("10.50.0.0/16"), gateway: address("192.0.2.1"), index }), "ENETUNREACH");
  throws(() => host.routes.add({ dst: dst("10.50.0.1/16"), index }), "EINVAL");
  throws(() => host.routes.add({ dst: dst("10.50.0.0/16"), index: 4711 }), "ENODEV");
});

routes("replace takes the old route's place", () => {
  host.routes.replace({ dst: dst("10.50.0.0/16"), gateway: address("10.1.0.2"), index });
  host.routes.replace({ dst: dst("10.50.0.0/16"), gateway: address("10.1.0.3"), index });
  assert.equal(added(4).map((route) => route.gateway), ["10.1.0.3"]);
});

routes("delete takes the route away, and says ESRCH the second time", () => {
  for (const text of ["10.50.0.0/16", "2001:db8:9::/48"]) {
    host.routes.add({ dst: dst(text), index, metric: 5 });
    host.routes.delete({ dst: dst(text), index });
    throws(() => host.routes.delete({ dst: dst(text), index }), "ESRCH");
  }
  // A connected route, which the kernel made: another protocol than ours.
  host.routes.delete({ dst: dst("10.1.0.0/16"), index });
  assert.equal(ipJson("-4 route show dev v0"), []);
  run("ip", "route", "add", "10.1.0.0/16", "dev", "v0", "proto", "kernel", "scope", "link", "src", "10.1.0.1");
});

routes("list narrows by link and table, and leaves out the local table unless asked", () => {
  assert.equal(host.routes.list(4).map(shown).toSorted(), ["10.1.0.0/16", "10.2.0.0/16"]);
  assert.equal(host.routes.list(4, { index }).map(shown), ["10.1.0.0/16"]);
  const local = host.routes.list(4, { table: 255, index });
  assert.ok(local.some((route) => shown(route) === "10.1.0.1/32" && route.type === 2));
  assert.equal(host.routes.list(4, { table: 4000 }), []);
  assert.equal(host.routes.list(6, { table: 4000 }), []);
  const [connected] = host.routes.list(4, { index });
  assert.equal(connected, {
    dst: dst("10.1.0.0/16"), source: address("10.1.0.1"), table: 254, scope: 253, protocol: 2, type: 1, index,
  });
});

routes("lookup gives the route the kernel takes, or undefined", () => {
  host.routes.add({ dst: dst("0.0.0.0/0"), gateway: address("10.1.0.254"), index });
  const found = host.routes.lookup(address("198.51.100.7"));
  assert.equal([found?.index, found?.gateway], [index, address("10.1.0.254")]);
  assert.is(host.routes.lookup(address("2001:db8::77"))?.index, index);
  assert.is(host.routes.lookup(address("2001:4860::1")), undefined);
  run("ip", "route", "del", "default");
  assert.is(host.routes.lookup(address("198.51.100.7")), undefined);
});
routes.run();
