import * as assert from "uvu/assert";
import type { IpConfig, Result } from "../../../src/cni/index.ts";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { bridge } from "../../../src/plugins/bridge/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc, reservations, status } from "../../helpers/handles.ts";
import type { KernelSuite, TestNetns } from "../../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, nftJson, run } from "../../helpers/netns.ts";

let netns: TestNetns;

function useFreshNetns(kernel: Pick<KernelSuite, "before" | "after">): void {
  kernel.before.each(() => {
    netns = makeNetns();
  });
  kernel.after.each(() => {
    netns.remove();
    // Deleting a namespace lets its links go a moment later; a bridge without ports goes at once.
    for (const link of ipJson("link show")) if (link.ifname !== "lo") attempt("ip", "link", "delete", link.ifname);
    reservations.clear();
  });
}

function driven(conf: object, more: Partial<Driven> = {}): Driven {
  return { plugin: bridge, netns: netns.path, conf: { bridge: "br0", ...conf }, ...more };
}

const hostLink = (name: string) => ipJson("link show").find((link) => link.ifname === name);
const hostNames = () => ipJson("link show").map((link) => link.ifname).sort();
const globals = (where: TestNetns | undefined, link: string): string[] => (
  ipJson(`addr show dev ${link}`,
    where)[0]?.addr_info.filter((info: any) => info.scope === "global")
      .map((info: any) => `${info.local}/${info.prefixlen}`) ?? []);

const kernel = kernelSuite("bridge", import.meta.url);
useFreshNetns(kernel);

const shapes: readonly (readonly [string, readonly IpConfig[], readonly string[], readonly string[]])[] = [
  ["IPv4", [{ address: "10.1.2.3/24" }], ["10.1.2.1/24"], ["10.1.2.1"]],
  ["IPv6", [{ address: "2001:db8::2/64" }], ["2001:db8::1/64"], ["2001:db8::1"]],
  ["both families", [{ address: "10.1.2.3/24" }, { address: "2001:db8::2/64" }], ["10.1.2.1/24", "2001:db8::1/64"],
    ["10.1.2.1", "2001:db8::1"]],
  ["IPv4 and two IPv6 networks", [{ address: "10.1.2.3/24" }, { address: "2001:db8::2/64" },
    { address: "2001:db8:1::2/64" }],
    ["10.1.2.1/24", "2001:db8::1/64", "2001:db8:1::1/64"], ["10.1.2.1", "2001:db8::1"]],
];

for (const cniVersion of allVersions) {
  kernel(`ADD, CHECK and DEL with a default gateway, cniVersion ${cniVersion}`, async () => {
    for (const [shape, addresses, gateways, vias] of shapes) {
      const one = driven({ isDefaultGateway: true, ipam: { type: "test", addresses,
        dns: { nameservers: ["192.0.2.53"] } } }, { cniVersion });
      const result = await add(one);
      assertShape(result);
      assert.equal(result.ips.map((ip) => [ip.interface, ip.address]), addresses.map((ip) => [2, ip.address]), shape);
      assert.equal(result.dns, { nameservers: ["192.0.2.53"] });

      assert.is(hostNames().length, 3, "lo, bridge and host end, nothing else");
      assert.not.ok(hostLink("br0").linkinfo.info_data.vlan_filtering);
      assert.equal([...globals(undefined, "br0")].sort(), [...gateways].sort(), shape);
      assert.equal([...globals(netns, "eth0")].sort(), addresses.map((ip) => ip.address).sort(), shape);
      const defaults = [...ipJson("-4 route show default", netns), ...ipJson("-6 route show default", netns)];
      assert.equal(defaults.map((route) => route.gateway), vias, shape);
      for (const route of defaults) assert.not("prefsrc" in route);

      if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
      const mac = hostLink("br0").address;
      await del({ ...one, prevResult: result });
      assert.equal(hostNames(), ["br0", "lo"], `after DEL, ${shape}`);
      assert.is(hostLink("br0").address, mac, "the bridge keeps its MAC");
      assert.is(reservations.size, 0);
      await del(one);
      run("ip", "link", "delete", "br0");
    }
  });

  kernel(`layer 2, cniVersion ${cniVersion}`, async () => {
    const one = driven({}, { cniVersion });
    if (compareVersions(cniVersion, "0.3.0") < 0) {
      const error = await add(one).then(() => undefined, (failed: Error) => failed);
      assert.match(error?.message ?? "", /no valid IP/i);
    } else {
      const result = await add(one);
      assertShape(result);
      assert.equal(result.ips, []);
      assert.is(ipJson("link show eth0", netns)[0].operstate, "UP");
      if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    }
    await del(one);
    assert.equal(hostNames(), ["br0", "lo"]);
  });
}

