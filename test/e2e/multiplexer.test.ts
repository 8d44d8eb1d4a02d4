// The multiplexer as runtimes meet it: the built executable, real plugins, three networks, and what goes wrong with
// files.
import { mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { kernelSuite, until } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { call, changes, files, leftovers, makeWorld, referencePlugins, state, succeed } from "../helpers/runtime.ts";
import { makeUplink, multiplexed, ourPlugins, threeNetworks } from "../helpers/three-networks.ts";

const needs = ["nft_nat", "macvlan", "ipv6"] as const;

/** A test in a world of its own, which has an uplink. */
function inWorld(work: (world: World) => void | Promise<void>): () => Promise<void> {
  return async () => {
    const world = makeWorld();
    try {
      makeUplink(world);
      await work(world);
    } finally {
      world.remove();
    }
  };
}

/** The skeleton that stays behind a first container, so that states can be compared. */
function withSkeleton(world: World, conf: object): readonly string[] {
  succeed(world, multiplexed("ADD", conf, { containerId: "first" }));
  succeed(world, multiplexed("DEL", conf, { containerId: "first" }));
  return withoutCursors(state(world));
}

/** Where the next allocation begins differs after every ADD, as it should. */
function withoutCursors(lines: readonly string[]): readonly string[] {
  return lines.filter((line) => !line.startsWith("/files/networks/") || !line.includes("/last_reserved_ip."));
}

const three = kernelSuite("three networks", import.meta.url, { needs });

three("are attached, confirmed, and taken away without a trace, twice", inWorld((world) => {
  const conf = threeNetworks(world);
  const before = withSkeleton(world, conf);
  const { json } = succeed(world, multiplexed("ADD", conf));
  assert.equal(json.ips.map(({ address }: any) => address),
    ["10.60.0.3/24", "10.61.0.3/24", "fd00:61::3/64", "192.168.77.3/24"]);
  const inside = json.interfaces.filter(({ sandbox }: any) => sandbox === world.container.path)
    .map(({ name }: any) => name);
  assert.equal(inside, ["eth0", "net1", "net2"]);
  for (const { address, interface: index } of json.ips) {
    const { name } = json.interfaces[index];
    assert.ok(world.container.exec("ip", "-o", "addr", "show", "dev", name).includes(` ${address} `),
      `${address} on ${name}`);
  }
  succeed(world, multiplexed("CHECK", conf, { conf: { ...conf, prevResult: json } }));
  succeed(world, multiplexed("STATUS", conf));
  for (let i = 0; i < 2; i++) {
    succeed(world, multiplexed("DEL", conf, { conf: { ...conf, prevResult: json } }));
    assert.equal(changes(before, withoutCursors(state(world))), []);
    assert.equal(leftovers(world), []);
  }
}));

three("fail CHECK naming the network when one of them is broken", inWorld((world) => {
  const conf = threeNetworks(world);
  succeed(world, multiplexed("ADD", conf));
  const breakages: readonly [how: readonly string[], network: string][] = [
    [["ip", "addr", "del", "192.168.77.2/24", "dev", "net2"], "lan"], [["ip", "link", "del", "net1"], "back"],
      [["ip", "route", "del", "default"], "front"],
  ];
  for (const [how, network] of breakages) {
    world.container.exec(how[0] ?? "", ...how.slice(1));
    const { status, json } = call(world, multiplexed("CHECK", conf));
    assert.is(status, 1);
    assert.match(json.msg, `"${network}"`);
  }
  succeed(world, multiplexed("DEL", conf));
  assert.equal(leftovers(world), []);
}));

three("answer with the first network's result as multus, and merge when told to", inWorld((world) => {
  const conf = threeNetworks(world, { type: "multus" });
  const master = succeed(world, multiplexed("ADD", conf, { type: "multus" })).json;
  assert.equal(master.ips.map(({ address }: any) => address), ["10.60.0.2/24"]);
  succeed(world, multiplexed("DEL", conf, { type: "multus" }));
  const merged = succeed(world, multiplexed("ADD", { ...conf, mergeResults: true }, { type: "multus" })).json;
  assert.is(merged.ips.length, 4);
  succeed(world, multiplexed("DEL", conf, { type: "multus" }));
  assert.equal(leftovers(world), []);
}));

three("are written down as Multus reads them, and deleted from what Multus wrote", inWorld((world) => {
  const conf = threeNetworks(world);
  succeed(world, multiplexed("ADD", conf, { args: "IgnoreUnknown=1;K8S_POD_NAME=p" }));
  const cni = join(world.directory, "cni");
  const scratch = JSON.parse(readFileSync(join(cni, "pod-1"), "utf8"));
  assert.ok(Array.isArray(scratch));
  for (const [index, delegate] of conf.delegates.entries()) {
    const entry = scratch[index];
    assert.equal(Object.keys(entry).filter((key) => key !== "polynic").sort(),
      ["Bytes", "Conf", "ConfList", "IsFilterV4Gateway", "IsFilterV6Gateway", "Name"]);
    assert.equal(JSON.parse(Buffer.from(entry.Bytes, "base64").toString()), delegate);
    assert.is(entry.Name, delegate.name);
    if (index > 0) assert.equal([entry.Conf.type, entry.Conf.ipam.type, entry.ConfList.plugins],
      [delegate["type"], "host-local", null]);
  }
  assert.equal(scratch[0].ConfList.plugins.map(({ type }: any) => type), ["bridge", "portmap"]);
  assert.equal(readdirSync(join(cni, "results")).sort(), ["back-pod-1-net1", "front-pod-1-eth0", "lan-pod-1-net2"]);
  const cached = JSON.parse(readFileSync(join(cni, "results", "front-pod-1-eth0"), "utf8"));
  const { kind, containerId, ifName, networkName, netns, cniArgs, capabilityArgs, result } = cached;
  assert.equal([kind, containerId, ifName, networkName, netns],
    ["cniCacheV1", "pod-1", "eth0", "front", world.container.path]);
  assert.ok(cniArgs.some(([key, value]: readonly string[]) => key === "K8S_POD_NAME" && value === "p"));
  assert.equal(Object.keys(capabilityArgs), ["portMappings"]);
  assert.is(result.ips[0].address, "10.60.0.2/24");

  // What Multus writes lacks our own key.
  writeFileSync(join(cni, "pod-1"), JSON.stringify(scratch.map(({ polynic, ...entry }: any) => entry)));
  for (const name of readdirSync(join(cni, "results"))) {
    const { polynic, ...entry } = JSON.parse(readFileSync(join(cni, "results", name), "utf8"));
    writeFileSync(join(cni, "results", name), JSON.stringify(entry));
  }
  const elsewhere = { ...conf, delegates: [{ cniVersion: "1.1.0", name: "other", type: "loopback" }] };
  succeed(world, multiplexed("DEL", elsewhere));
  assert.equal(leftovers(world), []);
}));

for (const { title, spoil, prevResult } of [
  // The runtime is about to remove the namespace, and with it the links.
  { title: "CNI_NETNS is empty", spoil: ({ container }: World) => ({ netns: "", after: () => container.remove() }) },
  { title: "the namespace was deleted", spoil: ({ container }: World) => (container.remove(), {}) },
  { title: "the scratch file is cut short", spoil: (world: World) => edit(world, "cni/pod-1",
    (text) => text.slice(0, 100)) },
  { title: "the scratch file is an empty list", spoil: (world: World) => edit(world, "cni/pod-1", () => "[]") },
  { title: "the scratch file is gone", spoil: (world: World) => edit(world, "cni/pod-1", undefined) },
  { title: "the cached results are garbage", spoil: (world: World) => each(world, "cni/results", () => "\0\0\0") },
  { title: "the cached results are gone", spoil: (world: World) => each(world, "cni/results", undefined) },
  { title: "scratch and cache are gone", spoil: (world: World) => (edit(world, "cni/pod-1", undefined),
    each(world, "cni/results", undefined)) },
  { title: "the scratch file is garbage and the cache is gone",
    spoil: (world: World) => (edit(world, "cni/pod-1", () => "{"), each(world, "cni/results", undefined)) },
  { title: "a reservation is gone", spoil: (world: World) => edit(world, "networks/back/10.61.0.2", undefined) },
  { title: "the links are gone", spoil: (world: World) => { for (const name of ["eth0", "net1",
    "net2"]) world.container.exec("ip", "link", "del", name); return {}; } },
  { title: "the firewall was flushed", spoil: ({ host }: World) => { host.exec("nft", "flush",
    "ruleset"); return {}; } },
  { title: "prevResult is garbage", spoil: () => ({}), prevResult: { cniVersion: "9.9.9", ips: "none" } },
] as readonly { title: string; spoil: (world: World) => Spoiled; prevResult?: object }[]) {
  three(`are deleted although ${title}`, inWorld(async (world) => {
    const conf = threeNetworks(world);
    succeed(world, multiplexed("ADD", conf));
    const { after, ...changed } = spoil(world);
    const request = multiplexed("DEL", prevResult === undefined ? conf : { ...conf, prevResult }, changed);
    succeed(world, request);
    after?.();
    const there = readdirSync("/run/netns").includes(world.container.name);
    const container = there ? world.container : world.another();
    // The kernel takes a namespace apart a moment after its name is gone.
    if (!there) await until("the namespace's links to go", () => !leftovers(world,
      { container }).some((what) => what.startsWith("host link")));
    assert.equal(leftovers(world, { container }), []);
    succeed(world, request);
  }));
}

three("are refused when a network's name is too long for a file, and deleted although it is", inWorld((world) => {
  const conf = threeNetworks(world), [front, ...others] = conf.delegates;
  const long = { ...conf, delegates: [{ ...front, name: "9".repeat(300) }, ...others] };
  const { status, json } = call(world, multiplexed("ADD", long));
  assert.equal([status, json.code], [1, 7]);
  assert.match(json.msg, /name/);
  assert.equal(leftovers(world), []);
  succeed(world, multiplexed("DEL", long));
}));

three("leave what another container has reserved by now", inWorld((world) => {
  const conf = threeNetworks(world);
  succeed(world, multiplexed("ADD", conf));
  edit(world, "networks/back/10.61.0.2", () => "other\r\neth0");
  succeed(world, multiplexed("DEL", conf));
  assert.is(readFileSync(join(world.directory, "networks/back/10.61.0.2"), "utf8"), "other\r\neth0");
}));
three.run();

const collecting = kernelSuite("GC", import.meta.url, { needs });
const listed = (conf: object, valid: unknown): object => ({ ...conf, "cni.dev/valid-attachments": valid });
const ids = ["pod-1", "pod-2", "pod-3"] as const;

/** Three containers, of which the second's namespace is gone. */
function crowd(
  world: World,
): { readonly conf: object; readonly third: string; readonly present: () => readonly string[] } {
  const conf = threeNetworks(world), second = world.another(), third = world.another();
  const namespaces = { "pod-1": world.container, "pod-2": second, "pod-3": third };
  for (const id of ids) succeed(world, multiplexed("ADD", conf, { containerId: id, netns: namespaces[id].path }));
  second.remove();
  const gone = world.another();
  return { conf, third: third.path, present: () => ids.filter((containerId) => leftovers(world, { containerId,
    container: containerId === "pod-2" ? gone
    : namespaces[containerId] }).some((what) => !what.startsWith("host link"))) };
}

collecting("takes away stale containers and leaves the others whole", inWorld((world) => {
  const { conf, third, present } = crowd(world);
  succeed(world, multiplexed("GC", listed(conf, [{ containerID: "pod-3", ifname: "eth0" }])));
  assert.equal(present(), ["pod-3"]);
  const rest = world.host.exec("nft", "list", "ruleset");
  assert.match(rest, /id: pod-3/);
  succeed(world, multiplexed("CHECK", conf, { containerId: "pod-3", netns: third }));
}));
for (const [what, valid, stay] of [["an empty list", [], false], ["null", null, false],
  ["no list", undefined, true]] as const) {
  collecting(`${stay ? "leaves everything" : "takes everything away"} for ${what}`, inWorld((world) => {
    const { conf, present } = crowd(world);
    succeed(world, multiplexed("GC", valid === undefined ? conf : listed(conf, valid)));
    assert.equal(present(), stay ? ids : []);
    if (!stay) assert.equal(leftovers(world), []);
    for (const containerId of ids) succeed(world, multiplexed("DEL", conf, { containerId, netns: "" }));
  }));
}
for (const [verb, title] of [["GC", "takes"], ["DEL", "and DEL without runtimeConfig take"]] as const) {
  collecting(`${title} away the mapped ports of an ADD that was killed before its result was cached`,
    inWorld((world) => {
    const conf = threeNetworks(world), { runtimeConfig, ...told } = conf;
    succeed(world, multiplexed("ADD", conf));
    each(world, "cni/results", undefined);
    succeed(world, multiplexed(verb, listed(told, [])));
    assert.equal(leftovers(world), []);
  }));
}
collecting.run();

const external = kernelSuite("executed plugins in a chain with ours", import.meta.url, { needs });
for (const { release, directory } of referencePlugins()) {
  external(`ptp and tuning ${release}, beside a bridge`, inWorld((world) => {
    const cniVersion = "1.0.0", dataDir = join(world.directory, "networks"), binDir = join(world.directory, "bin");
    mkdirSync(binDir);
    for (const name of ["ptp", "tuning"]) symlinkSync(join(directory, name), join(binDir, name));
    const ipam = (subnet: string): object => ({ type: "host-local", dataDir, ranges: [[{ subnet }]] });
    const conf = { ...threeNetworks(world), cniVersion, binDir, execute: ["ptp", "tuning"], delegates: [
      { cniVersion, name: "one", plugins: [
        { type: "bridge", bridge: "br0", isGateway: true, ipam: ipam("10.70.0.0/24") },
        { type: "tuning", dataDir: join(world.directory, "tuning"), sysctl: { "net.core.somaxconn": "500" },
          mtu: 1280 },
        { type: "portmap", capabilities: { portMappings: true } },
      ] },
      { cniVersion, name: "two", type: "ptp", ipam: ipam("10.71.0.0/24") },
    ] };
    const path = [ourPlugins(), directory];
    const { json } = succeed(world, multiplexed("ADD", conf, { path }));
    assert.equal(json.ips.map(({ address }: any) => address), ["10.70.0.2/24", "10.71.0.2/24"]);
    assert.match(world.container.exec("ip", "link", "show", "eth0"), /mtu 1280/);
    succeed(world, multiplexed("CHECK", conf, { path }));
    succeed(world, multiplexed("DEL", conf, { path }));
    assert.equal(leftovers(world), []);
    succeed(world, multiplexed("DEL", conf, { path }));

    // The failure of an executed plugin takes back what ours have done before it.
    const before = withoutCursors(state(world));
    const failing = { ...conf, delegates: [conf.delegates[0],
      { ...conf.delegates[1], ipam: { ...ipam("10.71.0.0/24"), ranges: "none" } }] };
    const { status, json: error } = call(world, multiplexed("ADD", failing, { path }));
    assert.is(status, 1);
    assert.match(error.msg, /"two".*"ptp"/);
    assert.equal(changes(before, withoutCursors(state(world))), []);
  }));
}
external.run();

/** What DEL is called with instead, and what happens after it. */
interface Spoiled {
  readonly netns?: string;
  readonly after?: () => void;
}

function edit({ directory }: World, path: string, change: ((text: string) => string) | undefined): Spoiled {
  const file = join(directory, path);
  if (change === undefined) rmSync(file);
  else writeFileSync(file, change(readFileSync(file, "utf8")));
  return {};
}

function each(world: World, folder: string, change: (() => string) | undefined): Spoiled {
  for (const path of Object.keys(files(world.directory))) if (path.startsWith(`${folder}/`)) edit(world, path, change);
  return {};
}
