import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import type { MacvlanConf } from "../../../src/plugins/macvlan/index.ts";
import { macvlan, macvlanLink } from "../../../src/plugins/macvlan/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, reservations } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const link = suite("macvlanLink");

const rows: readonly (readonly [string, MacvlanConf, object])[] = [
  ["mode bridge by default", {}, { kind: "macvlan", mode: "bridge" }],
  ["mode bridge for an empty one", { mode: "" }, { kind: "macvlan", mode: "bridge" }],
  ["the mode asked for", { mode: "vepa" }, { kind: "macvlan", mode: "vepa" }],
  ["a queue length, where one is asked for", { bcqueuelen: 2000 },
    { kind: "macvlan", mode: "bridge", bcQueueLength: 2000 }],
];
for (const [name, conf, info] of rows) link(`has ${name}`, () => assert.equal(macvlanLink(conf, undefined), { info }));
link("has the MAC asked for", () => assert.is(macvlanLink({}, "02:00:00:00:00:01").mac, "02:00:00:00:00:01"));
link.run();

const kernel = kernelSuite("macvlan", import.meta.url, { needs: ["macvlan"] });

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
  return { plugin: macvlan, netns: netns.path, conf: { master: "up0", ...conf }, ...more };
}

const names = (where?: TestNetns): string[] => ipJson("link show", where).map((one) => one.ifname).sort();

for (const cniVersion of allVersions) {
  for (const [title, place] of [["", {}], [", linkInContainer false", { linkInContainer: false }],
    [", linkInContainer true", { linkInContainer: true }]] as const) {
    kernel(`ADD, CHECK, DEL, cniVersion ${cniVersion}${title}`, async () => {
      const one = driven({ ...place, ipam }, { cniVersion });
      const before = names(netns);
      const result = await add(one);
      const [made] = ipJson("addr show eth0", netns);
      assert.equal(result.interfaces, [{ name: "eth0", mac: made.address, sandbox: netns.path }]);
      assert.equal([made.linkinfo.info_kind, made.linkinfo.info_data.mode, made.operstate],
        ["macvlan", "bridge", "UP"]);
      assert.equal(made.addr_info.filter((info: any) => info.scope === "global").map((info: any) => [info.local,
        info.prefixlen]), [["10.1.2.3", 24], ["2001:db8::2", 64]]);
      assert.equal(result.ips.map((ip) => ip.interface), [0, 0]);
      assert.is(ipJson("-4 route show default", netns)[0].gateway, "10.1.2.1");
      assert.is(netns.exec("sysctl", "-n", "net.ipv4.conf.eth0.arp_notify"), "1\n");
      if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
      await del({ ...one, prevResult: result });
      assert.equal(names(netns), before);
      assert.is(reservations.size, 0);
      await del(one);
    });

    kernel(`layer 2, cniVersion ${cniVersion}${title}`, async () => {
      const one = driven({ ...place, ipam: {} }, { cniVersion });
      if (compareVersions(cniVersion, "0.3.0") < 0) {
        assert.match(await add(one).then(() => "added", String), /no valid IP/i);
        assert.not.ok(names(netns).includes("eth0"));
      } else {
        const result = await add(one);
        assert.equal(result.ips, []);
        assert.is(ipJson("link show eth0", netns)[0].operstate, "UP");
        if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
      }
      await del(one);
      assert.not.ok(names(netns).includes("eth0"));
    });
  }
}

kernel("without master the link of the default route is taken, of host or container", async () => {
  for (const [ip, linkInContainer] of [[(...words: readonly string[]) => run("ip", ...words), false],
    [(...words: readonly string[]) => netns.exec("ip", ...words), true]] as const) {
    const one = driven({ master: "", linkInContainer });
    assert.match((await rejects(add(one), code.invalidConfig)).message, /has no default route/);
    ip("addr", "add", "192.0.2.2/24", "dev", "up0");
    ip("route", "add", "default", "via", "192.0.2.1");
    const result = await add(one);
    await check({ ...one, prevResult: result });
    await del(one);
  }
});