/** The bridge, the host end, the container end. */
function assertShape({ interfaces }: Result): void {
  assert.is(interfaces.length, 3);
  const [bridgeEntry, hostEntry, containerEntry] = interfaces;
  assert.is(bridgeEntry?.name, "br0");
  assert.match(hostEntry?.name ?? "", /^veth[0-9a-f]{8}$/);
  assert.equal([containerEntry?.name, containerEntry?.sandbox], ["eth0", netns.path]);
  assert.equal([bridgeEntry?.sandbox, hostEntry?.sandbox], [undefined, undefined]);
  assert.is(bridgeEntry?.mac, hostLink("br0").address);
  assert.is(hostEntry?.mac, hostLink(hostEntry?.name ?? "").address);
  assert.is(containerEntry?.mac, ipJson("link show eth0", netns)[0].address);
  for (const { mac } of interfaces) assert.is(mac?.length, 17);
}

kernel("the host end has no transmit queue, ignores advertisements, and both ends have the MTU", async () => {
  await add(driven({ mtu: 1400 }));
  const port = ipJson("link show master br0")[0];
  assert.equal([port.mtu, port.txqlen ?? 0, port.operstate], [1400, 0, "UP"]);
  assert.is(run("sysctl", "-n", `net.ipv6.conf.${port.ifname}.accept_ra`), "0\n");
  assert.is(ipJson("link show eth0", netns)[0].mtu, 1400);
  assert.is(ipJson("link show eth0", netns)[0].txqlen, 1000);
  assert.is(hostLink("br0").mtu, 1400);
});

kernel("an existing bridge is reused with its own MTU", async () => {
  run("ip", "link", "add", "br0", "mtu", "1300", "type", "bridge");
  const { ifindex } = hostLink("br0");
  await add(driven({ mtu: 1400 }));
  assert.is(hostLink("br0").ifindex, ifindex);
  assert.is(hostLink("br0").promiscuity, 0);
});

kernel("a link of that name that is no bridge is refused", async () => {
  run("ip", "link", "add", "br0", "type", "veth", "peer", "other");
  assert.match((await rejects(add(driven({})), code.invalidConfig)).message, /"br0".*veth, expected a bridge/);
});

kernel("promiscMode makes the bridge promiscuous once, however many containers join", async () => {
  const first = await add(driven({ promiscMode: true }));
  await add(driven({ promiscMode: true }, { ifName: "eth1" }));
  assert.is(hostLink("br0").promiscuity, 1);
  await check(driven({ promiscMode: true }, { prevResult: first }));
  assert.match((await rejects(check(driven({}, { prevResult: first })), code.attachmentBroken)).message,
    /promiscuous mode is on, expected it off/);
});

for (const [hairpin, isolated] of [[false, false], [true, false], [false, true], [true, true]]) {
  kernel(`port flags: hairpinMode ${hairpin}, portIsolation ${isolated}`, async () => {
    await add(driven({ hairpinMode: hairpin, portIsolation: isolated }));
    const { hairpin: hasHairpin, isolated: isIsolated } = ipJson("link show master br0")[0].linkinfo.info_slave_data;
    assert.equal([hasHairpin, isIsolated], [hairpin, isolated]);
  });
}

const macs: readonly (readonly [string, object, string])[] = [
  ["CNI_ARGS", {}, "02:00:00:00:00:01"],
  ["args.cni over CNI_ARGS", { args: { cni: { mac: "02-00-00-00-00-02" } } }, "02:00:00:00:00:02"],
  ["runtimeConfig over both, in any spelling", { args: { cni: { mac: "02:00:00:00:00:02" } },
    RuntimeConfig: { mac: "0200.0000.0003" } }, "02:00:00:00:00:03"],
];
for (const [name, conf, mac] of macs) {
  kernel(`the MAC comes from ${name}`, async () => {
    const result = await add(driven(conf, { args: "IgnoreUnknown=true;K8S_POD_NAME=x;MAC=02:00:00:00:00:01" }));
    assert.is(result.interfaces[2]?.mac, mac);
    assert.is(ipJson("link show eth0", netns)[0].address, mac);
  });
}
kernel("a bridge whose last port has left becomes a gateway all the same, and keeps its MAC", async () => {
  await add(driven({}));
  await del(driven({}));
  assert.is(hostLink("br0").address, "00:00:00:00:00:00", "the kernel takes the MAC back with the last port");
  const one = driven({ isGateway: true, ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }] } });
  const result = await add(one);
  const mac = hostLink("br0").address;
  assert.is.not(mac, "00:00:00:00:00:00");
  assert.is(result.interfaces[0]?.mac, mac);
  await check({ ...one, prevResult: result });

