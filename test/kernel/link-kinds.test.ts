import * as assert from "uvu/assert";
import { openNamespace, openOwnNamespace } from "../../src/kernel/index.ts";
import type { Namespace } from "../../src/kernel/index.ts";
import { throws } from "../helpers/errors.ts";
import { ipJson, kernelSuite, makeNetns, run } from "../helpers/netns.ts";
import type { TestNetns } from "../helpers/netns.ts";

let host: Namespace;
let container: Namespace;
let containerNetns: TestNetns;
const prepare = (): void => {
  containerNetns = makeNetns();
  host = openOwnNamespace();
  container = openNamespace(containerNetns.path);
  run("ip", "link", "add", "p0", "type", "veth", "peer", "name", "p1");
};

/** What `ip` says of the kind: its name and those of its settings that are asked for. */
function kindOf(name: string, keys: readonly string[], netns?: TestNetns): readonly unknown[] {
  const { linkinfo } = ipJson(`link show ${name}`, netns)[0];
  return [linkinfo.info_kind, ...keys.map((key) => linkinfo.info_data?.[key])];
}

function index(name: string): number {
  return host.links.get(name).index;
}

const virtual = kernelSuite("link kinds dummy, ipvlan, vlan and vrf", import.meta.url,
  { needs: ["dummy", "ipvlan", "vlan", "vrf"] });
virtual.before(prepare);

virtual("a dummy is made in the container, whatever the host's links are called", () => {
  host.links.add({ name: "d0", info: { kind: "dummy" } });
  container.links.add({ name: "d0", info: { kind: "dummy" }, mac: "02:00:00:00:00:01" });
  assert.equal(kindOf("d0", [], containerNetns), ["dummy"]);
  assert.is(ipJson("link show d0", containerNetns)[0].address, "02:00:00:00:00:01");
  assert.equal(host.links.get("d0").info, { kind: "dummy" });
});

for (const [mode, flags] of [["l2", "bridge"], ["l3", "private"], ["l3s", "vepa"]] as const) {
  virtual(`an ipvlan of mode ${mode} and flags ${flags} is made in the container on a host link`, async () => {
    const info = { kind: "ipvlan", mode, flags } as const;
    container.links.add({ name: "i0", info, parent: index("p0"), parentNamespace: host });
    const shown = run("ip", "-n", containerNetns.name, "-d", "link", "show", "i0");
    assert.match(shown, ` ipvlan  mode ${mode} ${flags} `);
    const link = container.links.get("i0");
    assert.equal([link.kind, link.info, link.parent], ["ipvlan", info, index("p0")]);
    await container.links.delete(link.index);
  });
}

for (const [id, protocol] of [[0, "802.1Q"], [4094, "802.1Q"], [100, "802.1ad"]] as const) {
  virtual(`a vlan of id ${id} and protocol ${protocol} is made in the container on a host link`, async () => {
    const info = { kind: "vlan", id, protocol } as const;
    container.links.add({ name: "v0", info, parent: index("p1"), parentNamespace: host });
    assert.equal(kindOf("v0", ["id", "protocol"], containerNetns), ["vlan", id, protocol]);
    assert.equal(container.links.get("v0").info, info);
    await container.links.delete(container.links.get("v0").index);
  });
}

virtual("a vlan id of 4095 is refused by the kernel, one of 65536 before it is asked", () => {
  const vlan = (id: number) => ({ name: "v0", info: { kind: "vlan", id } as const, parent: index("p1") });
  assert.match(throws(() => host.links.add(vlan(4095)), "ERANGE").message, "Invalid VLAN id");
  assert.throws(() => host.links.add(vlan(65_536)), /Cannot encode linkInfo.data.id.u16: expected .* found 65536/);
});

virtual("a vrf has its table, and its members know", () => {
  host.links.add({ name: "blue", info: { kind: "vrf", table: 1000 } });
  assert.equal(kindOf("blue", ["table"]), ["vrf", 1000]);
  assert.equal(host.links.get("blue").info, { kind: "vrf", table: 1000 });
  host.links.set(index("p1"), { master: index("blue") });
  assert.is(ipJson("link show p1")[0].master, "blue");
  assert.is(host.links.get("p1").master, index("blue"));
  host.links.set(index("p1"), { master: 0 });
  assert.is(ipJson("link show p1")[0].master, undefined);
});
virtual.run();

const here = kernelSuite("link kinds ifb, vxlan and tun", import.meta.url, { needs: ["vxlan"] });
here.before(prepare);

here("an ifb", () => {
  host.links.add({ name: "bwp0", info: { kind: "ifb" }, mtu: 1400, txQueueLength: 0 });
  assert.equal(kindOf("bwp0", []), ["ifb"]);
  assert.equal([ipJson("link show bwp0")[0].mtu, ipJson("link show bwp0")[0].txqlen ?? 0], [1400, 0]);
  assert.equal(host.links.get("bwp0").info, { kind: "ifb" });
});

here("a vxlan without a group, for neighbours written by hand", () => {
  run("ip", "addr", "add", "192.0.2.1/24", "dev", "p0");
  const local = { family: 4, bytes: Uint8Array.of(192, 0, 2, 1) } as const;
  const info = { kind: "vxlan", id: 42, local, link: index("p0"), port: 4789, learning: false, ttl: 8 } as const;
  host.links.add({ name: "x0", info, mtu: 1450 });
  assert.equal(kindOf("x0", ["id", "local", "link", "port", "learning", "ttl"]),
    ["vxlan", 42, "192.0.2.1", "p0", 4789, false, 8]);
  const read = host.links.get("x0").info;
  assert.ok(read?.kind === "vxlan");
  assert.equal([read.id, read.local, read.link, read.port, read.learning, read.ttl],
    [42, local, index("p0"), 4789, false, 8]);
});

here("a vxlan over IPv6 with a multicast group", () => {
  const ip = (first: number, last: number) => ({ family: 6, bytes: Uint8Array.from({ length: 16 },
    (_, i) => (i === 0 ? first : i === 15 ? last : 0)) } as const);
  const ends = { group6: ip(0xff, 1), local6: ip(0xfd, 1) };
  host.links.add({ name: "x6", info: { kind: "vxlan", id: 43, ...ends, link: index("p0"), port: 4789 } });
  assert.equal(kindOf("x6", ["group6", "local6", "learning"]), ["vxlan", "ff00::1", "fd00::1", true]);
});

here("a tap and a tun that somebody else made are read", () => {
  run("ip", "tuntap", "add", "mode", "tap", "user", "1000", "group", "5", "vnet_hdr", "multi_queue", "name", "t0");
  run("ip", "tuntap", "add", "mode", "tun", "pi", "name", "t1");
  const tap = host.links.get("t0").info;
  assert.ok(tap?.kind === "tun");
  assert.equal([tap.type, tap.owner, tap.group, tap.vnetHeader, tap.multiQueue, tap.persist, tap.packetInfo],
    ["tap", 1000, 5, true, true, true, false]);
  assert.equal(host.links.get("t1").info,
    { kind: "tun", type: "tun", packetInfo: true, vnetHeader: false, persist: true, multiQueue: false });
});

here("a kind without a table is told by its name alone", () => {
  run("ip", "link", "add", "link", "p0", "name", "o0", "type", "macvtap");
  const { kind, info } = host.links.get("o0");
  assert.equal([kind, info], ["macvtap", undefined]);
});
here.run();
