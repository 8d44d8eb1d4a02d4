import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { allVersions, code, compareVersions, toWireResult } from "../../../src/cni/index.ts";
import { ipvlan, masterOf } from "../../../src/plugins/ipvlan/index.ts";
import { rejects, throws } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, reservations, status } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const master = suite("masterOf");

const without: Omit<Result, "interfaces"> = { ips: [], routes: [], dns: {} };
master("is for the default route to say without a plugin before", () => assert.is(masterOf(undefined), ""));
master("is the one interface that has a name", () => {
  assert.is(masterOf({ ...without, interfaces: [{ name: "" }, { name: "up0" }] }), "up0");
});
master("is refused for none and for several", () => {
  for (const [interfaces, words] of [[[], "no interfaces"], [[{ name: "" }], "no interfaces"],
    [[{ name: "a" }, { name: "b" }], "2 interfaces"]] as const) {
    assert.match(throws(() => masterOf({ ...without, interfaces }), code.invalidConfig).message, `has ${words}`);
  }
});
master.run();

const kernel = kernelSuite("ipvlan", import.meta.url, { needs: ["ipvlan", "macvlan"] });

let netns: TestNetns;
kernel.before.each(() => {
  netns = makeNetns();
  for (const ip of [(...words: readonly string[]) => run("ip", ...words),
    (...words: readonly string[]) => netns.exec("ip", ...words)]) {
    ip("link", "add", "up0", "type", "veth", "peer", "far0");
    ip("link", "set", "up0", "up");
    ip("link", "set", "far0", "up");
  }
});
kernel.after.each(() => {
  netns.remove();
  for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
  reservations.clear();
});

const ipam = { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" },
  { address: "2001:db8::2/64" }], routes: [{ dst: "0.0.0.0/0" }] };

function driven(conf: object, more: Partial<Driven> = {}): Driven {
  return { plugin: ipvlan, netns: netns.path, conf: { master: "up0", ipam, ...conf }, ...more };
}

const names = (where?: TestNetns): string[] => ipJson("link show", where).map((one) => one.ifname).sort();
const globals = (link: any): unknown[] => link.addr_info.filter((info: any) => info.scope === "global")
  .map((info: any) => `${info.local}/${info.prefixlen}`);

for (const cniVersion of allVersions) {
  for (const linkInContainer of [false, true]) {
    kernel(`ADD, CHECK, DEL, cniVersion ${cniVersion}, linkInContainer ${linkInContainer}`, async () => {
      const one = driven({ linkInContainer }, { cniVersion });
      const before = names(netns);
      const result = await add(one);
      const [made] = ipJson("addr show eth0", netns);
      assert.equal(result.interfaces, [{ name: "eth0", mac: made.address, sandbox: netns.path }]);
      assert.is(made.address, ipJson("link show up0", linkInContainer ? netns : undefined)[0].address);
      assert.equal([made.linkinfo.info_kind, made.linkinfo.info_data.mode, made.flags.includes("UP")],
        ["ipvlan", "l2", true]);
      assert.equal(globals(made), ["10.1.2.3/24", "2001:db8::2/64"]);
      assert.equal(result.ips.map((ip) => ip.interface), [0, 0]);
      assert.is(ipJson("-4 route show default", netns)[0].gateway, "10.1.2.1");
      // Nor do the first two versions tell of interfaces.
      assert.is(JSON.stringify(toWireResult(result, cniVersion)).includes(made.address),
        compareVersions(cniVersion, "0.3.0") >= 0);
      for (const name of ["ipv4/conf/eth0/arp_notify", "ipv6/conf/eth0/ndisc_notify"])
        assert.is(netns.exec("cat", `/proc/sys/net/${name}`), "1\n");
      if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
      await del({ ...one, prevResult: result });
      assert.equal(names(netns), before);
      assert.is(reservations.size, 0);
      await del(one);
    });
  }

  if (compareVersions(cniVersion, "0.3.0") < 0) continue;
  kernel(`chained ADD, CHECK, DEL, cniVersion ${cniVersion}: master and address of prevResult`, async () => {
    const prevResult: Result = { interfaces: [{ name: "up0" }], routes: [{ dst: "10.9.0.0/16", gw: "10.1.2.1" }],
      ips: [{ address: "10.1.2.7/24", gateway: "10.1.2.1", interface: 0 }], dns: { domain: "before" } };
    const one = driven({ master: undefined, ipam: undefined }, { cniVersion });
    const result = await add({ ...one, prevResult });
    const [made] = ipJson("addr show eth0", netns);
    assert.equal(globals(made), ["10.1.2.7/24"]);
    assert.equal(result, { interfaces: [{ name: "eth0", mac: made.address, sandbox: netns.path }],
      ips: [{ address: "10.1.2.7/24", gateway: "10.1.2.1", interface: 0 }], routes: prevResult.routes, dns: {} });
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    await del(one);
    assert.not.ok(names(netns).includes("eth0"));
    await del(one);
  });
}

for (const linkInContainer of [false, true]) {
  kernel(`an alternative name longer than 15 bytes names the master, linkInContainer ${linkInContainer}`, async () => {
    const name = "enx00163e1234567890", words = ["link", "property", "add", "dev", "up0", "altname", name] as const;
    if (linkInContainer) netns.exec("ip", ...words);
    else run("ip", ...words);
    const one = driven({ master: name, linkInContainer });
    await status(one);
    const prevResult = await add(one);
    await check({ ...one, prevResult });
    await del({ ...one, prevResult });
    await rejects(add(driven({ master: `${name}1`, linkInContainer })), code.invalidConfig);
  });
}