kernel("tells the bridge's MAC of that moment, whatever ports it has", async () => {
  run("ip", "link", "add", "br0", "type", "bridge");
  const told = async (netns: TestNetns) =>
    (await add(driven({}, { netns: netns.path }))).interfaces[0]?.mac;
  assert.is(await told(netns), hostLink("br0").address, "its first port's");
  const second = makeNetns(), third = makeNetns();
  const low = "02:00:00:00:00:01";
  assert.is(await told(second), hostLink("br0").address, "the lower one's");
  run("ip", "link", "set", hostNames().find((name) => name.startsWith("veth")) ?? "", "address", low);
  assert.equal([await told(third), hostLink("br0").address], [low, low]);
  for (const one of [second, third]) one.remove();
});
  await del(one);
  assert.is(hostLink("br0").address, mac);
});

kernel("a MAC that is none is refused before anything is made", async () => {
  await rejects(add(driven({}, { args: "MAC=02:00" })), code.invalidEnvironment);
  assert.equal(hostNames(), ["lo"]);
});

const forced: readonly (readonly [string, string, string, boolean])[] = [
  ["IPv4", "10.0.0.2/8", "10.1.2.4/16", true],
  ["overlapping IPv6", "2001:db8:1::2/48", "2001:db8:1:1::2/64", true],
  ["disjoint IPv6", "2001:db8:1::2/64", "2001:db8:2::2/64", false],
];
for (const [name, first, second, conflict] of forced) {
  for (const forceAddress of [false, true]) {
    kernel(`${name} gateways, forceAddress ${forceAddress}`, async () => {
      const conf = (address: string): object => ({ isGateway: true, forceAddress,
        ipam: { type: "test", addresses: [{ address }] } });
      await add(driven(conf(first)));
      const before = globals(undefined, "br0");
      const next = add(driven(conf(second), { ifName: "eth1" }));
      if (conflict && !forceAddress) {
        assert.match((await rejects(next, code.invalidConfig)).message, /"forceAddress"/);
        assert.equal(globals(undefined, "br0"), before);
        assert.is(reservations.size, 1);
        return;
      }
      await next;
      assert.is(globals(undefined, "br0").length, conflict ? 1 : 2);
    });
  }
}

kernel("forwarding is switched on for the families that have a gateway", async () => {
  run("sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv6.conf.all.forwarding=0");
  await add(driven({ isGateway: true, ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }] } }));
  assert.equal([run("sysctl", "-n", "net.ipv4.ip_forward"), run("sysctl", "-n", "net.ipv6.conf.all.forwarding")],
    ["1\n", "0\n"]);
});

kernel("IPv6 is switched on in a container that has it off, also on lo", async () => {
  netns.exec("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1");
  await add(driven({ isGateway: true, ipam: { type: "test", addresses: [{ address: "2001:db8::2/64" }] } }));
  assert.equal(globals(netns, "eth0"), ["2001:db8::2/64"]);
  assert.is(netns.exec("sysctl", "-n", "net.ipv6.conf.lo.disable_ipv6"), "0\n");
  assert.is(netns.exec("sysctl", "-n", "net.ipv6.conf.eth0.keep_addr_on_down"), "1\n");
});

kernel("enabledad switches duplicate detection on and waits for it", async () => {
  netns.exec("sysctl", "-qw", "net.ipv6.conf.default.dad_transmits=1");
  await add(driven({ isGateway: true, enabledad: true, ipam: { type: "test",
    addresses: [{ address: "2001:db8::2/64" }] } }));
  const info = ipJson("addr show dev eth0", netns)[0].addr_info.find((one: any) => one.scope === "global");
  assert.not("tentative" in info);
  assert.is(netns.exec("sysctl", "-n", "net.ipv6.conf.eth0.accept_dad"), "1\n");
});

