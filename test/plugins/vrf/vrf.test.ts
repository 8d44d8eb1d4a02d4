// src/plugins/vrf: an interface with its addresses and routes in a VRF of the container.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { code } from "../../../src/cni/index.ts";
import { lowestFree, vrf } from "../../../src/plugins/vrf/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns } from "../../helpers/netns.ts";

const free = suite("the lowest free table");
for (const [taken, expected] of [
  [[1, 2, 3, 5], 4], [[], 1], [[0], 1], [Array.from({ length: 999 }, (_, i) => i + 1), 1000],
] as const) {
  free(`beside ${taken.length} taken ones is ${expected}`, () => assert.is(lowestFree(new Set(taken)), expected));
}
free.run();

const kernel = kernelSuite("vrf", import.meta.url, { needs: ["vrf", "ipv6"] });

let netns: TestNetns;
const ip = (...words: readonly string[]): string => netns.exec("ip", ...words);
kernel.before.each(() => {
  netns = makeNetns();
  for (const name of ["net1", "net2"]) {
    ip("link", "add", name, "type", "veth", "peer", `${name}far`);
    ip("link", "set", name, "up");
    ip("link", "set", `${name}far`, "up");
  }
});
kernel.after.each(() => netns.remove());

const given = (...addresses: readonly string[]): Result =>
  ({ interfaces: [{ name: "net1", sandbox: netns.path }, { name: "net2", sandbox: netns.path }],
    ips: addresses.map((address) => ({ interface: 0, address })), routes: [], dns: {} });

function driven(conf: object = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: vrf, netns: netns.path, ifName: "net1", conf: { vrfname: "blue", ...conf }, prevResult: given(),
    ...more };
}

const links = (): readonly any[] => ipJson("-d link show", netns);
const tableOf = (name: string): number => links().find((link) => link.ifname === name)?.linkinfo.info_data.table;
const masterOf = (name: string): string | undefined => links().find((link) => link.ifname === name)?.master;

for (const cniVersion of ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
  kernel(`ADD makes the VRF and passes the result on, CHECK, DEL twice, cniVersion ${cniVersion}`, async () => {
    const one = driven({}, { cniVersion });
    assert.equal(await add(one), given());
    assert.equal([tableOf("blue"), masterOf("net1"), masterOf("net2")], [1, "blue", undefined]);
    if (cniVersion !== "0.3.1") await check(one);
    await del(one);
    assert.not.ok(links().some((link) => link.ifname === "blue" || link.master !== undefined));
    await del(one);
  });
}

kernel("addresses and routes of the interface go along, and no others", async () => {
  for (const [name, network] of [["net1", "1"], ["net2", "2"]] as const) {
    ip("addr", "add", `10.0.${network}.2/24`, "dev", name);
    ip("addr", "add", `2001:db8:${network}::2/64`, "dev", name, "nodad");
    ip("route", "add", "10.9.0.0/16", "via", `10.0.${network}.1`, "src", `10.0.${network}.2`, "metric", `${network}0`);
    ip("-6", "route", "add", "2001:db9::/64", "via", `2001:db8:${network}::1`, "metric", `${network}0`);
  }
  const before = ipJson("route show dev net2", netns);
  await add(driven());
  const moved = ipJson("-4 route show table 1", netns);
  assert.equal(moved.filter(({ dst }) => dst === "10.9.0.0/16").map(({ gateway, prefsrc, metric }) => [gateway, prefsrc,
    metric]),
    [["10.0.1.1", "10.0.1.2", 10]]);
  assert.ok(ipJson("-6 route show table 1", netns).some(({ dst, gateway }) => dst === "2001:db9::/64"
    && gateway === "2001:db8:1::1"));
  assert.equal(ipJson("route show dev net2", netns), before);
  assert.equal(ipJson("addr show net1", netns)[0].addr_info.filter((info: any) => info.scope === "global")
    .map((info: any) => info.local).sort(), ["10.0.1.2", "2001:db8:1::2"]);
});

for (const keeps of ["0", "1"]) {
  kernel(`an IPv6 route with a source finds its address in place, keep_addr_on_down ${keeps}`, async () => {
    netns.exec("sysctl", "-q", "-w", `net.ipv6.conf.net1.keep_addr_on_down=${keeps}`);
    ip("addr", "add", "2001:db8:1::2/64", "dev", "net1", "nodad");
    // Duplicates are looked for anew when the master changes.
    ip("-6", "route", "add", "2001:db9::/64", "via", "2001:db8:1::1", "dev", "net1", "src", "2001:db8:1::2");
    await add(driven());
    const [moved] = ipJson("-6 route show table 1 2001:db9::/64", netns);
    assert.equal([moved?.gateway, moved?.prefsrc], ["2001:db8:1::1", "2001:db8:1::2"]);
    assert.equal(ipJson("-6 route show 2001:db9::/64", netns), []);
  });
}

kernel("two interfaces share a VRF, which goes with the last of them", async () => {
  await add(driven());
  await add(driven({}, { ifName: "net2" }));
  assert.equal([masterOf("net1"), masterOf("net2")], ["blue", "blue"]);
  await del(driven());
  assert.equal([masterOf("net1"), masterOf("net2")], [undefined, "blue"]);
  await del(driven({}, { ifName: "net2" }));
  assert.not.ok(links().some((link) => link.ifname === "blue"));
});

