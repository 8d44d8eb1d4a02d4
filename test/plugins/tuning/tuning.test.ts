// src/plugins/tuning: sysctls and properties of an interface, and how they come back.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { allVersions, code } from "../../../src/cni/index.ts";
import { tuning } from "../../../src/plugins/tuning/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { ipJson, kernelSuite, makeNetns } from "../../helpers/netns.ts";

const kernel = kernelSuite("tuning", import.meta.url);

let netns: TestNetns, dataDir = "";
kernel.before.each(() => {
  netns = makeNetns();
  netns.exec("ip", "link", "add", "eth0", "address", "02:00:00:00:00:01", "type", "veth", "peer", "far0");
  dataDir = join(mkdtempSync(join(tmpdir(), "polynic-tuning-")), "data");
});
kernel.after.each(() => {
  netns.remove();
  rmSync(join(dataDir, ".."), { recursive: true });
});

const given = (): Result => ({ interfaces: [{ name: "eth0", mac: "02:00:00:00:00:01", sandbox: netns.path }],
  ips: [{ interface: 0, address: "10.1.2.3/24" }], routes: [], dns: {} });

function driven(conf: Readonly<Record<string, unknown>>, more: Partial<Driven> = {}): Driven {
  return { plugin: tuning, netns: netns.path, conf: { dataDir, ...conf }, prevResult: given(), ...more };
}
const backup = (): string => join(dataDir, "test-container_eth0.json");
const martians = (): string => netns.exec("cat", "/proc/sys/net/ipv4/conf/all/log_martians").trim();
const link = (): any => ipJson("-d link show eth0", netns)[0];

const mac = "02:00:00:00:00:0a";
const properties: readonly (readonly [string, unknown, (link: any) => unknown, unknown, unknown])[] = [
  ["promisc", true, ({ promiscuity }) => promiscuity, 1, false], ["mtu", 1400, ({ mtu }) => mtu, 1400, 1500],
  ["txQLen", 20_000, ({ txqlen }) => txqlen, 20_000, 1000],
    ["mac", mac, ({ address }) => address, mac, "02:00:00:00:00:01"],
  ["allmulti", true, ({ flags }) => flags.includes("ALLMULTI"), true, false],
];

for (const cniVersion of allVersions.slice(2)) {
  kernel(`sets a sysctl, passes the result on and notes nothing, cniVersion ${cniVersion}`, async () => {
    const one = driven({ sysctl: { "net.ipv4.conf.all.log_martians": "1" } }, { cniVersion });
    assert.equal(await add(one), given());
    assert.is(martians(), "1");
    assert.not.ok(existsSync(backup()));
    if (!cniVersion.startsWith("0.3")) await check(one);
    await del(one);
  });

  for (const [key, value, read, during, before] of properties) {
    for (const [where, conf] of [["its own key", { [key]: value }],
      ["args.cni", { args: { cni: { [key]: value } } }]] as const) {
      kernel(`sets ${key} by ${where} and gives it back, cniVersion ${cniVersion}`, async () => {
        const one = driven(conf, { cniVersion }), first = read(link()), result = await add(one);
        assert.is(read(link()), during);
        assert.equal(JSON.parse(readFileSync(backup(), "utf8")), { [key]: before, network: "testnet" });
        assert.equal([statSync(backup()).mode & 0o777, statSync(dataDir).mode & 0o777], [0o600, 0o700]);
        if (key === "mac") assert.is(result.interfaces[0]?.mac, mac);
        if (!cniVersion.startsWith("0.3")) await check({ ...one, prevResult: result });
        await del(one);
        assert.equal([read(link()), existsSync(backup())], [first, false]);
        await del(one);
      });
    }
  }
}