kernel("the host has a link of the interface's name", async () => {
  run("ip", "link", "add", "eth0", "type", "veth", "peer", "far1");
  const before = ipJson("link show eth0")[0].ifindex;
  await add(driven({ ipam }));
  await del(driven({ ipam }));
  assert.is(ipJson("link show eth0")[0].ifindex, before);
});

const macs: readonly (readonly [string, object, string, string])[] = [
  ["CNI_ARGS", {}, "IgnoreUnknown=true;MAC=02:00:00:00:00:11", "02:00:00:00:00:11"],
  ["the configuration", { mac: "02:00:00:00:00:12" }, "", "02:00:00:00:00:12"],
  ["CNI_ARGS over the configuration", { mac: "02:00:00:00:00:12" }, "MAC=02:00:00:00:00:11", "02:00:00:00:00:11"],
  ["runtimeConfig over both", { mac: "02:00:00:00:00:12", RuntimeConfig: { mac: "02:00:00:00:00:13" } },
    "MAC=02:00:00:00:00:11", "02:00:00:00:00:13"],
];
for (const [name, conf, args, mac] of macs) {
  kernel(`the MAC comes from ${name}`, async () => {
    assert.is((await add(driven(conf, { args }))).interfaces[0]?.mac, mac);
    assert.is(ipJson("link show eth0", netns)[0].address, mac);
  });
}

for (const mode of ["private", "vepa", "passthru"]) {
  kernel(`mode ${mode}, with a smaller MTU`, async () => {
    const one = driven({ mode, mtu: 1300 });
    const result = await add(one);
    const [made] = ipJson("link show eth0", netns);
    assert.equal([made.linkinfo.info_data.mode, made.mtu], [mode, 1300]);
    await check({ ...one, prevResult: result });
    assert.match((await rejects(check({ ...driven({}), prevResult: result }), code.attachmentBroken)).message,
      new RegExp(`mode is ${mode}, expected bridge`));
  });
}

const refused: readonly (readonly [string, object, RegExp])[] = [
  ["a master that is not there", { master: "none" }, /master "none"/],
  ["an MTU above the master's", { mtu: 9000 }, /mtu 9000: master "up0" has 1500/],
  ["an unknown mode", { mode: "bridgey" }, /mode is "bridgey", expected .*passthru/],
];
for (const [name, conf, message] of refused) {
  kernel(`refuses ${name}`, async () => assert.match((await rejects(add(driven(conf)), code.invalidConfig)).message,
    message));
}

kernel("DEL needs no master, no namespace, and no readable CNI_ARGS", async () => {
  const conf = { ipam: { type: "test" }, master: "none", mode: "bridgey" };
  for (const where of [netns.path, "", "/run/netns/none"]) await del(driven(conf, { netns: where, args: "no pair" }));
});

kernel("a /32 passes CHECK", async () => {
  const one = driven({ ipam: { type: "test", addresses: [{ address: "10.1.2.3/32" }] } });
  await check({ ...one, prevResult: await add(one) });
});

kernel("a failure at any step leaves links, addresses, routes and reservations as before", async () => {
  const count = await failures(driven({ ipam }), () => kernelState(netns));
  assert.ok(count > 8, `only ${count} steps were made to fail`);
});

kernel("a MAC that is in use on the master is refused, naming both and who has it", async () => {
  const mac = "02:00:00:00:00:21", other = makeNetns();
  await add(driven({ mac }, { netns: other.path }));
  assert.is((await rejects(add(driven({ mac })), code.invalidConfig)).message, 'Cannot set interface "eth0" up: master ' +
    `"up0" has MAC ${mac} in use by link "eth0" of network namespace "${other.path}", expected another MAC`);
  const own = ipJson("link show up0")[0].address;
  assert.match((await rejects(add(driven({ mac: own })), code.invalidConfig)).message,
    new RegExp(`master "up0" has MAC ${own} in use by link "up0"`));
  assert.not.ok(names(netns).includes("eth0"));
  other.remove();
});

kernel("an alternative name longer than 15 bytes names the master", async () => {
  run("ip", "link", "property", "add", "dev", "up0", "altname", "enx00163e1234567890");
  const one = driven({ master: "enx00163e1234567890", ipam });
  const result = await add(one);
  await check({ ...one, prevResult: result });
  await del(one);
});

kernel.run();