const globals = (name: string): string[] => ipJson(`addr show ${name}`, netns)[0].addr_info
  .filter(({ scope }: any) => scope === "global").map(({ local, prefixlen }: any) => `${local}/${prefixlen}`);

for (const [what, own] of [["of one network", ["10.0.1.2/24", "10.0.1.3/24", "2001:db8::2/64", "2001:db8::3/64"]],
  ["that are the same", ["10.0.1.2/24", "10.0.1.2/24", "2001:db8::2/64", "2001:db8::2/64"]]] as const) {
  for (const second of ["blue", "red"]) {
    // One VRF cannot have an address twice on two of its interfaces and still find the way back.
    if (second === "blue" && what === "that are the same") continue;
    kernel(`two interfaces with addresses ${what} keep them, the second one in VRF ${second}`, async () => {
      for (const [index, address] of own.entries())
        ip("addr", "add", address, "dev", `net${index % 2 + 1}`, ...(address.includes(":") ? ["nodad"] : []));
      await add(driven());
      await add(driven({ vrfname: second }, { ifName: "net2" }));
      assert.equal([globals("net1"), globals("net2")], [[own[0], own[2]], [own[1], own[3]]]);
      assert.equal([tableOf("blue"), tableOf(second)], [1, second === "blue" ? 1 : 2]);
      for (const [name, table] of [["net1", 1], ["net2", tableOf(second)]] as const) {
        for (const family of ["-4", "-6"])
          assert.ok(ipJson(`${family} route show table ${table} dev ${name}`, netns).length > 0, `${family} ${name}`);
      }
    });
  }
}

kernel("two VRFs have tables of their own, unless told otherwise, and may hold one address each", async () => {
  for (const name of ["net1", "net2"]) ip("addr", "add", "10.0.1.2/24", "dev", name);
  await add(driven());
  await add(driven({ vrfname: "red" }, { ifName: "net2" }));
  assert.equal([tableOf("blue"), tableOf("red")], [1, 2]);
  await del(driven({ vrfname: "red" }, { ifName: "net2" }));
  await add(driven({ vrfname: "red", table: 1 }, { ifName: "net2" }));
  assert.equal([tableOf("blue"), tableOf("red")], [1, 1]);
});

kernel("a VRF that is there is taken with its own table, and refused with another", async () => {
  await add(driven({ table: 1001 }));
  await add(driven({ table: 1001 }, { ifName: "net2" }));
  await del(driven({}, { ifName: "net2" }));
  assert.match((await rejects(add(driven({ table: 5 }, { ifName: "net2" })), code.invalidConfig)).message,
    /VRF "blue" with table 5: it has table 1001/);
});

for (const [name, prepare, conf, number, message] of [
  ["a link of that name that is no VRF", () => ip("link", "add", "blue", "type", "dummy"), {}, code.invalidConfig,
    /"blue": the link of that name is dummy/],
  ["an interface with a master", () => { ip("link", "add", "br0", "type", "bridge"); ip("link", "set", "net1", "master",
    "br0"); }, {},
    code.invalidConfig, /its master is "br0"/],
  ["no name", () => {}, { vrfname: undefined }, code.invalidConfig, /vrfname is missing/],
] as const) {
  kernel(`refuses ${name}, and leaves all as it was`, async () => {
    prepare();
    const before = kernelState(netns);
    assert.match((await rejects(add(driven(conf)), number)).message, message);
    assert.equal(kernelState(netns), before);
  });
}

kernel("refuses to be without prevResult", async () => {
  const { prevResult: _, ...alone } = driven();
  assert.match((await rejects(add(alone), code.invalidConfig)).message, /chained plugin/);
});

kernel("CHECK sees an interface that is out, and a VRF that is gone", async () => {
  await add(driven());
  ip("link", "set", "net1", "nomaster");
  assert.match((await rejects(check(driven()), code.attachmentBroken)).message, /not in VRF "blue"/);
  ip("link", "delete", "blue");
  assert.match((await rejects(check(driven()), code.attachmentBroken)).message, /VRF "blue": it is gone/);
});

kernel("DEL needs no interface, no namespace and no name", async () => {
  await add(driven());
  ip("link", "delete", "net1");
  await del(driven());
  assert.not.ok(links().some((link) => link.ifname === "blue"));
  for (const more of [{ netns: "" }, { netns: "/run/netns/none" }]) await del(driven({}, more));
  await del(driven({ vrfname: undefined }));
});

kernel("a failure at any step leaves links, addresses and routes as before", async () => {
  ip("addr", "add", "10.0.1.2/24", "dev", "net1");
  ip("route", "add", "10.9.0.0/16", "via", "10.0.1.1");
  // The kernel's rule for VRFs comes with the first one, and stays.
  ip("link", "add", "first", "type", "vrf", "table", "9");
  ip("link", "delete", "first");
  assert.ok(await failures(driven(), () => kernelState(netns)) > 5);
});

kernel.run();
