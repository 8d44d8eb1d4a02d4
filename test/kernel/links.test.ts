import { readdirSync, readlinkSync } from "node:fs";
import * as assert from "uvu/assert";
import { NetlinkError, openNamespace, openOwnNamespace } from "../../src/kernel/index.ts";
import type { LinkInfo, Namespace } from "../../src/kernel/index.ts";
import { linkNames } from "../../src/kernel/rtnetlink/link-names.ts";
import { linksOf } from "../../src/kernel/rtnetlink/links.ts";
import { slowRequestsHere } from "../../src/kernel/slow-requests.ts";
import { NetlinkSocket } from "../../src/kernel/socket.ts";
import { rejects, throws } from "../helpers/errors.ts";
import { ipJson, kernelSuite, makeNetns, run } from "../helpers/netns.ts";
import { scriptedKernel } from "../helpers/scripted-kernel.ts";
import type { TestNetns } from "../helpers/netns.ts";

/** What `ip` knows of a link; undefined when there is none. */
function ipLink(name: string, netns?: TestNetns) {
  return ipJson("link show", netns).find((link) => link.ifname === name);
}

function indexOf(name: string): number {
  return ipLink(name).ifindex;
}

let host: Namespace;
let container: Namespace;
let containerNetns: TestNetns;

const add = kernelSuite("links.add", import.meta.url);
add.before(() => {
  containerNetns = makeNetns();
  host = openOwnNamespace();
  container = openNamespace(containerNetns.path);
});

add("makes a bridge", () => {
  assert.is(ipLink("br0"), undefined);
  host.links.add({ name: "br0", info: { kind: "bridge" }, mtu: 1400, mac: "02:00:00:00:00:01" });
  const found = ipLink("br0");
  assert.is(found.linkinfo.info_kind, "bridge");
  assert.is(found.mtu, 1400);
  assert.is(found.address, "02:00:00:00:00:01");
});

add("says EEXIST with the kernel's words when the name is taken", () => {
  const error = throws(() => host.links.add({ name: "br0", info: { kind: "bridge" } }), "EEXIST");
  assert.is(error.message, 'Cannot add link "br0": kernel said EEXIST (File exists)');
  assert.instance(error, NetlinkError);
});

add("passes on the kernel's sentence for an unknown kind", () => {
  // What a kernel says that was built without one of our kinds.
  const info = { kind: "nosuchkind" } as unknown as LinkInfo;
  const error = throws(() => host.links.add({ name: "x0", info }), "EOPNOTSUPP");
  assert.is(error.message, 'Cannot add link "x0": kernel said EOPNOTSUPP (Unknown device type)');
});

add("refuses a value that does not fit before sending", () => {
  assert.throws(() => host.links.add({ name: "x0", info: { kind: "bridge" }, mtu: -5 }),
    /Cannot encode mtu.u32: expected .* found -5/);
});

add("makes a veth in the container with its peer in the host", () => {
  container.links.add({
    name: "eth0", mtu: 1300, mac: "02:00:00:00:00:02",
    info: { kind: "veth", peer: { name: "veth0", netnsFd: host.fd, mtu: 1300, txQueueLength: 0 } },
  });
  const inside = ipLink("eth0", containerNetns);
  const outside = ipLink("veth0");
  assert.is(inside.linkinfo.info_kind, "veth");
  assert.is(inside.address, "02:00:00:00:00:02");
  assert.is(inside.mtu, 1300);
  assert.is(inside.txqlen, 1000);
  assert.is(outside.mtu, 1300);
  assert.is(outside.txqlen ?? 0, 0);
  assert.is(outside.link_index, inside.ifindex);
  assert.is(host.links.get("veth0").parent, inside.ifindex);
});

