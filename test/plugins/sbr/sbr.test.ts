// src/plugins/sbr: rules by source, and the tables they lead to.
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { allVersions, code } from "../../../src/cni/index.ts";
import { sbr } from "../../../src/plugins/sbr/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns } from "../../helpers/netns.ts";

const kernel = kernelSuite("sbr", import.meta.url, { needs: ["ipv6"] });

let netns: TestNetns;
const ip = (...words: readonly string[]): string => netns.exec("ip", ...words);
kernel.before.each(() => {
  netns = makeNetns();
  for (const [name, network] of [["eth0", "0"], ["net1", "1"]] as const) {
    ip("link", "add", name, "type", "veth", "peer", `${name}far`);
    ip("link", "set", name, "up");
    ip("link", "set", `${name}far`, "up");
    ip("addr", "add", `192.168.${network}.209/24`, "dev", name);
  }
  ip("route", "add", "default", "via", "192.168.0.1");
});
kernel.after.each(() => netns.remove());

const one = { interface: 0, address: "192.168.1.209/24", gateway: "192.168.1.1" };
const given = (...ips: Result["ips"]): Result =>
  ({ interfaces: [{ name: "net1", sandbox: netns.path }], ips, routes: [], dns: {} });

function driven(conf: Readonly<Record<string, unknown>> = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: sbr, netns: netns.path, ifName: "net1", conf, prevResult: given(one), ...more };
}

const rules = (): readonly string[] => ipJson("-4 rule show", netns)
  .filter(({ priority }) => priority !== 0 && priority < 32766).map(({ src, table }) => `${src} ${table}`);
const routes = (table: string): readonly string[] => ipJson(`-4 route show table ${table}`, netns)
  .map(({ dst, gateway = "", dev, prefsrc = "" }) => [dst, gateway, dev,
    prefsrc].filter((word) => word !== "").join(" ")).sort();

for (const cniVersion of allVersions.slice(2)) {
  kernel(`moves the interface's routes to a table of its own, cniVersion ${cniVersion}`, async () => {
    const others = routes("main").filter((route) => route.includes("eth0"));
    const call = driven({}, { cniVersion });
    assert.equal(await add(call), given(one));
    assert.equal(rules(), ["192.168.1.209 100"]);
    assert.equal(routes("100"), ["192.168.1.0/24 net1 192.168.1.209", "default 192.168.1.1 net1"]);
    assert.equal(routes("main"), others);
    await check(call);
    const { prevResult: _, ...later } = call;
    await del(later);
    assert.equal(rules(), []);
    await del(later);
  });
}

kernel("a default route that is there is moved, not made twice", async () => {
  ip("route", "add", "default", "via", "192.168.1.1", "dev", "net1", "metric", "5");
  await add(driven());
  assert.equal(routes("100").filter((route) => route.startsWith("default")).map((route) => route),
    ["default 192.168.1.1 net1",
    "default 192.168.1.1 net1"].slice(0, routes("100").filter((route) => route.startsWith("default")).length));
  assert.equal(routes("main"), ["192.168.0.0/24 eth0 192.168.0.209", "default 192.168.0.1 eth0"]);
});

kernel("each address has a table, with its own routes and those that are nobody's; the newest rule is first",
  async () => {
  ip("addr", "add", "192.168.101.209/24", "dev", "net1");
  ip("route", "add", "10.7.0.0/16", "dev", "net1");
  await add(driven({}, { prevResult: given(one, { interface: 1000, address: "192.168.101.209/24",
    gateway: "192.168.101.1" }) }));
  assert.equal(rules(), ["192.168.101.209 101", "192.168.1.209 100"]);
  assert.equal(routes("100"), ["10.7.0.0/16 net1", "192.168.1.0/24 net1 192.168.1.209", "default 192.168.1.1 net1"]);
  assert.equal(routes("101"), ["10.7.0.0/16 net1", "192.168.101.0/24 net1 192.168.101.209",
    "default 192.168.101.1 net1"]);
});

kernel("tables that others' rules lead to are passed over", async () => {
  ip("rule", "add", "from", "1.2.3.4", "table", "100");
  await add(driven());
  assert.equal(rules(), ["192.168.1.209 101", "1.2.3.4 100"]);
});

