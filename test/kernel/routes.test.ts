import * as assert from "uvu/assert";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import type { KernelRoute, Namespace } from "../../src/kernel/index.ts";
import { formatAddress, parseAddress, parsePrefix } from "../../src/net/index.ts";
import { throws } from "../helpers/errors.ts";
import { ipJson, kernelSuite, run } from "../helpers/netns.ts";

function shown({ dst, gateway }: KernelRoute): string {
  const via = gateway === undefined ? "" : ` via ${formatAddress(gateway)}`;
  return `${formatAddress(dst.address)}/${dst.prefixBits}${via}`;
}

let host: Namespace;
let index = 0;

const routes = kernelSuite("routes", import.meta.url, { needs: ["ipv6"] });
routes.before(() => {
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  run("ip", "addr", "add", "10.1.0.1/16", "dev", "v0");
  run("ip", "addr", "add", "2001:db8::1/64", "dev", "v0", "nodad");
  run("ip", "addr", "add", "10.2.0.1/16", "dev", "v1");
  run("ip", "addr", "add", "2001:db8:2::1/64", "dev", "v1", "nodad");
  for (const name of ["v0", "v1"]) run("ip", "link", "set", name, "up");
  host = openOwnNamespace();
  ({ index } = host.links.get("v0"));
});

const added = (family: 4 | 6,
  table = "main") => ipJson(`-${family} route show table ${table}`).filter((route) => route.protocol === "boot");

routes.after.each(() => {
  for (const family of ["-4", "-6"]) for (const proto of ["boot", "ra"]) run("ip", family, "route", "flush", "table",
    "all", "proto", proto);
});

const dst = parsePrefix;
const address = parseAddress;

routes("add makes an IPv4 route of link scope, or global through a gateway", () => {
  host.routes.add({ dst: dst("10.50.0.0/16"), index });
  host.routes.add({ dst: dst("0.0.0.0/0"), gateway: address("10.1.0.254"), index, metric: 50,
    source: address("10.1.0.1"), mtu: 1300, advmss: 1200 });
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
  assert.equal(host.routes.list(4, { table: 1000 }).map((route) => [shown(route), route.table, route.scope]),
    [["10.60.0.0/16", 1000, 254]]);
});

routes("add makes a route through a gateway that no prefix of the link holds", () => {
  for (const family of [4, 6] as const) {
    const [net, far] = family === 4 ? ["10.90.0.0/16", "203.0.113.1"] : ["2001:db8:9::/48", "2001:db8:f::1"];
    const route = { dst: dst(net), gateway: address(far), index, metric: 7 };
    throws(() => host.routes.add(route), family === 4 ? "ENETUNREACH" : "EHOSTUNREACH");
    host.routes.add({ ...route, onLink: true });
    assert.equal(added(family).map((one) => [one.dst, one.gateway, one.flags]), [[net, far, ["onlink"]]]);
    const [listed] = host.routes.list(family, { index, table: 254 }).filter(({ metric }) => metric === 7);
    assert.is(listed?.onLink, true);
    host.routes.deleteListed(listed as KernelRoute);
    assert.equal(added(family), []);
  }
});

routes("add makes routes that lead nowhere, and local ones, of a given protocol", () => {
  for (const [type, name] of [[6, "blackhole"], [7, "unreachable"], [8, "prohibit"], [9, "throw"]] as const) {
    host.routes.add({ dst: dst("10.91.0.0/16"), type, table: 1000 });
    assert.equal(ipJson("route show table 1000").map((one) => [one.type, one.dst, one.protocol]),
      [[name, "10.91.0.0/16", "boot"]]);
    host.routes.delete({ dst: dst("10.91.0.0/16"), type, table: 1000 });
    assert.equal(ipJson("route show table 1000"), []);
  }
  host.routes.add({ dst: dst("10.92.0.1/32"), type: 2, index, table: 255, protocol: 4 });
  const [local] = ipJson("route show table local 10.92.0.1");
  assert.equal([local.type, local.scope, local.protocol], ["local", "host", "static"]);
  host.routes.delete({ dst: dst("10.92.0.1/32"), type: 2, index, table: 255 });
});

