// src/mux/status.ts with real plugins: STATUS says no where no ADD can work, and only there.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { serve } from "../../src/service/index.ts";
import { kernelSuite, makeNetns, run as shell } from "../helpers/netns.ts";

let directory = "";
const status = kernelSuite("STATUS", import.meta.url, { needs: ["macvlan"] });
status.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "polynic-status-"));
  mkdirSync(join(directory, "bin"));
  shell("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
  shell("ip", "link", "set", "up0", "mtu", "1400");
  shell("ip", "link", "add", "br7", "type", "bridge");
  shell("ip", "link", "set", "up1", "master", "br7");
  shell("ip", "link", "set", "br7", "up");
  shell("mount", "-t", "tmpfs", "tmpfs", "/etc/cni");
  mkdirSync("/etc/cni/tuning");
  writeFileSync("/etc/cni/tuning/allowlist.conf", "^net\\.ipv4\\.");
});
status.after.each(() => {
  rmSync(directory, { recursive: true });
  for (const name of ["up0", "br7"]) shell("ip", "link", "del", name);
  shell("umount", "/etc/cni");
});

interface Said {
  readonly status: number;
  readonly code?: number;
  readonly msg?: string;
}

async function ask(conf: object, name = "polynic", more: Readonly<Record<string, string>> = {}): Promise<Said> {
  const env = { CNI_COMMAND: "STATUS", CNI_PATH: join(directory, "bin"), PATH: process.env["PATH"], ...more };
  const stdin = JSON.stringify({ cniVersion: "1.1.0", name: "pods", type: name, cniDir: join(directory, "cni"),
    binDir: join(directory, "bin"), confDir: join(directory, "net.d"), ...conf });
  const answer = await serve({ name, env, stdin });
  return answer.stdout === "" ? { status: answer.status } : { status: answer.status, ...JSON.parse(answer.stdout) };
}

const delegate = (conf: object, cniVersion: string): object =>
  ({ delegates: [{ cniVersion, name: "blue", ...conf }] });
const hostLocal = (more: object = {}): object =>
  ({ type: "host-local", dataDir: join(directory, "ipam"), subnet: "10.1.0.0/24", ...more });
const bridge = (ipam: object, more: object = {}): object => ({ type: "bridge", bridge: "br9", ipam, ...more });