for (const cniVersion of allVersions.slice(2)) {
  const checked = async (one: Driven): Promise<void> => {
    if (!cniVersion.startsWith("0.3")) await check(one);
  };
  for (const [whose, conf, args] of [
    ["CNI_ARGS", {}, "IgnoreUnknown=true;MAC=02:00:00:00:00:0A"],
    ["the runtime", { RuntimeConfig: { mac: "02:00:00:00:00:0A" } }, ""],
  ] as const) {
    kernel(`takes a MAC of ${whose}, and tells it as it was typed, cniVersion ${cniVersion}`, async () => {
      const one = driven(conf, { args, cniVersion });
      assert.is((await add(one)).interfaces[0]?.mac, "02:00:00:00:00:0A");
      assert.is(link().address, mac);
      await checked(one);
      await del(one);
      assert.is(link().address, "02:00:00:00:00:01");
    });
  }

  kernel(`sets all of it together and gives it all back, cniVersion ${cniVersion}`, async () => {
    const state = (): unknown => properties.map(([, , read]) => read(link())), before = state();
    const conf = Object.fromEntries(properties.map(([key, value]) => [key, value]));
    const one = driven({ ...conf, sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1" } }, { cniVersion });
    const prevResult = await add(one);
    assert.equal(state(), properties.map(([, , , during]) => during));
    await checked({ ...one, prevResult });
    await del(one);
    assert.equal([state(), existsSync(backup())], [before, false]);
  });
}

kernel("sets all of it together, and DEL takes the reference's note too", async () => {
  const one = driven({ mac, promisc: true, mtu: 4000, allmulti: true, txQLen: 500,
    sysctl: { "net.ipv4.conf.IFNAME.log_martians": "1" } });
  await add(one);
  assert.is(readFileSync(backup(), "utf8").split("\n")[1]?.slice(0, 3), ' "m');
  assert.is(netns.exec("cat", "/proc/sys/net/ipv4/conf/eth0/log_martians"), "1\n");
  writeFileSync(backup(), '{\n "mtu": 1280\n}');
  await del(one);
  assert.equal([link().mtu, existsSync(backup())], [1280, false]);
});

for (const [name, conf, number, message] of [
  ["a sysctl outside of the container's network", { sysctl: { "kernel.hostname": "x" } }, code.invalidConfig,
    /kernel\.hostname.*not the container's own/],
  ["a sysctl that is duplicated", { sysctl: { "net.a": ["1"] } }, code.invalidConfig, /duplicated/],
  ["a MAC that is none", { mac: "nope" }, code.invalidConfig, /"nope" is no MAC/],
  ["a negative MTU", { mtu: -1 }, code.invalidConfig, /mtu is -1/],
] as const) {
  kernel(`refuses ${name}, and has touched nothing`, async () => {
    const before = kernelState(netns);
    assert.match((await rejects(add(driven(conf)), number)).message, message);
    assert.equal([kernelState(netns), existsSync(dataDir)], [before, false]);
  });
}

kernel("refuses a directory that is not the node's choice", async () => {
  assert.match((await rejects(add(driven({ mtu: 1400 }, { trusted: false })), code.invalidConfig)).message,
    /only the node's own configuration may choose it/);
  assert.equal([link().mtu, existsSync(dataDir)], [1500, false]);
  await del(driven({ mtu: 1400 }, { trusted: false }));
});

kernel("refuses to be without prevResult", async () => {
  const { prevResult: _, ...alone } = driven({ mtu: 1400 });
  assert.match((await rejects(add(alone), code.invalidConfig)).message, /chained/);
  assert.is(link().mtu, 1500);
});

kernel("asks the node's list where there is one; DEL does not", async () => {
  const one = driven({ sysctl: { "net.ipv4.conf.all.log_martians": "1" } });
  const listed = (list: string): Partial<Driven> => ({ through: () => ({ readTextIfPresent: () => list }) });
  assert.match((await rejects(add({ ...one, ...listed("^net\\.core") }), code.invalidConfig)).message,
    /allowlist\.conf does not allow it/);
  assert.is(martians(), "0");
  await del({ ...one, ...listed("^net\\.core") });
  await add({ ...one, ...listed("^net\\.ipv4") });
  assert.is(martians(), "1");
});

kernel("CHECK sees whatever is another, somebody else's promiscuous mode included", async () => {
  const one = driven({ mac, mtu: 1400, allmulti: true, txQLen: 5, sysctl: { "net.ipv4.conf.all.log_martians": "1" } });
  const prevResult = await add(one);
  for (const [words, back, message] of [
    ["address 02:00:00:00:00:0b", `address ${mac}`, /its mac is/],
      ["mtu 1300", "mtu 1400", /its mtu is 1300, expected 1400/],
    ["allmulticast off", "allmulticast on", /its allmulti is false/],
      ["txqueuelen 6", "txqueuelen 5", /its txQLen is 6/],
    ["promisc on", "promisc off", /its promisc is true, expected false/],
  ] as const) {
    netns.exec("ip", "link", "set", "eth0", ...words.split(" "));
    assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message, message);
    netns.exec("ip", "link", "set", "eth0", ...back.split(" "));
  }
  await check({ ...one, prevResult });
  netns.exec("sh", "-c", "echo 0 >/proc/sys/net/ipv4/conf/all/log_martians");
  assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message,
    /log_martians: it is "0", expected "1"/);
});

kernel("DEL forgets an interface that is gone, with its namespace or alone, and what it cannot read", async () => {
  const one = driven({ mtu: 1400 });
  for (const where of ["", "/run/netns/none"]) {
    await add(one);
    await del({ ...one, netns: where });
    assert.not.ok(existsSync(backup()), where);
  }
  await add(one);
  netns.exec("ip", "link", "delete", "eth0");
  await del(one);
  assert.not.ok(existsSync(backup()));
  netns.exec("ip", "link", "add", "eth0", "type", "veth", "peer", "far0");
  writeFileSync(backup(), "[");
  await del(one);
  assert.not.ok(existsSync(backup()));
});

kernel("GC forgets what no valid attachment accounts for, of its own network", async () => {
  const one = driven({ mtu: 1400 });
  await add(one);
  await add({ ...one, containerId: "kept" });
  await add({ ...one, containerId: "elsewhere", conf: { ...one.conf, name: "another" } });
  writeFileSync(join(dataDir, "theirs_eth0.json"), '{\n "mtu": 1500\n}');
  await gc(one, undefined);
  await gc(one, [{ containerID: "kept", ifname: "eth0" }]);
  assert.equal(readdirSync(dataDir).sort(), ["elsewhere_eth0.json", "kept_eth0.json", "theirs_eth0.json"]);
});

kernel("DEL says what it could not give back, and keeps the note", async () => {
  const one = driven({ mtu: 1400 });
  await add(one);
  writeFileSync(backup(), '{"mtu": 100000000}');
  await rejects(del(one), code.kernel);
  assert.ok(existsSync(backup()));
});

for (const [key, value, is] of [
  ["net.ipv4.conf.IFNAME.arp_notify", "abc", /to "abc": the kernel does not take that value \(EINVAL\)/],
  ["net.ipv4.conf.IFNAME.arp_notify", "", /^Cannot set sysctl ".*arp_notify": its value is empty, expected one$/],
  ["net.ipv4.conf", "1", /: it is a directory of sysctls, expected one of those in it/],
  ["net.ipv4.conf.IFNAME.nothing", "1", /: this kernel has none of that name/],
  ["net.ipv4.ip_forward.x", "1", /: a part of its name is a sysctl itself/],
  ["net.ipv4.route.flush", "1", /^Cannot set sysctl "net\.ipv4\.route\.flush" to "1": it can only be read, or only be/],
] as const) {
  kernel(`a sysctl that cannot be ${JSON.stringify(value)} is refused by its name: ${key}`, async () => {
    const all = { "net.ipv4.conf.all.log_martians": "1", [key]: value };
    const before = netns.exec("cat", "/proc/sys/net/ipv4/conf/all/log_martians");
    const { message } = await rejects(add(driven({ mtu: 1400, sysctl: all })), code.invalidConfig);
    assert.match(message, is);
    assert.is(netns.exec("cat", "/proc/sys/net/ipv4/conf/all/log_martians"), before);
    assert.not.ok(existsSync(backup()));
  });
}

kernel("a MAC that the interface has no room for is refused by its key before anything is set", async () => {
  const long = "02:00:00:00:00:00:00:01", sysctl = { "net.ipv4.conf.all.log_martians": "1" };
  for (const [conf, args, key] of [
    [{ mac: long }, "", "mac"], [{ runtimeConfig: { mac: long } }, "", "runtimeConfig.mac"],
    [{}, `MAC=${long}`, "CNI_ARGS MAC"], [{ args: { cni: { mac: "01:00:5e:00:00:01" } } }, "", "args.cni.mac"],
  ] as const) {
    const before = kernelState(netns);
    const { message } = await rejects(add(driven({ ...conf, sysctl }, { args })), code.invalidConfig);
    assert.match(message, `Cannot use ${key}: `);
    assert.equal(kernelState(netns), before);
    assert.is(netns.exec("cat", "/proc/sys/net/ipv4/conf/all/log_martians"), "0\n");
  }
});

kernel("a failure at any step leaves the interface and its sysctls as before", async () => {
  const conf = { mac, mtu: 1400, promisc: true, sysctl: { "net.ipv4.conf.all.log_martians": "1" } };
  const state = () => [kernelState(netns), existsSync(backup())];
  const reset = () => {
    netns.exec("sh", "-c", "echo 0 >/proc/sys/net/ipv4/conf/all/log_martians");
    return state();
  };
  assert.ok(await failures(driven(conf), reset) > 3);
});

kernel.run();