add("makes a macvlan in the container on a host link, whatever the host's links are called", () => {
  run("ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1");
  run("ip", "link", "add", "net1", "type", "bridge");
  container.links.add({ name: "net1", info: { kind: "macvlan", mode: "bridge", bcQueueLength: 500 },
    parent: indexOf("p0"), parentNamespace: host });
  const found = ipLink("net1", containerNetns);
  assert.is(found.linkinfo.info_kind, "macvlan");
  assert.is(found.linkinfo.info_data.mode, "bridge");
  assert.is(found.linkinfo.info_data.bcqueuelen, 500);
  assert.is(found.link_index, indexOf("p0"));
  assert.is(ipLink("net1").linkinfo.info_kind, "bridge");
});

add("makes a macvlan on a link of the same namespace", () => {
  host.links.add({ name: "mv0", info: { kind: "macvlan", mode: "passthru" }, parent: indexOf("p1") });
  assert.is(ipLink("mv0").linkinfo.info_data.mode, "passthru");
  assert.equal(host.links.get("mv0").info, { kind: "macvlan", mode: "passthru", bcQueueLength: 1000 });
});
add.run();

const read = kernelSuite("links.get, find and list", import.meta.url);
read.before(() => {
  run("ip", "link", "add", "br0", "address", "02:00:00:00:00:0a", "type", "bridge");
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  run("ip", "link", "set", "v0", "master", "br0", "alias", "uplink of blue", "group", "7", "up");
  run("ip", "link", "set", "v1", "up");
  run("ip", "link", "set", "br0", "up", "promisc", "on");
  run("ip", "link", "set", "v0", "type", "bridge_slave", "hairpin", "on", "isolated", "on");
  host = openOwnNamespace();
});

read("get finds by name and by index", () => {
  const index = indexOf("br0");
  const byName = host.links.get("br0");
  assert.equal(byName, host.links.get(index));
  const { info, ...others } = byName;
  // Where there is VLAN filtering, its protocol is told as well.
  assert.is(info?.kind === "bridge" && info.vlanFiltering, false);
  assert.equal(others, {
    index, name: "br0", mac: "02:00:00:00:00:0a", mtu: 1500, up: true, loopback: false, promiscuity: 1,
    allMulticast: false, operState: "up", group: 0, txQueueLength: 1000, kind: "bridge",
  });
});

read("get says what a bridge port is", () => {
  const { master, alias, group, bridgePort, info } = host.links.get("v0");
  assert.equal({ master, alias, group, bridgePort, info }, {
    master: indexOf("br0"), alias: "uplink of blue", group: 7, bridgePort: { hairpin: true, isolated: true },
      info: { kind: "veth" },
  });
});

read("get knows the loopback link", () => {
  const lo = host.links.get("lo");
  assert.equal([lo.index, lo.loopback, lo.up, lo.mac, lo.info], [1, true, false, "00:00:00:00:00:00", undefined]);
});

read("get and find know a link by its alternative names, longer than 15 bytes too", () => {
  const long = "enx00163e1234567890", longest = "a".repeat(127);
  run("ip", "link", "add", "u0", "type", "bridge");
  for (const name of [long, "short", longest]) run("ip", "link", "property", "add", "dev", "u0", "altname", name);
  const index = indexOf("u0");
  for (const name of [long, "short", longest]) {
    assert.is(host.links.get(name).name, "u0");
    assert.is(host.links.find(name)?.index, index);
  }
  for (const name of [`${long}x`, "b".repeat(127), "a".repeat(128), "ä".repeat(64)]) {
    assert.is(host.links.find(name), undefined);
    assert.is(throws(() => host.links.get(name), "ENODEV").message,
      `Cannot get link "${name}": kernel said ENODEV (No such device)`);
  }
});

read("find says undefined where the kernel is too old for alternative names", () => {
  const tooOld = new NetlinkSocket(scriptedKernel([() => [[{ ack: 22 }]], () => [[{ ack: 22 }]]]));
  const old = linksOf({
    socket: () => tooOld, slow: slowRequestsHere(() => tooOld), names: linkNames(), inside: (work) => work(),
  });
  assert.is(old.find("enx00163e1234567890"), undefined);
  throws(() => old.find("eth0"), "EINVAL");
});

