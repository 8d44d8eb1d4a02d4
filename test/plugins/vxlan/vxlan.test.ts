// src/plugins/vxlan: containers of two nodes on one layer 2.
import * as assert from "uvu/assert";
import { allVersions, code, compareVersions } from "../../../src/cni/index.ts";
import { openNamespace } from "../../../src/kernel/index.ts";
import { vxlan } from "../../../src/plugins/vxlan/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { failures, kernelState } from "../../helpers/failing-handles.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add, check, del, gc, reservations, status } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, bridgeJson, ipJson, kernelSuite, makeNetns, run, until } from "../../helpers/netns.ts";

const kernel = kernelSuite("vxlan", import.meta.url, { needs: ["vxlan", "ipv6"] });

// One node is the namespace of the suite, the other a namespace beside it; u0 and u1 join them.
let other: TestNetns, here: TestNetns, there: TestNetns;
kernel.before(() => {
  other = makeNetns("node2");
  run("ip", "link", "set", "lo", "up");
  other.exec("ip", "link", "set", "lo", "up");
  run("ip", "link", "add", "u0", "type", "veth", "peer", "name", "u1", "netns", other.name);
  for (const [node, link, last] of [[undefined, "u0", 1], [other, "u1", 2]] as const) {
    const ip = (...words: readonly string[]) => (node === undefined ? run("ip", ...words) : node.exec("ip", ...words));
    ip("addr", "add", `192.0.2.${last}/24`, "dev", link);
    ip("addr", "add", `2001:db8::${last}/64`, "dev", link, "nodad");
    ip("link", "set", link, "up");
  }
});
kernel.before.each(() => {
  here = makeNetns("c1");
  there = makeNetns("c2");
});
kernel.after.each(() => {
  for (const netns of [here, there]) netns.remove();
  for (const { ifname } of ipJson("link show")) if (!kept.has(ifname)) attempt("ip", "link", "delete", ifname);
  for (const { ifname } of ipJson("link show", other))
    if (!kept.has(ifname)) attempt("ip", "-n", other.name, "link", "delete", ifname);
  reservations.clear();
});
const kept = new Set(["lo", "u0", "u1"]);

const base = { vni: 42, master: "u0", peers: ["192.0.2.2"] };
const addressed = (...addresses: readonly string[]) => (
  { ipam: { type: "test", addresses: addresses.map((address) => ({ address })) } });
function driven(conf: object = {}, more: Partial<Driven> = {}): Driven {
  return { plugin: vxlan, netns: here.path, containerId: "c1", conf: { ...base, ...addressed("10.9.0.1/24"), ...conf },
    ...more };
}
/** The same on the other node. */
async function onOther<T>(work: (through: NonNullable<Driven["through"]>) => Promise<T>): Promise<T> {
  const host = openNamespace(other.path);
  try {
    return await work(() => ({ host }));
  } finally {
    host.close();
  }
}
const names = (netns?: TestNetns) => ipJson("link show", netns).map(({ ifname }) => ifname)
  .filter((name) => !kept.has(name)).sort();
const link = (name: string) => ipJson(`link show ${name}`)[0];
const peers = () => bridgeJson("fdb show dev vxlan42").filter(({ dst }) => dst !== undefined)
  .map(({ mac, dst, state }) => `${mac} ${dst} ${state}`).sort();
const reaches = async (address: string) => await until(`an answer of ${address}`, () => (
  attempt("ip", "netns", "exec", here.name, "ping", "-c", "1", "-W", "1", address).status === 0));
const zero = "00:00:00:00:00:00";

kernel("an alternative name longer than 15 bytes names the master", async () => {
  run("ip", "link", "property", "add", "dev", "u0", "altname", "enx00163e1234567890");
  const one = driven({ master: "enx00163e1234567890" }), before = names();
  await status(one);
  const prevResult = await add(one);
  assert.is(link("vxlan42").linkinfo.info_data.link, "u0");
  await check({ ...one, prevResult });
  await del({ ...one, prevResult });
  assert.equal(names(), before);
  run("ip", "link", "property", "del", "dev", "u0", "altname", "enx00163e1234567890");
});