routes("what is listed can be added again to another table, as it was", () => {
  host.routes.add({ dst: dst("10.93.0.0/16"), gateway: address("10.1.0.254"), index, metric: 50,
    source: address("10.1.0.1"), mtu: 1300, advmss: 1200, protocol: 4 });
  const [made] = host.routes.list(4, { index, table: 254 }).filter(({ metric }) => metric === 50);
  assert.equal([made?.mtu, made?.advmss, made?.protocol], [1300, 1200, 4]);
  host.routes.replace({ ...(made as KernelRoute), table: 1000 });
  const listed = (table: string) => ipJson(`route show table ${table} 10.93.0.0/16`);
  assert.equal(listed("1000"), listed("main"));
  for (const table of [254, 1000]) host.routes.delete({ dst: dst("10.93.0.0/16"), index, metric: 50, table });
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
    'Cannot add route 10.50.0.0/16 on link "v0": kernel said EEXIST (File exists)',
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

const defaults = (family: 4 | 6) => host.routes.list(family,
  { index, table: 254 }).filter((route) => route.dst.prefixBits === 0);
const other = { 4: ["10.2.0.9", "10.2.0.8"], 6: ["2001:db8:2::9", "2001:db8:2::8"] } as const;

/** `ip route show default`, one line for each hop. */
function hops(family: 4 | 6): string[] {
  return ipJson(`-${family} route show default`).flatMap(({ metric, nexthops, ...route }) => (
    (nexthops ?? [route]).map((hop: { gateway: string; dev: string; weight?: number }) =>
      `${hop.gateway} ${hop.dev} ${hop.weight ?? 1} metric ${metric ?? 0}`)));
}

routes("deleteListed takes that very route away, and says ESRCH when it is gone", () => {
  run("ip", "route", "add", "default", "via", "10.1.0.9", "dev", "v0", "metric", "5");
  run("ip", "route", "add", "default", "via", "10.1.0.9", "dev", "v0", "metric", "5", "tos", "0x10");
  run("ip", "route", "append", "default", "via", "10.1.0.8", "dev", "v0", "metric", "5");
  run("ip", "route", "add", "default", "via", "10.1.0.9", "dev", "v0", "metric", "6");
  run("ip", "route", "add", "default", "via", "10.2.0.9", "dev", "v1", "metric", "7");
  const listed = defaults(4).find((route) => route.metric === 6);
  assert.ok(listed);
  host.routes.deleteListed(listed);
  assert.equal(hops(4).toSorted(), ["10.1.0.8 v0 1 metric 5", "10.1.0.9 v0 1 metric 5", "10.1.0.9 v0 1 metric 5",
    "10.2.0.9 v1 1 metric 7"]);
  assert.is(throws(() => host.routes.deleteListed(listed), "ESRCH").message,
    'Cannot delete route 0.0.0.0/0 via 10.1.0.9 on link "v0": kernel said ESRCH (No such process)');
  for (const route of defaults(4)) host.routes.deleteListed(route);
  assert.equal(hops(4), ["10.2.0.9 v1 1 metric 7"]);
});

routes("deleteListed takes routes of the kernel and of router advertisements away, and those without a gateway", () => {
  run("ip", "-6", "route", "add", "default", "via", "fe80::1", "dev", "v0", "proto", "ra", "metric", "1024", "expires",
    "100");
  run("ip", "-6", "route", "add", "default", "dev", "v0", "metric", "9");
  run("ip", "route", "add", "default", "dev", "v0", "scope", "link", "src", "10.1.0.1");
  run("ip", "-4", "route", "add", "default", "via", "inet6", "2001:db8::9", "dev", "v0", "metric", "3");
  for (const family of [4, 6] as const) {
    assert.is(defaults(family).length, 2);
    for (const route of defaults(family)) host.routes.deleteListed(route);
    assert.equal(hops(family), []);
  }
  assert.equal(host.routes.list(4, { index }).map(shown), ["10.1.0.0/16"]);
});

for (const family of [4, 6] as const) {
  const own = { 4: ["10.1.0.9", "10.1.0.8"], 6: ["2001:db8::9", "2001:db8::8"] }[family];
  const rest = other[family].map((gateway) => `${gateway} v1`);

  routes(`deleteListed takes one gateway out of an IPv${family} multipath route`, () => {
    const nexthops = (weight: string, ...given: readonly (readonly [string | undefined, string])[]) => (
      given.flatMap(([gateway = "", dev]) => ["nexthop", "via", gateway, "dev", dev, "weight", weight]));
    run("ip", `-${family}`, "route", "add", "default", "metric", "50", "mtu", "1300",
      ...nexthops("1", [own[0], "v0"], [other[family][0], "v1"]),
        ...nexthops("3", [own[1], "v0"], [other[family][1], "v1"]));
    const [first, second] = defaults(family);
    assert.ok(first !== undefined && second !== undefined);
    host.routes.deleteListed(first);
    assert.equal(hops(family).toSorted(), [`${own[1]} v0 3 metric 50`, `${rest[0]} 1 metric 50`,
      `${rest[1]} 3 metric 50`].toSorted());
    host.routes.deleteListed(second);
    assert.equal(hops(family).toSorted(), [`${rest[0]} 1 metric 50`, `${rest[1]} 3 metric 50`].toSorted());
    assert.equal(ipJson(`-${family} route show default`)[0].metrics, [{ mtu: 1300 }]);
  });

  routes(`deleteListed takes away an IPv${family} route whose next hop is an object`, () => {
    run("ip", `-${family}`, "nexthop", "add", "id", "5", "via", own[0] ?? "", "dev", "v0");
    run("ip", `-${family}`, "route", "add", "default", "nhid", "5");
    for (const route of defaults(family)) host.routes.deleteListed(route);
    assert.equal(hops(family), []);
    run("ip", "nexthop", "flush");
  });

  routes(`deleteListed takes one gateway out of an IPv${family} route whose next hops are a group`, () => {
    for (const [i, via, dev] of [["1", own[0], "v0"], ["2", other[family][0], "v1"], ["3", own[1], "v0"]] as const) {
      run("ip", `-${family}`, "nexthop", "add", "id", i, "via", via ?? "", "dev", dev);
    }
    run("ip", "nexthop", "add", "id", "9", "group", "1/2/3");
    run("ip", `-${family}`, "route", "add", "default", "nhid", "9", "metric", "50");
    for (const route of defaults(family)) host.routes.deleteListed(route);
    assert.equal(hops(family), [`${rest[0]} 1 metric 50`]);
    run("ip", "nexthop", "flush");
  });
}

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