read("get says ENODEV for missing ones, find says undefined", () => {
  assert.is(throws(() => host.links.get("none"), "ENODEV").message,
    'Cannot get link "none": kernel said ENODEV (No such device)');
  throws(() => host.links.get(4711), "ENODEV");
  assert.is(host.links.find("none"), undefined);
  assert.is(host.links.find(4711), undefined);
  assert.is(host.links.find("v1")?.name, "v1");
});

read("list holds what ip lists", () => {
  assert.equal(host.links.list().map((link) => [link.index, link.name]),
    ipJson("link show").map((link) => [link.ifindex, link.ifname]));
});

read("list copes with more links than fit one answer", () => {
  for (let i = 0; i < 60; i++) host.links.add({ name: `many${i}`, info: { kind: "bridge" } });
  assert.is(host.links.list().length, ipJson("link show").length);
});
read.run();

const set = kernelSuite("links.set", import.meta.url);
set.before(() => {
  run("ip", "link", "add", "br0", "type", "bridge");
  run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "v1");
  containerNetns = makeNetns();
  host = openOwnNamespace();
  container = openNamespace(containerNetns.path);
});

set("changes what is given and nothing else", () => {
  const { index } = host.links.get("v0");
  host.links.set(index, { mtu: 1350, mac: "02:00:00:00:00:33", alias: "blue", txQueueLength: 77, promiscuous: true });
  host.links.set(index, { up: true });
  const found = ipLink("v0");
  assert.equal([found.mtu, found.address, found.ifalias, found.txqlen, found.promiscuity],
    [1350, "02:00:00:00:00:33", "blue", 77, 1]);
  assert.ok(found.flags.includes("UP") && found.flags.includes("PROMISC"));

  host.links.set(index, { allMulticast: true });
  assert.ok(ipLink("v0").flags.includes("ALLMULTI") && ipLink("v0").flags.includes("PROMISC"));
  assert.is(host.links.get(index).allMulticast, true);
  host.links.set(index, { allMulticast: false });
  assert.ok(!ipLink("v0").flags.includes("ALLMULTI"));

  host.links.set(index, { up: false, promiscuous: false, alias: "" });
  const after = ipLink("v0");
  assert.ok(!after.flags.includes("UP") && !after.flags.includes("PROMISC"));
  assert.equal([after.ifalias, after.mtu], [undefined, 1350]);
});

set("a new name is what later messages say", () => {
  host.links.add({ name: "old0", info: { kind: "bridge" } });
  const { index } = host.links.get("old0");
  host.links.set(index, { name: "new0" });
  assert.match(throws(() => host.links.set(index, { mtu: 20_000_000 }), "EINVAL").message,
    /^Cannot change link "new0" \(mtu 20000000\): kernel said EINVAL/);
});

set("puts a link under a master and takes it away", () => {
  const { index } = host.links.get("v0");
  host.links.set(index, { master: host.links.get("br0").index });
  assert.is(ipLink("v0").master, "br0");
  host.links.setBridgePort(index, { hairpin: true, isolated: true });
  assert.equal(
    [ipLink("v0").linkinfo.info_slave_data.hairpin, ipLink("v0").linkinfo.info_slave_data.isolated], [true, true],
  );
  host.links.setBridgePort(index, { isolated: false });
  assert.equal(host.links.get(index).bridgePort, { hairpin: true, isolated: false });
  host.links.set(index, { master: 0 });
  assert.is(ipLink("v0").master, undefined);
});

set("moves a link to another namespace under another name", () => {
  const { index } = host.links.get("v1");
  host.links.set(index, { namespace: container, name: "net1" });
  assert.is(ipLink("v1"), undefined);
  assert.is(ipLink("net1", containerNetns).linkinfo.info_kind, "veth");
  throws(() => host.links.set(index, { up: true }), "ENODEV");
});