const unready: readonly (readonly [string, () => object, number, RegExp])[] = [
  ["a subnet that is none", () => bridge(hostLocal({ subnet: "10.1.0.0/33" })), 7, /10\.1\.0\.0\/33/],
  ["no subnet", () => bridge({ type: "host-local", dataDir: directory }), 7, /it has no range/],
  ["ranges that overlap", () => bridge(hostLocal({ ranges: [[{ subnet: "10.1.0.0/25" }]] })), 7, /overlap/],
  ["a gateway that is no address", () => bridge(hostLocal({ gateway: "10.1.0.300" })), 7, /10\.1\.0\.300/],
  ["a route that is none", () => bridge(hostLocal({ routes: [{ dst: "default" }] })), 7, /default/],
  ["a resolvConf that is not there", () => bridge(hostLocal({ resolvConf: join(directory, "none") })), 5, /none/],
  ["a dataDir that cannot be one", () => {
    writeFileSync(join(directory, "file"), "", { mode: 0o755 });
    return bridge(hostLocal({ dataDir: join(directory, "file", "ipam") }));
  }, 50, /\/file is no directory/],
  ["a static address that is none", () => bridge({ type: "static", addresses: [{ address: "10.1.0.300/24" }] }), 7,
    /10\.1\.0\.300\/24/],
  ["an IPAM plugin that is not there", () => bridge({ type: "whereabouts" }), 112, /whereabouts/],
  ["a plugin that gives no addresses as IPAM", () => bridge({ type: "loopback" }), 7, /loopback/],
  ["a plugin that is not there", () => ({ type: "calico" }), 112, /calico/],
  ["a value that the schema refuses", () => bridge(hostLocal(), { vlan: 5000 }), 7, /vlan is 5000/],
  ["values that exclude each other", () => bridge(hostLocal(), { hairpinMode: true, promiscMode: true }), 7, /hairpin/],
  ["a bridge that is another kind of link", () => bridge(hostLocal(), { bridge: "up0" }), 7, /up0.*veth/],
  ["a macvlan master that is not there", () => ({ type: "macvlan", master: "eth9" }), 7, /master "eth9"/],
  ["a vlan master that is not there", () => ({ type: "vlan", vlanId: 5, master: "eth9", ipam: { ...hostLocal() } }), 7,
    /master "eth9"/],
  ["an MTU above the master's", () => ({ type: "macvlan", master: "up0", mtu: 1500 }), 7, /mtu 1500/],
  ["a mode of macvlan that is none", () => ({ type: "macvlan", master: "up0", mode: "bridgey" }), 7, /bridgey/],
  ["a device that nothing selects", () => ({ type: "host-device" }), 7, /Cannot choose a device/],
  ["a bus address that leads nowhere", () => ({ type: "host-device", pciBusID: "0000:ff:1f.7" }), 7, /0000:ff:1f\.7/],
];
const behindBridge = (conf: object): object => ({ plugins: [bridge(hostLocal()), conf] });
const long = "02:00:00:00:00:00:00:01", group = "01:00:5e:00:00:01";
/** What a plugin refuses whatever pod comes, beyond its schema, of each plugin that refuses anything. */
const hopeless: readonly (readonly [string, () => object, number, RegExp])[] = [
  ["an MTU of bridge that no link has", () => bridge(hostLocal(), { mtu: 70000 }), 7, /mtu 70000/],
  ["an MTU of ptp that no link has", () => ({ type: "ptp", mtu: 70000, ipam: hostLocal() }), 7, /mtu 70000/],
  ["an MTU of ipvlan that no link has", () => ({ type: "ipvlan", master: "up0", mtu: 67, ipam: hostLocal() }), 7,
    /mtu 67/],
  ["an MTU of tap that no tap has", () => ({ type: "tap", mtu: 65535 }), 7, /mtu 65535/],
  ["a MAC of macvlan that is too long", () => ({ type: "macvlan", master: "up0", mac: long }), 7, /mac: .* 8 bytes/],
  ["a MAC of tap that is a group's", () => ({ type: "tap", mac: group }), 7, /mac: .* a group's/],
  ["a MAC of bridge that is too long", () => bridge(hostLocal(), { args: { cni: { mac: long } } }), 7, /8 bytes/],
  ["a master that is the loopback link", () => ({ type: "macvlan", master: "lo" }), 7, /"lo": it is the loopback/],
  ["a master of vlan that is the loopback link", () => ({ type: "vlan", master: "lo", ipam: hostLocal() }), 7, /"lo"/],
  ["a master that is a bridge's port", () => ({ type: "macvlan", master: "up1" }), 7,
    /"up1": it is a port of bridge "br7"/],
  ["a master of ipvlan that is a bridge's port", () => ({ type: "ipvlan", master: "up1", ipam: hostLocal() }), 7,
    /"up1": it is a port of bridge "br7"/],
  ["ipvlan first, without addresses", () => ({ type: "ipvlan", master: "up0" }), 7, /"ipvlan" first in network "blue"/],
  ["ipvlan first, without a type of IPAM", () => ({ type: "ipvlan", master: "up0", IPAM: { type: "" } }), 7, /first/],
  ["dummy without addresses", () => ({ type: "dummy" }), 7, /it has no ipam\.type/],
  ["two plugins that each make the interface", () => behindBridge({ type: "ptp", ipam: hostLocal() }), 7,
    /"ptp" behind plugin "bridge" in network "blue": each makes the interface/],
  ["a VRF that no link can be called", () => behindBridge({ type: "vrf", vrfname: "a/b" }), 7, /vrfname "a\/b"/],
  ["a VRF with the name of every container's loopback", () => behindBridge({ type: "vrf", vrfname: "lo" }), 7,
    /vrfname "lo"/],
  ["a VRF with NUL in its name", () => behindBridge({ type: "vrf", vrfname: "a\0b" }), 7, /vrfname "a\\?u?0000b"/],
  ["a burst that holds no byte", () => behindBridge({ type: "bandwidth", ingressRate: 8e6, ingressBurst: 1 }), 7,
    /ingressBurst is 1 bits/],
  ["two gateways of a family", () => behindBridge({ type: "sbr", gateways: ["10.1.0.1", "10.1.0.2"] }), 7, /gateways/],
  ["a sysctl that is not the container's", () => behindBridge({ type: "tuning", sysctl: { "kernel.x": "1" } }), 7,
    /"kernel\.x"/],
  ["a sysctl that the node does not allow",
    () => behindBridge({ type: "tuning", sysctl: { "net.core.somaxconn": "1" } }), 7,
    /"net\.core\.somaxconn": \/etc\/cni\/tuning\/allowlist\.conf does not allow it/],
  ["a chain that is the firewall's", () => behindBridge({ type: "firewall", iptablesAdminChainName: "FORWARD" }), 7,
    /iptablesAdminChainName "FORWARD"/],
  ["a mark beside another program's",
    () => behindBridge({ type: "portmap", markMasqBit: 3, externalSetMarkChain: "A" }), 7,
    /markMasqBit and externalSetMarkChain/],
  ["a chain that is too long", () => behindBridge({ type: "portmap", externalSetMarkChain: "A".repeat(29) }), 7,
    /externalSetMarkChain "A{29}"/],
  ["a VXLAN without peers", () => ({ type: "vxlan", vni: 7, ipam: hostLocal() }), 7, /neither "peers" nor "group"/],
  ["flanneld that has not run", () => ({ type: "flannel", subnetFile: join(directory, "none") }), 50,
    /subnetFile .*none/],
  ["a DHCP daemon that does not run", () => bridge({ type: "dhcp", daemonSocketPath: join(directory, "sock") }), 50,
    /no such socket/],
  ["a module that is not installed", () => bridge({ type: "wasm", module: "none" }), 140, /none/],
  ["a device's place that is none", () => ({ type: "host-device", kernelpath: "/sys/devices/pci0000:ff/none" }), 7,
    /kernelpath "\/sys\/devices\/pci0000:ff\/none": (this machine has no such device|the host has no such link)$/],
];
for (const cniVersion of ["1.0.0", "1.1.0"]) {
  for (const [what, conf, code, says] of hopeless) {
    status(`is not ready with ${what}, in version ${cniVersion}, and an ADD fails`, async () => {
      const said = await ask(delegate(conf(), cniVersion));
      assert.equal([said.status, said.code], [1, code], JSON.stringify(said));
      assert.match(said.msg ?? "", says);
      const netns = makeNetns(), added = await ask({ ...delegate(conf(), cniVersion), cniVersion }, "polynic", {
        CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_NETNS: netns.path });
      assert.is(added.status, 1, JSON.stringify(added));
      assert.match(added.msg ?? "", code === 50 ? /./ : says);
      netns.remove();
    });
  }
}

for (const cniVersion of ["0.3.1", "1.0.0", "1.1.0"]) {
  for (const [what, conf, code, says] of unready) {
    status(`is not ready with ${what}, in version ${cniVersion}`, async () => {
      const said = await ask(delegate(conf(), cniVersion));
      assert.is(said.code, code, JSON.stringify(said));
      assert.match(said.msg ?? "", says);
      assert.not(existsSync(join(directory, "cni")), "it looks, and makes nothing");
    });
  }
}

status("is not ready with a plugin first that works on what one before it has made", async () => {
  const said = await ask(delegate({ type: "portmap", backend: "nftables" }, "1.0.0"));
  assert.match(said.msg ?? "", /"portmap" first in network "blue"/);
  const behind = { plugins: [bridge(hostLocal()), { type: "portmap", backend: "nftables" }] };
  assert.equal(await ask(delegate(behind, "1.0.0")), { status: 0 });
});

status("is not ready with a cniDir in which nothing can be written, or names that no interface can have", async () => {
  const good = delegate(bridge(hostLocal()), "1.0.0"), netns = makeNetns(), readOnly = join(directory, "read-only");
  const add = { CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_IFNAME: "eth0", CNI_NETNS: netns.path };
  writeFileSync(join(directory, "file"), "", { mode: 0o755 });
  mkdirSync(readOnly);
  shell("mount", "-t", "tmpfs", "-o", "ro", "tmpfs", readOnly);
  for (const [more, code, says] of [
    [{ cniDir: join(directory, "file") }, 50, /^Cannot write down what is attached in cniDir .*\/file is no directory/],
    [{ cniDir: join(directory, "file", "x") }, 50, /\/file is no directory, expected a directory/],
    [{ cniDir: join(readOnly, "x") }, 50, /\/read-only is not writable: EROFS/],
    [{ cniDir: "/proc/x/y" }, 50, /cniDir \/proc\/x\/y: \/proc is the kernel's, where nobody makes files/],
    [{ interfaceNames: { blue: "a/b" } }, 7, /^Cannot use interface name "a\/b" for network "blue"/],
    [{ interfaceNames: { blue: "x".repeat(16) } }, 7, /it is longer than 15 bytes/],
  ] as const) {
    const said = await ask({ ...good, ...more });
    assert.equal([said.status, said.code], [1, code], JSON.stringify(said));
    assert.match(said.msg ?? "", says);
    assert.is((await ask({ ...good, ...more }, "polynic", add)).status, 1);
  }
  shell("umount", readOnly);
  netns.remove();
  assert.equal(await ask({ ...good, interfaceNames: { blue: "lan0" } }), { status: 0 });
});

status("is not ready with a version that a plugin does not speak", async () => {
  assert.is((await ask(delegate(bridge(hostLocal()), "9.0.0"))).code, 1);
});

status("is not ready with any of several networks", async () => {
  const good = { cniVersion: "1.1.0", name: "one", ...bridge(hostLocal()) };
  const said = await ask({ delegates: [good, { cniVersion: "0.4.0", name: "two", type: "macvlan", master: "eth9" }] });
  assert.match(said.msg ?? "", /master "eth9"/);
});

status("is not ready with a kubeconfig that is not there, or a file of it that is not", async () => {
  const conf = delegate(bridge(hostLocal()), "1.0.0"), kubeconfig = join(directory, "kubeconfig");
  const missing = await ask({ ...conf, kubeconfig });
  assert.is(missing.code, 7);
  assert.match(missing.msg ?? "", /kubeconfig ".*\/kubeconfig": it is not there/);
  const user = { tokenFile: join(directory, "token") };
  writeFileSync(kubeconfig, JSON.stringify({ "current-context": "a",
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    clusters: [{ name: "a", cluster: { server: "https://127.0.0.1:1" } }], users: [{ name: "a", user }] }));
  const noToken = await ask({ ...conf, kubeconfig });
  assert.is(noToken.code, 7);
  assert.match(noToken.msg ?? "", /tokenFile names .*\/token/);
  writeFileSync(user.tokenFile, "secret");
  assert.equal(await ask({ ...conf, kubeconfig }), { status: 0 }, "nobody is asked, so nobody need answer");
});

status("answers at once when the default network's indicator is not there", async () => {
  const file = join(directory, "ready"), conf = { ...delegate(bridge(hostLocal()), "1.0.0"),
    readinessindicatorfile: file };
  const late = new Promise<"waits">((resolve) => setTimeout(resolve, 20_000, "waits").unref());
  const early = await Promise.race([ask(conf), late]);
  assert.not.equal(early, "waits");
  assert.equal(typeof early === "object" && early.code, 50);
  writeFileSync(file, "");
  assert.equal(await ask(conf), { status: 0 });
});

status("is not ready with a module for merging that is not installed, where there is something to merge", async () => {
  const one = { cniVersion: "1.0.0", name: "one", ...bridge(hostLocal()) };
  const conf = { moduleDir: join(directory, "modules"), mergeModule: "mine" };
  assert.is((await ask({ ...conf, delegates: [one, { ...one, name: "two" }] })).code, 140);
  assert.equal(await ask({ ...conf, delegates: [one] }), { status: 0 });
  assert.equal(await ask({ ...conf, mergeResults: false, delegates: [one, { ...one, name: "two" }] }), { status: 0 });
});

const ready: readonly (readonly [string, () => object])[] = [
  ["a network that works", () => bridge(hostLocal())],
  ["ranges that the runtime gives", () => bridge({ type: "host-local", dataDir: directory },
    { capabilities: { ipRanges: true } })],
  ["static addresses that the runtime gives", () => bridge({ type: "static" }, { capabilities: { ips: true } })],
  ["a device that the runtime gives", () => ({ type: "host-device", capabilities: { deviceID: true } })],
  ["a device that is not there now", () => ({ type: "host-device", device: "eth9" })],
  ["a master in the container", () => ({ type: "macvlan", master: "eth9", linkInContainer: true })],
  ["masquerading", () => bridge(hostLocal(), { ipMasq: true, ipMasqBackend: "nftables", macspoofchk: true })],
  ["ipvlan behind a plugin that gives addresses", () => behindBridge({ type: "ipvlan", master: "up0" })],
  ["a sysctl that the node allows", () =>
    behindBridge({ type: "tuning", sysctl: { "net.ipv4.ip_forward": "1" }, mac: "02:00:00:00:00:01" })],
  ["a bridge that is not there yet", () => bridge(hostLocal(), { bridge: "br8" })],
  ["a DPDK device by its name", () => ({ type: "host-device", device: "eth9", DPDKMode: true })],
];
for (const [what, conf] of ready) {
  status(`is ready with ${what}`, async () => {
    for (const cniVersion of ["0.4.0", "1.1.0"])
      assert.equal(await ask(delegate(conf(), cniVersion)), { status: 0 }, cniVersion);
  });
}

status("is ready with a pool that is exhausted: a container's end mends it", async () => {
  const folder = join(directory, "ipam", "blue");
  mkdirSync(folder, { recursive: true });
  for (const address of ["10.1.0.2", "10.1.0.1"]) writeFileSync(join(folder, address), "c9\r\neth0");
  for (const cniVersion of ["0.4.0", "1.1.0"])
    assert.equal(await ask(delegate(bridge(hostLocal({ subnet: "10.1.0.0/30" })), cniVersion)), { status: 0 });
});

status("asks executables from 1.1.0 on, when the verb came, and looks for them before", async () => {
  const file = join(directory, "bin", "odd");
  writeFileSync(file, '#!/bin/sh\necho \'{"code":50,"msg":"no daemon"}\'\nexit 1\n');
  chmodSync(file, 0o755);
  assert.equal(await ask(delegate({ type: "odd" }, "1.0.0")), { status: 0 });
  const asked = await ask(delegate({ type: "odd" }, "1.1.0"));
  assert.equal([asked.code, asked.msg], [50, "no daemon"]);
});

for (const [name, conf, says] of [
  ["host-local", { ipam: { type: "host-local", subnet: "10.1.0.0/33" } }, /10\.1\.0\.0\/33/],
  ["static", { ipam: { type: "static", addresses: [{ address: "10.1.0.300/24" }] } }, /10\.1\.0\.300\/24/],
  ["macvlan", { master: "eth9" }, /master "eth9"/],
  ["bridge", { bridge: "up0" }, /up0.*veth/],
] as const) {
  status(`of ${name} alone says the same`, async () => {
    const said = await ask(conf, name);
    assert.is(said.code, 7);
    assert.match(said.msg ?? "", says);
  });
}
status.run();