for (const cniVersion of allVersions) {
  kernel(`ADD, CHECK, DEL twice, cniVersion ${cniVersion}`, async () => {
    const one = driven({ ttl: 5 }, { cniVersion }), before = names();
    const result = await add(one);
    assert.equal(result.interfaces.map(({ name, sandbox = "" }) => [name.replace(/^veth.*/, "veth"), sandbox]),
      [["vxbr42", ""], ["veth", ""], ["eth0", here.path], ["vxlan42", ""]]);
    assert.equal(result.ips.map((ip) => ip.interface), [2]);
    const { linkinfo, mtu, master, ifalias } = link("vxlan42"), data = linkinfo.info_data;
    assert.equal([linkinfo.info_kind, data.id, data.port, data.link, data.local, data.ttl, data.learning],
      ["vxlan", 42, 4789, "u0", "192.0.2.1", 5, true]);
    assert.equal([mtu, master, ifalias], [1450, "vxbr42", "polynic vxlan testnet"]);
    assert.equal(peers(), [`${zero} 192.0.2.2 permanent`]);
    assert.is(ipJson("link show eth0", here)[0].mtu, 1450);
    assert.is(link("vxbr42").mtu, 1450);
    if (compareVersions(cniVersion, "0.4.0") >= 0) await check({ ...one, prevResult: result });
    await del({ ...one, prevResult: result });
    assert.equal(names(), before);
    assert.is(reservations.size, 0);
    await del(one);
  });
}

for (const [what, conf, otherConf, mtu] of [
  ["IPv4, learned", { peers: ["192.0.2.2"] }, { peers: ["192.0.2.1"] }, 1450],
  ["IPv6, learned", { peers: ["2001:db8::2"] }, { peers: ["2001:db8::1"] }, 1430],
  ["IPv4, a multicast group", { group: "239.1.1.1" }, { group: "239.1.1.1" }, 1450],
  ["IPv6, a multicast group", { group: "ff05::114" }, { group: "ff05::114" }, 1430],
  ["IPv4, another port", { peers: ["192.0.2.2"], port: 8472 }, { peers: ["192.0.2.1"], port: 8472 }, 1450],
] as const) {
  kernel(`containers of two nodes reach each other over ${what}`, async () => {
    await onOther(async (through) => {
      const { peers: _, ...shared } = base;
      const one = driven({ ...shared, ...conf, ...("group" in conf ? { peers: undefined } : {}),
        ...addressed("10.9.0.1/24", "2001:db8:9::1/64") });
      const two = driven({ ...shared, master: "u1", ...otherConf, ...("group" in otherConf ? { peers: undefined } : {}),
        ...addressed("10.9.0.2/24", "2001:db8:9::2/64") }, { netns: there.path, containerId: "c2", through });
      await add(one);
      await add(two);
      assert.is(ipJson("link show eth0", here)[0].mtu, mtu);
      const pings = (...words: readonly string[]) => here.exec("ping", "-c", "1", "-W", "5", ...words);
      // IPv6 addresses are looked for on the network first.
      for (const address of ["10.9.0.2", "2001:db8:9::2"]) await reaches(address);
      // As large as the MTU lets through unfragmented, and one byte more; then one that is fragmented.
      pings("-M", "do", "-s", String(mtu - 28), "10.9.0.2");
      assert.throws(() => pings("-M", "do", "-s", String(mtu - 27), "10.9.0.2"));
      pings("-s", "20000", "10.9.0.2");
      assert.ok(bridgeJson("fdb show dev vxlan42").some(({ dst, mac, state }) => (
        mac !== zero && dst !== undefined && state !== "permanent")), "the other end was learned");
      await del(one);
      await del(two);
      assert.equal([names(), names(other)], [[], []]);
    });
  });
}

kernel("static neighbours are enough, without learning", async () => {
  await onOther(async (through) => {
    const macs = ["02:00:00:00:09:01", "02:00:00:00:09:02"] as const;
    const one = driven({ learning: false, neighbours: [{ mac: macs[1], peer: "192.0.2.2" }] },
      { args: `MAC=${macs[0]}` });
    const two = driven({ master: "u1", peers: ["192.0.2.1"], learning: false,
      neighbours: [{ mac: macs[0], peer: "192.0.2.1" }], ...addressed("10.9.0.2/24") },
    { netns: there.path, containerId: "c2", args: `MAC=${macs[1]}`, through });
    const prevResult = await add(one);
    await add(two);
    assert.equal(peers(), [`${zero} 192.0.2.2 permanent`, `${macs[1]} 192.0.2.2 permanent`]);
    await reaches("10.9.0.2");
    assert.is(link("vxlan42").linkinfo.info_data.learning, false);
    await check({ ...one, prevResult });
    for (const each of [one, two]) await del(each);
  });
});

kernel("the overlay is made once, by two at a time, and goes with the last", async () => {
  const one = driven(), two = driven(addressed("10.9.0.2/24"), { netns: there.path, containerId: "c2" });
  await Promise.all([add(one), add(two)]);
  const { ifindex } = link("vxlan42");
  here.exec("ping", "-c", "1", "-W", "5", "10.9.0.2");
  await del(one);
  assert.is(link("vxlan42").ifindex, ifindex);
  await Promise.all([add(one), del(two)]);
  assert.equal(names().length, 3);
  await del(one);
  assert.equal(names(), []);
});