kernel("an address of another interface is left alone", async () => {
  const prevResult = { ...given(one, { interface: 1, address: "192.168.0.209/24" }),
    interfaces: [{ name: "net1", sandbox: netns.path }, { name: "eth0", sandbox: netns.path }] };
  await add(driven({}, { prevResult }));
  assert.equal(rules(), ["192.168.1.209 100"]);
});

kernel("IPv6 goes the same way", async () => {
  ip("addr", "add", "2001:db8::5/64", "dev", "net1", "nodad");
  await add(driven({}, { prevResult: given({ interface: 0, address: "2001:db8::5/64", gateway: "2001:db8::1" }) }));
  assert.ok(ipJson("-6 rule show", netns).some(({ src, table }) => src === "2001:db8::5" && table === "100"));
  const moved = ipJson("-6 route show table 100", netns).map(({ dst, gateway }) => `${dst} ${gateway ?? ""}`.trim());
  assert.ok(moved.includes("default 2001:db8::1") && moved.includes("2001:db8::/64"), moved.join(", "));
});

kernel("with a table of its own it makes the rules alone", async () => {
  ip("addr", "add", "192.168.101.209/24", "dev", "net1");
  const before = routes("main");
  await add(driven({ table: 5000 }, { prevResult: given(one, { interface: 0, address: "192.168.101.209/24" }) }));
  assert.equal(rules(), ["192.168.101.209 5000", "192.168.1.209 5000"]);
  assert.equal(routes("main"), before);
  ip("rule", "add", "from", "192.168.1.209", "table", "77");
  await del(driven({ table: 5000 }));
  assert.equal(rules(), ["192.168.1.209 77"]);
});

kernel("gateways of the configuration go before those of prevResult", async () => {
  await add(driven({ gateways: ["192.168.1.254"] }));
  assert.ok(routes("100").includes("default 192.168.1.254 net1"));
});

kernel("with source hints the route to the network stays, with its source", async () => {
  await add(driven({ addSourceHints: true }));
  assert.ok(routes("main").includes("192.168.1.0/24 net1 192.168.1.209"));
  assert.equal(routes("100"), ["192.168.1.0/24 net1 192.168.1.209", "default 192.168.1.1 net1"]);
});

for (const [name, conf, more, message] of [
  ["to be without prevResult", {}, { prevResult: undefined, cniVersion: "0.2.0" }, /chained/],
  ["to be without addresses", {}, "none", /has no address of it/],
  ["two gateways of a family", { gateways: ["10.0.0.1", "10.0.0.2"] }, {}, /gateways has two of IPv4/],
  ["a gateway that is no address", { gateways: ["there"] }, {}, /gateways has "there"/],
  ["source hints beside a table", { addSourceHints: true, table: 5 }, {}, /addSourceHints is true beside a table/],
  ["a table of another type", { table: "main" }, {}, /table is "main"/],
] as const) {
  kernel(`refuses ${name}, and has touched nothing`, async () => {
    const before = kernelState(netns);
    const { prevResult, ...rest } = driven(conf, more === "none" ? { prevResult: given() } : {});
    const call = more !== "none" && "prevResult" in more ? { ...rest, cniVersion: more.cniVersion }
      : { ...rest, ...(prevResult === undefined ? {} : { prevResult }) };
    assert.match((await rejects(add(call), code.invalidConfig)).message, message);
    assert.equal(kernelState(netns), before);
  });
}

kernel("DEL needs no interface and no namespace", async () => {
  await add(driven());
  ip("link", "delete", "net1");
  await del(driven());
  for (const where of ["", "/run/netns/none"]) await del(driven({}, { netns: where }));
});

for (const conf of [{}, { table: 5000 }, { addSourceHints: true }]) {
  kernel(`a failure at any step leaves rules and routes as before, ${JSON.stringify(conf)}`, async () => {
    ip("route", "add", "10.7.0.0/16", "via", "192.168.1.1");
    const before = kernelState(netns);
    // The routes stay moved after a DEL, as with the reference.
    const reset = () => {
      for (const words of [["192.168.1.0/24", "dev", "net1", "proto", "kernel", "scope", "link", "src",
        "192.168.1.209"], ["10.7.0.0/16", "via", "192.168.1.1", "dev", "net1"]]) ip("route", "replace", ...words);
      for (const table of ["100"]) netns.exec("sh", "-c", `ip route flush table ${table} || true`);
      return kernelState(netns);
    };
    assert.equal(reset(), before);
    assert.ok(await failures(driven(conf), reset) >= 1);
  });
}

kernel.run();