kernel("an address somebody else has is found, and everything is undone", async () => {
  const first = await add(driven({ isGateway: true, ipam: { type: "test",
    addresses: [{ address: "2001:db8::2/64" }] } }));
  assert.ok(first);
  const second = makeNetns();
  try {
    const one = driven({ isGateway: true, enabledad: true, ipam: { type: "test",
      addresses: [{ address: "2001:db8::2/64" }] } }, { netns: second.path, containerId: "second" });
    assert.match((await rejects(add(one), code.tryAgainLater)).message, /duplicate address detection/);
    assert.is(ipJson("link show", second).length, 1);
    assert.is(ipJson("link show master br0").length, 1);
  } finally {
    second.remove();
  }
});

kernel("disableContainerInterface leaves the container end down, without a link-local address", async () => {
  await add(driven({ disableContainerInterface: true }));
  const [eth0] = ipJson("addr show eth0", netns);
  assert.not.ok(eth0.flags.includes("UP"));
  assert.equal(eth0.addr_info, []);
});

kernel("routes get table, metric, scope and metrics", async () => {
  const routes = [
    { dst: "10.9.0.0/16" },
    { dst: "10.8.0.0/16", gw: "10.1.2.9", priority: 77, mtu: 1400, advmss: 1300 },
    { dst: "10.7.0.0/16", table: 1234, scope: 253, gw: "" },
  ];
  const result = await add(driven({ ipam: { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" }],
    routes: routes.slice(0, 2) } }));
  assert.equal(result.routes, routes.slice(0, 2));
  const [plain, full] = ["10.9.0.0/16", "10.8.0.0/16"].map((dst) => ipJson(`route show ${dst}`, netns)[0]);
  assert.equal([plain.gateway, plain.protocol], ["10.1.2.1", "boot"]);
  assert.equal([full.gateway, full.metric, full.metrics], ["10.1.2.9", 77, [{ mtu: 1400, advmss: 1300 }]]);
  await add(driven({ ipam: { type: "test", addresses: [{ address: "10.5.2.3/24" }], routes: routes.slice(2) } },
    { ifName: "eth1" }));
  assert.is(ipJson("route show table 1234", netns)[0].dst, "10.7.0.0/16");
});

kernel("the configuration's dns replaces IPAM's as soon as it says anything", async () => {
  const ipam = { type: "test", addresses: [{ address: "10.1.2.3/24" }], dns: { nameservers: ["192.0.2.53"] } };
  assert.equal((await add(driven({ ipam, dns: { search: [] } }))).dns, { search: [] });
  assert.equal((await add(driven({ ipam, dns: {} }, { ifName: "eth1" }))).dns, { nameservers: ["192.0.2.53"] });
});

kernel("macspoofchk: rules while attached, none after DEL", async () => {
  const one = driven({ macspoofchk: true });
  const result = await add(one);
  const rules = (): string[] => nftJson("list table bridge nat").filter((entry) => "rule" in entry)
    .map((entry) => entry.rule.chain);
  assert.equal(rules().sort(), ["PREROUTING", "cni-br-iface-test-container-eth0",
    "cni-br-iface-test-container-eth0-mac", "cni-br-iface-test-container-eth0-mac"]);
  await del({ ...one, prevResult: result });
  assert.equal(rules(), []);
});

for (const ipMasqBackend of ["nftables", "iptables"]) {
  kernel(`ipMasq with ${ipMasqBackend}: a rule for the address while attached, none after DEL`, async () => {
    const one = driven({ ipMasq: true, ipMasqBackend, isGateway: true,
      ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }] } });
    const rules = (): number => (ipMasqBackend === "nftables"
      ? nftJson("list chain inet cni_plugins_masquerade masq_checks").filter((entry) => "rule" in entry).length
      : run("iptables-save", "-t", "nat").split("\n").filter((line) => line.startsWith("-A POSTROUTING")
        && line.includes("10.1.2.3")).length);
    const result = await add(one);
    assert.is(rules(), 1);
    await del({ ...one, prevResult: result });
    assert.is(rules(), 0);
  });
}
kernel("an unknown ipMasqBackend is refused before anything is made", async () => {
  await rejects(add(driven({ ipMasq: true, ipMasqBackend: "ipfw" })), code.invalidConfig);
  assert.equal(hostNames(), ["lo"]);
});

kernel("DEL of what was never added, without namespace, and with one that is gone", async () => {
  const conf = { ipMasq: true, ipMasqBackend: "nftables", macspoofchk: true, ipam: { type: "test" } };
  await del(driven(conf));
  await del(driven(conf, { netns: "" }));
  await del(driven(conf, { netns: "/run/netns/none" }));
  await del(driven({ ...conf, vlan: -100, mtu: "big", hairpinMode: true, promiscMode: true }, { args: "no pair" }));
});