set("says EINVAL with the kernel's words for an impossible MTU", () => {
  assert.match(throws(() => host.links.set(host.links.get("v0").index, { mtu: 20 }), "EINVAL").message,
    "mtu less than device minimum");
});
set.run();

const remove = kernelSuite("links.delete and deleteAll", import.meta.url);
remove.before(() => {
  host = openOwnNamespace();
});

function addPairs(count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    host.links.add({ name: `a${i}`, info: { kind: "veth", peer: { name: `b${i}` } } });
    return host.links.get(`a${i}`).index;
  });
}

remove("delete takes one link, and says ENODEV the second time", async () => {
  const [index = 0] = addPairs(1);
  await host.links.delete(index);
  assert.is(ipLink("a0"), undefined);
  await rejects(host.links.delete(index), "ENODEV");
});

remove("deleteAll takes all of them and leaves the rest", async () => {
  run("ip", "link", "add", "keep", "group", "5", "type", "bridge");
  const indexes = addPairs(8);
  await host.links.deleteAll(indexes);
  assert.equal(ipJson("link show").map((link) => link.ifname), ["lo", "keep"]);
  assert.is(ipLink("keep").group, "5");
});

remove("deleteAll skips missing ones, all of them, and none", async () => {
  const indexes = addPairs(3);
  await host.links.delete(indexes[1] ?? 0);
  await host.links.deleteAll([...indexes, 4711]);
  assert.is(ipLink("a0"), undefined);
  assert.is(ipLink("a2"), undefined);
  await host.links.deleteAll(indexes);
  await host.links.deleteAll([4711]);
  await host.links.deleteAll([]);
});

remove("deleteAll takes both ends of a pair at once", async () => {
  addPairs(2);
  await host.links.deleteAll(["a0", "b0", "a1", "b1"].map((name) => host.links.get(name).index));
  assert.equal(ipJson("link show").map((link) => link.ifname), ["lo", "keep"]);
});

remove("deleteAll deletes what it can when the kernel refuses one", async () => {
  const indexes = addPairs(2);
  host.links.get("lo");
  assert.is((await rejects(host.links.deleteAll([1, ...indexes]), "EOPNOTSUPP")).message,
    'Cannot delete link "lo": kernel said EOPNOTSUPP (Operation not supported)');
  assert.equal(ipJson("link show").map((link) => link.ifname), ["lo", "keep"]);
});
remove.run();

const closed = kernelSuite("a namespace handle", import.meta.url);

closed("refuses requests after close", () => {
  const namespace = openNamespace(makeNetns().path);
  namespace.close();
  assert.throws(() => namespace.links.list(), /it was closed/);
  assert.throws(() => namespace.sysctl.get("net/ipv4/ip_forward"), /it was closed/);
  assert.throws(() => namespace.openPacketSocket({ index: 1, etherType: 0x0800 }), /it was closed/);
  namespace.close();
});

closed("goes on working when the name of its namespace is removed", () => {
  const netns = makeNetns();
  const namespace = openNamespace(netns.path);
  netns.remove();
  assert.is(namespace.links.get("lo").index, 1);
  namespace.close();
});

closed("leaves no descriptor open", () => {
  const open = (): string[] => readdirSync("/proc/self/fd").map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      // The directory's own descriptor is closed by now.
      return "";
    }
  }).filter((target) => /^(?:socket|net|uts):/.test(target));
  const { path } = makeNetns();
  const before = open();
  const namespace = openNamespace(path);
  namespace.links.list();
  namespace.sysctl.get("net/ipv4/ip_forward");
  namespace.close();
  assert.throws(() => openNamespace("/proc/self/ns/uts"), /expected a network namespace/);
  assert.equal(open(), before);
});
closed.run();
