import { mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { hostDevice, hostDeviceIn } from "../../../src/plugins/host-device/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, reservations } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../../helpers/netns.ts";

const kernel = kernelSuite("host-device", import.meta.url);

const mac = "02:00:00:00:0a:01";
let netns: TestNetns;
let sysfs = "";

kernel.before.each(() => {
  netns = makeNetns();
  run("ip", "link", "add", "dev0", "address", mac, "type", "veth", "peer", "far0");
  run("ip", "link", "set", "far0", "up");
  sysfs = mkdtempSync(join(tmpdir(), "sysfs-"));
});
kernel.after.each(() => {
  netns.remove();
  for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
  rmSync(sysfs, { recursive: true });
  reservations.clear();
});

const ipam = { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" }],
  routes: [{ dst: "0.0.0.0/0" }] };

function driven(conf: object, more: Partial<Driven> = {}): Driven {
  return { plugin: hostDevice, netns: netns.path, conf: { device: "dev0", ...conf }, ...more };
}

const names = (where?: TestNetns): string[] => ipJson("link show", where).map((one) => one.ifname).sort();
const linkOf = (name: string, where?: TestNetns) => ipJson("link show", where).find((one) => one.ifname === name);
const isUp = (name: string, where?: TestNetns): boolean => linkOf(name, where).flags.includes("UP");

for (const cniVersion of allVersions.filter((version) => compareVersions(version, "0.3.0") >= 0)) {
  kernel(`by name without IPAM, cniVersion ${cniVersion}`, async () => {
    const one = driven({}, { cniVersion });
    const result = await add(one);
    assert.equal(result.interfaces, [{ name: "eth0", mac, sandbox: netns.path }]);
    assert.equal(names(), ["far0", "lo"]);
    assert.equal([linkOf("eth0", netns).address, linkOf("eth0", netns).ifalias, isUp("eth0", netns)],
      [mac, "dev0", true]);
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    await del({ ...one, prevResult: result });
    assert.equal(names(netns), ["lo"]);
    assert.equal([linkOf("dev0").address, linkOf("dev0").ifalias ?? "", isUp("dev0")], [mac, "", false]);
    await del(one);
  });

  kernel(`with IPAM, cniVersion ${cniVersion}`, async () => {
    const one = driven({ ipam, dns: { nameservers: ["192.0.2.53"] } }, { cniVersion });
    const result = await add(one);
    assert.equal(result.ips, [{ address: "10.1.2.3/24", gateway: "10.1.2.1", interface: 0 }]);
    assert.equal(result.dns, { nameservers: ["192.0.2.53"] });
    const info = ipJson("addr show dev eth0", netns)[0].addr_info.find((entry: any) => entry.family === "inet");
    assert.equal([info.local, info.prefixlen, info.broadcast], ["10.1.2.3", 24, "10.1.2.255"]);
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    await del({ ...one, prevResult: result });
    assert.ok(names().includes("dev0"));
    assert.is(reservations.size, 0);
  });

  kernel(`DPDK, cniVersion ${cniVersion}`, async () => {
    mkdirSync(join(sysfs, "bus/pci/devices/0000:00:05.0"), { recursive: true });
    symlinkSync("../../drivers/vfio-pci", join(sysfs, "bus/pci/devices/0000:00:05.0/driver"));
    const one = driven({ device: "", pciBusID: "0000:00:05.0", ipam }, { plugin: hostDeviceIn(sysfs), cniVersion });
    const result = await add(one);
    assert.equal(result.interfaces, [{ name: "eth0", sandbox: netns.path, pciID: "0000:00:05.0" }]);
    assert.is(result.ips.length, 1);
    assert.equal(names(netns), ["lo"]);
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    await del({ ...one, prevResult: result });
    assert.is(reservations.size, 0);
  });
}

const selections: readonly (readonly [string, string, object])[] = [
  ["hwaddr", "", { hwaddr: mac.toUpperCase() }],
  ["kernelpath", "devices/pci0/0000:00:03.0/net/dev0", { kernelpath: "/sys/devices/pci0/0000:00:03.0" }],
  ["pciBusID", "bus/pci/devices/0000:00:03.0/net/dev0", { pciBusID: "0000:00:03.0" }],
  ["an auxiliary device's id", "bus/auxiliary/devices/mlx5_core.sf.4/net/dev0",
    { runtimeConfig: { deviceID: "mlx5_core.sf.4" } }],
];
for (const [name, folder, conf] of selections) {
  kernel(`by ${name}`, async () => {
    if (folder !== "") mkdirSync(join(sysfs, folder), { recursive: true });
    mkdirSync(join(sysfs, "bus/pci/devices/0000:00:03.0"), { recursive: true });
    symlinkSync("../../drivers/e1000", join(sysfs, "bus/pci/devices/0000:00:03.0/driver"));
    const one = driven({ device: "", ...conf }, { plugin: hostDeviceIn(sysfs) });
    assert.is((await add(one)).interfaces[0]?.mac, mac);
    assert.is(linkOf("eth0", netns).ifalias, "dev0");
    await del(one);
    assert.ok(names().includes("dev0"));
  });
}

kernel("no selector, and a device that is not there, are refused", async () => {
  await rejects(add(driven({ device: "" })), code.invalidConfig);
  assert.match((await rejects(add(driven({ device: "none" })), code.invalidConfig)).message, /device "none"/);
});

kernel("DEL while the host has a link of the old name: the device stays as it is until that is gone", async () => {
  await add(driven({ ipam }));
  run("ip", "link", "add", "dev0", "type", "veth", "peer", "far1");
  assert.match((await rejects(del(driven({ ipam })), code.tryAgainLater)).message, /the host has a link of that name/);
  assert.ok(isUp("eth0", netns));
  assert.is(linkOf("eth0", netns).ifalias, "dev0");
  run("ip", "link", "delete", "dev0");
  await del(driven({ ipam }));
  assert.is(linkOf("dev0").address, mac);
});

kernel("the container has an interface of the device's name, which stays untouched", async () => {
  netns.exec("ip", "link", "add", "dev0", "address", "02:00:00:00:0b:01", "type", "veth", "peer", "other");
  await add(driven({}));
  assert.equal([linkOf("dev0", netns).address, linkOf("eth0", netns).address], ["02:00:00:00:0b:01", mac]);
  await del(driven({}));
  assert.equal([linkOf("dev0", netns).address, linkOf("dev0").address], ["02:00:00:00:0b:01", mac]);
});

kernel("the host has a link of the interface's name, which stays untouched", async () => {
  run("ip", "link", "add", "eth0", "address", "02:00:00:00:0b:02", "type", "veth", "peer", "other");
  await add(driven({}));
  assert.is(linkOf("eth0", netns).address, mac);
  await del(driven({}));
  assert.equal([linkOf("eth0").address, linkOf("dev0").address], ["02:00:00:00:0b:02", mac]);
});

kernel("the container has an interface of CNI_IFNAME: refused, and both stay", async () => {
  netns.exec("ip", "link", "add", "eth0", "type", "veth", "peer", "other");
  const before = kernelState(netns);
  assert.match((await rejects(add(driven({})), code.invalidConfig)).message, /has an interface of that name already/);
  assert.equal(kernelState(netns), before);
});

kernel("an interface that is none of ours stays where it is on DEL", async () => {
  netns.exec("ip", "link", "add", "eth0", "type", "veth", "peer", "other");
  await del(driven({}));
  assert.ok(names(netns).includes("eth0"));
});

kernel("DEL without namespace, and with one that is gone, releases the addresses", async () => {
  for (const path of ["", "/run/netns/none"]) {
    reservations.add("test-container/eth0");
    await del(driven({ ipam }, { netns: path }));
    assert.is(reservations.size, 0);
  }
});

kernel("CHECK finds another MAC", async () => {
  const prevResult = await add(driven({}));
  netns.exec("ip", "link", "set", "eth0", "address", "02:00:00:00:0a:77");
  assert.match((await rejects(check(driven({}, { prevResult })), code.attachmentBroken)).message,
    /its MAC is 02:00:00:00:0a:77/);
});

for (const up of [false, true]) {
  kernel(`a failure at any step leaves the device on the host under its name, ${up ? "up" : "down"}`, async () => {
    run("ip", "link", "set", "dev0", up ? "up" : "down", "alias", "as before");
    const before = isUp("dev0");
    const state = (): unknown => {
      const there = names().includes("dev0");
      if (there) assert.is(isUp("dev0"), before);
      return kernelState(netns);
    };
    const count = await failures(driven({ ipam }), state);
    assert.ok(count > 6, `only ${count} steps were made to fail`);
  });
}

for (const [title, conf, withResult] of [
  ["by its name on the host", { device: "dev0" }, false],
  ["by its MAC", { hwaddr: mac }, false],
  ["by the MAC of the ADD's result", { device: "dev0-by-another-name" }, true],
] as const) {
  kernel(`a device that the container has renamed is found ${title}`, async () => {
    run("ip", "link", "property", "add", "dev", "dev0", "altname", "dev0-by-another-name");
    const one = driven({ ...conf, ipam });
    const result = await add({ ...one, conf: { device: undefined, ...conf, ipam } });
    netns.exec("ip", "link", "set", "eth0", "down");
    netns.exec("ip", "link", "set", "eth0", "name", "lan0");
    const gone = { ...one, conf: { device: undefined, ...conf, ipam }, ...(withResult ? { prevResult: result } : {}) };
    await del(gone);
    assert.equal([names(netns), linkOf("dev0").address, linkOf("dev0").ifalias], [["lo"], mac, undefined]);
    assert.is(reservations.size, 0);
    await del(gone);
  });
}

kernel("a renamed device is told by its MAC from a link that the container has given its alias", async () => {
  const one = driven({}), result = await add(one);
  netns.exec("ip", "link", "add", "other0", "type", "veth", "peer", "name", "other1");
  netns.exec("ip", "link", "set", "other0", "alias", "dev0");
  netns.exec("ip", "link", "set", "eth0", "down");
  netns.exec("ip", "link", "set", "eth0", "name", "lan0");
  await del({ ...one, prevResult: result });
  assert.equal([names(netns).sort(), linkOf("dev0").address], [["lo", "other0", "other1"], mac]);
});

kernel("DEL says so when the device cannot be found any more, and not when it is back", async () => {
  const warnings: string[] = [];
  const log = { error() {}, verbose() {}, debug() {}, warn: (line: string) => void warnings.push(line) };
  const one = driven({}, { log });
  await add(one);
  await del(one);
  await del(one);
  assert.equal(warnings, []);
  await add(one);
  netns.exec("ip", "link", "set", "eth0", "down");
  netns.exec("ip", "link", "set", "eth0", "name", "lan0", "alias", "mine");
  await del(one);
  assert.is(warnings.length, 1);
  assert.match(warnings[0] ?? "", /^Cannot return the device of interface "eth0" to the host: no link/);
  assert.ok(names(netns).includes("lan0"));
});

kernel("an alternative name longer than 15 bytes names the device, which returns under its own", async () => {
  run("ip", "link", "property", "add", "dev", "dev0", "altname", "enx00163e1234567890");
  const one = driven({ device: "enx00163e1234567890" });
  await add(one);
  assert.is(linkOf("eth0", netns).ifalias, "dev0");
  await del(one);
  assert.is(linkOf("dev0").address, mac);
});

for (const [what, make] of [["an ordinary file", "touch"], ["a directory", "mkdir"], ["a pipe", "mkfifo"]] as const)
  kernel(`${what} in the namespace's place: the addresses are released, and it is a warning`, async () => {
    const warnings: string[] = [];
    const log = { error() {}, verbose() {}, debug() {}, warn: (line: string) => void warnings.push(line) };
    run(make, "/run/netns/leftover");
    reservations.add("test-container/eth0");
    const one = driven({ ipam }, { netns: "/run/netns/leftover", log });
    await del(one);
    assert.is(reservations.size, 0);
    assert.match(warnings.join(), `network namespace "/run/netns/leftover" is gone: ${what} is there`);
    assert.match((await rejects(add(one), code.invalidNetns)).message, `"/run/netns/leftover": it is ${what}`);
    run("rm", "-r", "/run/netns/leftover");
  });

kernel.run();