kernel("a master that is a bridge's port is refused, where the kernel says no more than EBUSY", async () => {
  run("ip", "link", "add", "br7", "type", "bridge");
  run("ip", "link", "set", "up0", "master", "br7");
  for (const refused of [add(driven({})), status(driven({}))])
    assert.match((await rejects(refused, code.invalidConfig)).message, /^Cannot use master "up0": it is a port of br/);
});

kernel("a master that has links of another kind is named beside what the kernel says", async () => {
  run("ip", "link", "add", "m0", "link", "up0", "type", "macvlan");
  assert.match((await rejects(add(driven({})), code.kernel)).message,
    /^Cannot add link "eth0": kernel said EBUSY \(.*\); its master is "up0"$/);
});

kernel("without master the link of the default route is taken, of host or container", async () => {
  for (const [ip, linkInContainer] of [[(...words: readonly string[]) => run("ip", ...words), false],
    [(...words: readonly string[]) => netns.exec("ip", ...words), true]] as const) {
    const leased = { type: "test", addresses: [{ address: "10.1.2.3/24" }] };
    const one = driven({ master: "", linkInContainer, ipam: leased });
    assert.match((await rejects(add(one), code.invalidConfig)).message, /has no default route/);
    ip("addr", "add", "192.0.2.2/24", "dev", "up0");
    ip("route", "add", "default", "via", "192.0.2.1");
    const result = await add(one);
    await check({ ...one, prevResult: result });
    await del(one);
  }
});

for (const mode of ["l3", "l3s"]) {
  kernel(`mode ${mode}, with a smaller MTU`, async () => {
    const one = driven({ mode, mtu: 1300 });
    const result = await add(one);
    const [made] = ipJson("link show eth0", netns);
    assert.equal([made.linkinfo.info_data.mode, made.mtu], [mode, 1300]);
    await check({ ...one, prevResult: result });
    assert.match((await rejects(check({ ...driven({}), prevResult: result }), code.attachmentBroken)).message,
      new RegExp(`mode is ${mode}, expected l2`));
  });
}

kernel("the configuration's dns is the result's, and IPAM's is not", async () => {
  const leased = { type: "test", addresses: [{ address: "10.1.2.3/24" }], dns: { domain: "ipam" } };
  const one = driven({ ipam: leased });
  assert.equal((await add(one)).dns, {});
  await del(one);
  assert.equal((await add(driven({ ipam: leased, dns: { domain: "own" } }))).dns, { domain: "own" });
});

const refused: readonly (readonly [string, object, RegExp])[] = [
  ["a master that is not there", { master: "none" }, /master "none"/],
  ["an unknown mode", { mode: "bridge" }, /mode is "bridge", expected .*l3s/],
  ["to be without addresses", { ipam: {} }, /network "testnet": it has no ipam.type, expected .*before ipvlan/],
];
for (const [name, conf, message] of refused) {
  kernel(`refuses ${name}`, async () => {
    const before = names(netns);
    assert.match((await rejects(add(driven(conf)), code.invalidConfig)).message, message);
    assert.equal(names(netns), before);
  });
}

kernel("refuses a second interface of the name, and leaves the first", async () => {
  const one = driven({});
  await add(one);
  const [before] = ipJson("addr show eth0", netns);
  assert.match((await rejects(add(driven({}, { containerId: "other" })), code.invalidConfig)).message,
    /interface "eth0" .*has one of that name already/);
  assert.equal(ipJson("addr show eth0", netns)[0].ifindex, before.ifindex);
});

kernel("CHECK sees another kind, and an address that is gone", async () => {
  const one = driven({});
  const result = await add(one);
  netns.exec("ip", "addr", "del", "10.1.2.3/24", "dev", "eth0");
  await rejects(check({ ...one, prevResult: result }), code.attachmentBroken);
  netns.exec("ip", "link", "delete", "eth0");
  assert.match((await rejects(check({ ...one, prevResult: result }), code.attachmentBroken)).message, /it is gone/);
  netns.exec("ip", "link", "add", "eth0", "type", "veth", "peer", "eth9");
  assert.match((await rejects(check({ ...one, prevResult: result }), code.attachmentBroken)).message,
    /kind is veth, expected ipvlan/);
});

kernel("DEL needs no master, no namespace, and no readable configuration", async () => {
  const conf = { ipam: { type: "test" }, master: "none", mode: "bridgey" };
  for (const where of [netns.path, "", "/run/netns/none"]) {
    reservations.add("test-container/eth0");
    await del(driven(conf, { netns: where, args: "no pair" }));
    assert.is(reservations.size, 0);
  }
});

kernel("STATUS asks IPAM", async () => {
  await status(driven({}));
  await rejects(status(driven({ ipam: { type: "nobody" } })), code.executable);
});

kernel("a failure at any step leaves links, addresses, routes and reservations as before", async () => {
  const count = await failures(driven({}), () => kernelState(netns));
  assert.ok(count > 8, `only ${count} steps were made to fail`);
});

kernel.run();