kernel("peers, neighbours, MTU and settings follow the configuration at the next ADD", async () => {
  const mac = "02:00:00:00:00:01", first = { mac, peer: "192.0.2.2" }, second = { mac, peer: "192.0.2.3" };
  const one = driven({ neighbours: [first] }), prevResult = await add(one);
  const two = { peers: ["192.0.2.3", "192.0.2.4"], neighbours: [second], mtu: 1300 };
  assert.match((await rejects(check({ ...driven(two), prevResult }), code.attachmentBroken)).message, /MTU is 1450/);
  assert.match((await rejects(check({ ...driven({ ...two, mtu: 0 }), prevResult }), code.attachmentBroken)).message,
    /no peer 192\.0\.2\.3/);
  const { ifindex } = link("vxlan42");
  await add(driven(two, { containerId: "c2", ifName: "eth1" }));
  assert.equal(peers(), [`${zero} 192.0.2.3 permanent`, `${zero} 192.0.2.4 permanent`,
    `${second.mac} 192.0.2.3 permanent`]);
  assert.equal([link("vxlan42").ifindex, link("vxlan42").mtu], [ifindex, 1300]);
  // What the kernel cannot change is made anew.
  await add(driven({ ...two, port: 8472 }, { containerId: "c2", ifName: "eth2" }));
  assert.equal([link("vxlan42").linkinfo.info_data.port, peers().length], [8472, 3]);
  // As is one that went with its parent, or was deleted.
  run("ip", "link", "delete", "vxlan42");
  await add(driven(two, { containerId: "c2", ifName: "eth3" }));
  assert.is(link("vxlan42").master, "vxbr42");
  for (const ifName of ["eth1", "eth2", "eth3"]) await del(driven({}, { containerId: "c2", ifName }));
  await del(one);
  assert.equal(names(), []);
});

for (const [what, change, message] of [
  ["a deleted VXLAN link", ["ip link delete vxlan42"], /VXLAN link "vxlan42": it is gone/],
  ["a VXLAN link of another VNI", ["ip link delete vxlan42", "ip link add vxlan42 type vxlan id 43 dstport 4789",
    "ip link set vxlan42 alias 'polynic vxlan testnet'"], /its VNI is 43, expected 42/],
  ["a missing peer", [`bridge fdb del ${zero} dev vxlan42 dst 192.0.2.2`], /no peer 192\.0\.2\.2/],
  ["a strange peer", [`bridge fdb append ${zero} dev vxlan42 dst 192.0.2.9`], /has peer 192\.0\.2\.9/],
  ["another MTU", ["ip link set vxlan42 mtu 1200"], /its MTU is 1200, expected 1450/],
  ["a VXLAN link that is no port", ["ip link set vxlan42 nomaster"], /no port of bridge "vxbr42"/],
  ["a VXLAN link that is down", ["ip link set vxlan42 down"], /it is down/],
  ["a bridge that is gone", ["ip link delete vxbr42"], /bridge "vxbr42": it is gone/],
  ["a container's end of another MTU", ["ip -n c1 link set eth0 mtu 1000"], /"eth0": its MTU is 1000/],
  ["a host end that is no port", ["ip link set $(ip -br link show type veth | grep -o '^veth[^@]*') nomaster"],
    /host end of interface "eth0"/],
  ["an address that is gone", ["ip -n c1 addr flush eth0"], /10\.9\.0\.1/],
] as const) {
  kernel(`CHECK notices ${what}`, async () => {
    const one = driven(), prevResult = await add(one);
    await check({ ...one, prevResult });
    for (const command of change) run("sh", "-c", command);
    assert.match((await rejects(check({ ...one, prevResult }), code.attachmentBroken)).message, message);
    await del(one);
  });
}