kernel("DEL with a path that is no namespace any more succeeds, and releases the addresses", async () => {
  reservations.add("test-container/eth0");
  await del(driven({ ipam: { type: "test" } }, { netns: "/etc/hostname" }));
  assert.is(reservations.size, 0);
});

kernel("GC stops masquerading what is no longer valid, and without a list nothing", async () => {
  const one = driven({ ipMasq: true, ipMasqBackend: "nftables",
    ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }] } });
  const other = driven({ ...one.conf, ipam: { type: "test", addresses: [{ address: "10.1.2.4/24" }] } },
    { ifName: "eth1" });
  await add(one);
  await add(other);
  const rules = (): string[] => nftJson("list chain inet cni_plugins_masquerade masq_checks")
    .filter((entry) => "rule" in entry).map((entry) => entry.rule.comment);
  await gc(one, undefined);
  assert.is(rules().length, 2);
  await gc(one, [{ containerID: "test-container", ifname: "eth1" }]);
  assert.is(rules().length, 1);
  assert.match(rules()[0] ?? "", /if: eth1/);
  await gc(one, []);
  assert.equal(rules(), []);
});

kernel("GC that cannot read one firewall's rules still collects from the other, and says what failed", async () => {
  const one = driven({ ipMasq: true, ipMasqBackend: "iptables", macspoofchk: true,
    ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }] } });
  await add(one);
  run("ip", "link", "delete", hostNames().find((name) => hostLink(name)?.master === "br0") ?? "");
  const refuse = async () => {
    throw new Error("made to fail");
  };
  const through: Driven["through"] = ({ iptables }) => ({ iptables: { ...iptables, save: refuse } });
  const error = await gc({ ...one, through }, []).then(() => undefined, String);
  assert.match(error ?? "", /made to fail/);
  assert.not(run("nft", "list", "table", "bridge", "nat").includes("macspoofchk-"));
});

kernel("CHECK finds what is broken", async () => {
  const one = driven({ isGateway: true, ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }],
    routes: [{ dst: "10.9.0.0/16" }] } });
  const checked = { ...one, prevResult: await add(one) };
  await check(checked);
  await rejects(check(one), code.invalidConfig);
  const breaks: readonly (readonly [RegExp, readonly string[]])[] = [
    [/Cannot find route 10\.9\.0\.0\/16/, ["ip", "route", "delete", "10.9.0.0/16"]],
    [/Cannot find address 10\.1\.2\.3\/24/, ["ip", "addr", "flush", "dev", "eth0"]],
    [/its MAC is/, ["ip", "link", "set", "eth0", "address", "02:00:00:00:00:77"]],
    [/it is gone/, ["ip", "link", "delete", "eth0"]],
  ];
  for (const [message, [program = "", ...args]] of breaks) {
    netns.exec(program, ...args);
    assert.match((await rejects(check(checked), code.attachmentBroken)).message, message);
  }
});

kernel("an interface name that the container has is refused, and stays", async () => {
  const result = await add(driven({}));
  const before = kernelState(netns);
  assert.match((await rejects(add(driven({ ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }] } })),
    code.invalidConfig)).message, /"eth0".*has one of that name already/);
  assert.equal(kernelState(netns), before);
  assert.is(reservations.size, 0);
  await check(driven({}, { prevResult: result }));
});

kernel("an answer of IPAM without addresses is refused and released", async () => {
  run("ip", "link", "add", "br0", "up", "address", "02:00:00:00:00:99", "type", "bridge");
  const before = kernelState(netns);
  assert.match((await rejects(add(driven({ ipam: { type: "test" } })), code.invalidConfig)).message,
    /holds no address/);
  assert.equal(kernelState(netns), before);
  assert.is(reservations.size, 0);
});

kernel("an address that the bridge is to hold as the gateway is refused and released", async () => {
  run("ip", "link", "add", "br0", "up", "address", "02:00:00:00:00:99", "type", "bridge");
  const before = kernelState(netns), ipam = { type: "test", addresses: [{ address: "10.1.2.1/24" }] };
  assert.match((await rejects(add(driven({ isGateway: true, ipam })), code.invalidConfig)).message,
    /Cannot use address 10\.1\.2\.1\/24: it is the gateway/);
  assert.equal(kernelState(netns), before);
  assert.is(reservations.size, 0);
  await add(driven({ isGateway: false, ipam }));
});