for (const [what, conf, message, before] of [
  ["a master that is not there", { master: "none" }, /master "none"/],
  ["a master without an address", { master: "bare" }, /master "bare": it has no IPv4/, "ip link add bare type veth"],
  ["the loopback link", { master: "lo" }, /master "lo": it is the loopback/],
  ["no master and no default route", { master: "" }, /choose a master: .*no default route/],
  ["an address of its own as a peer", { peers: ["192.0.2.2", "192.0.2.1"] }, /peers\[1\]: 192\.0\.2\.1 is this node's/],
  ["an address of its own as a neighbour's", { neighbours: [{ mac: "02:00:00:00:00:01", peer: "192.0.2.1" }] },
    /neighbours\[0\]\.peer: 192\.0\.2\.1 is this node's/],
  ["a local that is another's", { local: "192.0.2.9" }, /local: 192\.0\.2\.9 is no address of this node/],
  ["an MTU that does not fit", { mtu: 1451 }, /mtu 1451: master "u0" has 1500, which leaves 1450/],
  ["no VNI", { vni: undefined }, /vni/],
  ["VNI 0", { vni: 0 }, /vni/],
  ["a VNI of 25 bits", { vni: 16777216 }, /vni/],
  ["a VNI that somebody has", {}, /vni 42: link "theirs"/, "ip link add theirs type vxlan id 42 dstport 4789"],
  ["a device that is somebody's", {}, /device "vxlan42"/,
    "ip link add vxlan42 up type vxlan id 42 dstport 4789 local 192.0.2.1"],
  ["a device that is another kind's", {}, /device "vxlan42"/, "ip link add vxlan42 type veth"],
  ["a bridge that is none", { bridge: "notbr" }, /bridge "notbr": .*veth, expected a bridge/,
    "ip link add notbr type veth"],
  ["a name that is too long", { name: "n".repeat(101) }, /name: it has 101/],
] as const) {
  kernel(`refuses ${what}, and touches nothing`, async () => {
    if (before !== undefined) run("sh", "-c", before);
    const state = kernelState(here);
    assert.match((await rejects(add(driven(conf)), code.invalidConfig)).message, message);
    assert.equal(kernelState(here), state);
    assert.is(reservations.size, 0);
  });
}

kernel("refuses device, bridge and VNI of another of its networks", async () => {
  const one = driven();
  await add(one);
  const second = (conf: object) => add(driven({ name: "blue", ...conf }, { containerId: "c2", ifName: "eth1" }));
  const { invalidConfig } = code;
  assert.match((await rejects(second({}), invalidConfig)).message, /"vx.*42".*polynic vxlan testnet/);
  assert.match((await rejects(second({ vni: 43, bridge: "vxbr42" }), invalidConfig)).message, /bridge "vxbr42"/);
  assert.match((await rejects(second({ device: "d", bridge: "b" }), invalidConfig)).message, /vni 42: link "vxlan42"/);
  await del(one);
  assert.equal(names(), []);
});

kernel("a bridge of somebody else's is joined, and stays", async () => {
  run("sh", "-c", "ip link add br9 up type bridge");
  const one = driven({ bridge: "br9" });
  const prevResult = await add(one);
  await check({ ...one, prevResult });
  assert.is(link("vxlan42").master, "br9");
  assert.is(link("br9").ifalias, undefined);
  await del(one);
  assert.equal(names(), ["br9"]);
});

kernel("what a killed ADD has begun is finished by the next, and taken away", async () => {
  for (const begun of ["ip link add vxbr42 type bridge", "ip link add vxlan42 type vxlan id 42 dstport 4789"]) {
    const one = driven();
    for (const end of [() => del(one), () => gc(one, [])]) {
      run("sh", "-c", begun);
      await end();
      assert.equal(names(), []);
    }
    run("sh", "-c", begun);
    await add(one);
    assert.is(names().length, 3);
    await del(one);
    assert.equal(names(), []);
  }
});

kernel("DEL needs no namespace, and no configuration that fits", async () => {
  await add(driven());
  await del(driven({ vni: -1, peers: "x" }, { netns: "" }));
  assert.equal(names(), []);
  assert.is(reservations.size, 0);
});

kernel("GC takes away pairs of attachments that are not valid, and the overlay with the last", async () => {
  const one = driven(), valid = [{ containerID: "c1", ifname: "eth0" }];
  await add(one);
  await add(driven({}, { containerId: "c2", ifName: "eth1" }));
  await gc(one, undefined);
  assert.is(names().length, 4);
  await gc(one, valid);
  assert.is(names().length, 3);
  await gc(one, []);
  assert.equal(names(), []);
});

kernel("STATUS looks for what it stands on", async () => {
  await status(driven());
  await rejects(status(driven({ master: "none" })), code.invalidConfig);
});

kernel("a failure at any step leaves links, addresses, routes and reservations as before", async () => {
  assert.ok(await failures(driven(), () => kernelState(here), { times: 1 }) > 15);
  // Beside another container, whose overlay stays.
  await add(driven({ ipam: undefined }, { containerId: "c2", ifName: "eth9" }));
  assert.ok(await failures(driven(), () => kernelState(here), { times: 1 }) > 10);
});

kernel.run();