kernel("a missing namespace is an error naming it, and nothing is made", async () => {
  assert.match((await rejects(add(driven({}, { netns: "/run/netns/none" })), code.invalidNetns)).message,
    /\/run\/netns\/none/);
  assert.equal(hostNames(), ["lo"]);
});

kernel("the MAC of the operator's bridge does not change when a container joins", async () => {
  run("ip", "link", "add", "up0", "address", "f2:00:00:00:00:01", "type", "veth", "peer", "far0");
  run("ip", "link", "add", "br0", "up", "type", "bridge");
  run("ip", "link", "set", "up0", "up", "master", "br0");
  assert.is(hostLink("br0").address, "f2:00:00:00:00:01");
  const { interfaces } = await add(driven({}));
  assert.match(interfaces[1]?.mac ?? "", /^fe:/);
  assert.is(hostLink("br0").address, "f2:00:00:00:00:01");
  await del(driven({}));
  assert.is(hostLink("br0").address, "f2:00:00:00:00:01");
});

kernel("a backend that there is not matters only where something is masqueraded", async () => {
  const masqueraded = (ipMasqBackend: string, ipMasq: boolean) => driven({ ipMasq, ipMasqBackend });
  for (const backend of ["", "ebtables"]) {
    await add(masqueraded(backend, false));
    await del(masqueraded(backend, false));
    assert.match((await rejects(add(masqueraded(backend, true)), code.invalidConfig)).message, /ipMasqBackend/);
  }
});

for (const name of ["bridge-by-another-name", "short"]) {
  kernel(`a bridge that is there may be called by an alternative name: ${name}`, async () => {
    run("ip", "link", "add", "br5", "type", "bridge");
    run("ip", "link", "property", "add", "dev", "br5", "altname", name);
    const ipam = { type: "test", addresses: [{ address: "10.1.2.3/24" }] };
    const one = driven({ bridge: name, isGateway: true, ipam });
    await status(one);
    const prevResult = await add(one);
    assert.equal(prevResult.interfaces[0]?.name, "br5");
    await check({ ...one, prevResult });
    await del({ ...one, prevResult });
  });
}

kernel("a bridge that is to be made cannot have a name longer than 15 bytes", async () => {
  const one = driven({ bridge: "bridge-by-another-name" });
  for (const refused of [add(one), status(one)])
    assert.match((await rejects(refused, code.invalidConfig)).message, /^Cannot use bridge "bridge-by-[a-z-]+": it is/);
});

kernel("a negative mtu is the kernel's choice, as 0 is", async () => {
  await add(driven({ mtu: -5 }));
  assert.equal([hostLink("br0").mtu, ipJson("link show eth0", netns)[0].mtu], [1500, 1500]);
});

kernel("a kernel without VLAN filtering is said in words", async () => {
  const hasFiltering = attempt("ip", "link", "add", "probe", "type", "bridge", "vlan_filtering", "1").status === 0;
  if (hasFiltering) return void await add(driven({ vlan: 100 }));
  const words = 'Cannot separate VLAN 100 on bridge "br0": this kernel has no VLAN filtering, expected one with ' +
    "CONFIG_BRIDGE_VLAN_FILTERING, or neither vlan nor vlanTrunk";
  assert.is((await rejects(add(driven({ vlan: 100 })), code.kernel)).message, words);
  run("ip", "link", "add", "br0", "type", "bridge");
  assert.is((await rejects(add(driven({ vlan: 100 })), code.kernel)).message, words);
  assert.equal(ipJson("link show", netns).map(({ ifname }) => ifname), ["lo"]);
});

kernel("STATUS asks IPAM, and does without one", async () => {
  await status(driven({ ipam: { type: "test" } }));
  await status(driven({}));
});

kernel("a failure at any step leaves links, addresses, routes and reservations as before", async () => {
  // The bridge and its gateway are shared and stay; so they are there before.
  const conf = {
    isDefaultGateway: true, hairpinMode: true, macspoofchk: true, ipMasq: true, ipMasqBackend: "nftables",
    ipam: { type: "test", addresses: [{ address: "10.1.2.3/24" }, { address: "2001:db8::2/64" }] },
  };
  const one = driven(conf);
  const result = await add(one);
  await del({ ...one, prevResult: result });
  const count = await failures(one, () => kernelState(netns));
  assert.ok(count > 10, `only ${count} steps were made to fail`);
});

kernel.run();
