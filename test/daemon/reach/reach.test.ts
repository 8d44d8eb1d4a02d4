// src/daemon/reach: pods of three nodes, of which two share a link and the third is behind a router.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Reached } from "../../../src/daemon/reach/reach.ts";
import { reachNodes, removeReach } from "../../../src/daemon/reach/reach.ts";
import { openNamespace } from "../../../src/kernel/index.ts";
import { parseNode } from "../../../src/kube/nodes/node.ts";
import { macOf } from "../../../src/daemon/reach/plan.ts";
import { builtIn } from "../../../src/plugins/index.ts";
import type { Driven } from "../../helpers/handles.ts";
import { add } from "../../helpers/handles.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { attempt, bridgeJson, ipJson, kernelSuite, makeNetns, nftJson, run, until } from "../../helpers/netns.ts";
import type { NodeSeed } from "../../helpers/shared/node-calls.ts";
import { nodeObject } from "../../helpers/shared/node-calls.ts";
import { builtModules } from "../../helpers/wasm.ts";

const kernel = kernelSuite("reach", import.meta.url, { needs: ["vxlan", "ipv6", "nft_nat"] });

interface TestNode {
  readonly netns: TestNetns;
  readonly pod: TestNetns;
  seed: NodeSeed;
}

// The router joins the nodes: a bridge that a and b are on, and a link to c alone. 203.0.113.1 is the world outside.
let router: TestNetns, a: TestNode, b: TestNode, c: TestNode, directory: string;
const all = (): readonly TestNode[] => [a, b, c];

const seedOf = (name: string, number: number, ...addresses: readonly string[]): NodeSeed =>
  ({ name, subnets: [`10.244.${number}.0/24`, `fd00:244:${number}::/64`], addresses });

function makeNode(seed: NodeSeed): TestNode {
  const netns = makeNetns(`node-${seed.name}`), pod = makeNetns(`pod-${seed.name}`);
  netns.exec("ip", "link", "set", "lo", "up");
  netns.exec("sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter");
  netns.exec("ip", "link", "add", "eth0", "type", "veth", "peer", "name", `to-${seed.name}`, "netns", router.name);
  netns.exec("ip", "link", "set", "eth0", "up");
  router.exec("ip", "link", "set", `to-${seed.name}`, "up");
  return { netns, pod, seed };
}

function address(node: TestNode, gateways: readonly string[]): void {
  const { netns, seed: { addresses = [] } } = node;
  netns.exec("ip", "addr", "flush", "dev", "eth0", "scope", "global");
  for (const one of addresses)
    netns.exec("ip", "addr", "add", `${one}/${one.includes(":") ? 64 : 24}`, "dev", "eth0", "nodad");
  for (const gateway of gateways)
    netns.exec("ip", gateway.includes(":") ? "-6" : "-4", "route", "replace", "default", "via", gateway);
}

const onBridge = ["192.0.2.254", "2001:db8:1::fe"], onOther = ["198.51.100.254", "2001:db8:2::fe"];

kernel.before(async () => {
  directory = mkdtempSync(join(tmpdir(), "polynic-reach-"));
  router = makeNetns("router");
  const ip = (...words: readonly string[]) => router.exec("ip", ...words);
  router.exec("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
  ip("link", "set", "lo", "up");
  ip("addr", "add", "203.0.113.1/32", "dev", "lo");
  ip("-6", "addr", "add", "2001:db8:f::1/128", "dev", "lo", "nodad");
  ip("link", "add", "sw", "type", "bridge");
  ip("link", "set", "sw", "up");
  a = makeNode(seedOf("a", 1, "192.0.2.1", "2001:db8:1::1"));
  b = makeNode(seedOf("b", 2, "192.0.2.2", "2001:db8:1::2"));
  c = makeNode(seedOf("c", 3, "198.51.100.3", "2001:db8:2::3"));
  for (const name of ["a", "b"]) ip("link", "set", `to-${name}`, "master", "sw");
  for (const [link, gateways] of [["sw", onBridge], ["to-c", onOther]] as const)
    for (const one of gateways) ip("addr", "add", `${one}/${one.includes(":") ? 64 : 24}`, "dev", link, "nodad");
  address(a, onBridge);
  address(b, onBridge);
  address(c, onOther);
  for (const node of all()) await attachPod(node);
});
kernel.after(() => {
  for (const { netns, pod } of all()) for (const one of [pod, netns]) one.remove();
  router.remove();
  rmSync(directory, { recursive: true });
});

/** As the example has it: a bridge whose addresses are of the node's subnets. */
async function attachPod({ netns, pod, seed }: TestNode): Promise<void> {
  const host = openNamespace(netns.path), { subnets } = parseNode(nodeObject({ uid: "1", ...seed }));
  const plugin = builtIn.get("bridge");
  if (plugin === undefined) throw new Error("bridge is built in");
  const driven: Driven = {
    plugin, netns: pod.path, containerId: `pod-${seed.name}`, modules: builtModules,
    conf: { bridge: "cni0", isDefaultGateway: true, ipam: { type: "host-local", dataDir: join(directory, seed.name),
      ranges: [[{ subnet: "usePodCidr" }], [{ subnet: "usePodCidrIPv6" }]] } },
    through: () => ({ host, nodeSubnets: async () => ({ node: seed.name, subnets }) }),
  };
  try {
    await add(driven);
  } finally {
    host.close();
  }
}

async function reach({ netns, seed }: TestNode, nodes = all(), isTunnelOnly = false): Promise<Reached> {
  const host = openNamespace(netns.path);
  try {
    const known = nodes.map((one) => parseNode(nodeObject({ uid: "1", ...one.seed })));
    return await reachNodes(host, known, { node: seed.name, isTunnelOnly });
  } finally {
    host.close();
  }
}
const reachAll = async (): Promise<readonly Reached[]> => {
  const reached = [];
  for (const node of all()) reached.push(await reach(node));
  return reached;
};

const podOf = (node: TestNode): readonly string[] => {
  const number = node.seed.subnets?.[0]?.split(".")[2];
  return [`10.244.${number}.2`, `fd00:244:${number}::2`];
};
const pings = (from: TestNetns, to: string): boolean =>
  attempt("ip", "netns", "exec", from.name, "ping", "-c", "1", "-W", "1", to).status === 0;
async function everyPodReaches(...others: readonly (readonly string[])[]): Promise<void> {
  for (const from of all())
    for (const to of [...all().filter((one) => one !== from).map(podOf), ...others].flat())
      await until(`an answer of ${to} to a pod of ${from.seed.name}`, () => pings(from.pod, to));
}

const ours = (node: TestNode): readonly string[] => ["-4", "-6"].flatMap((family) =>
  ipJson(`${family} route show table all`, node.netns)
    .filter(({ protocol }) => protocol === "112")
    .map(({ dst, gateway, dev, table = "main", prefsrc }) =>
      [dst, gateway, dev, table, ...(prefsrc === undefined ? [] : [prefsrc])].join(" ")))
  .sort();
const entries = (node: TestNode): readonly string[] => bridgeJson("fdb show dev vxlan-polynic", node.netns)
  .filter(({ dst }) => dst !== undefined).map(({ mac, dst, state }) => `${mac} ${dst} ${state}`).sort();
const neighbours = (node: TestNode): readonly string[] =>
  ipJson("neigh show dev vxlan-polynic nud permanent", node.netns).map(({ dst, lladdr }) => `${dst} ${lladdr}`).sort();
const linkLocalIn = (node: TestNode): string => ipJson("-6 addr show dev vxlan-polynic scope link", node.netns)
  .flatMap(({ addr_info }) => addr_info).find(({ local }) => local !== undefined).local;
const tunnels = (node: TestNode): readonly any[] => ipJson("link show type vxlan", node.netns);

kernel("nobody reaches a pod of another node before", () => {
  for (const to of podOf(b)) assert.not(pings(a.pod, to));
});

kernel("leads over the link that nodes share and through one tunnel to the others, of both families", async () => {
  const reached = await reachAll(), [link] = tunnels(a), gateway6 = linkLocalIn(c);
  const well = { problems: [], isPassing: false };
  assert.equal(reached, [{ direct: 2, tunneled: 2, ...well }, { direct: 2, tunneled: 2, ...well },
    { direct: 0, tunneled: 4, ...well }]);
  assert.equal(ours(a), [
    "10.244.2.0/24 192.0.2.2 eth0 main", "10.244.3.0/24 10.244.3.0 vxlan-polynic main 10.244.1.0",
    "198.51.100.3 10.244.3.0 vxlan-polynic 28782", `2001:db8:2::3 ${gateway6} vxlan-polynic 28782`,
    "fd00:244:2::/64 2001:db8:1::2 eth0 main", `fd00:244:3::/64 ${gateway6} vxlan-polynic main fd00:244:1::`,
  ]);
  assert.equal(entries(a), [`${macOf("c")} 198.51.100.3 permanent`]);
  assert.equal(neighbours(a), [`10.244.3.0 ${macOf("c")}`, `${gateway6} ${macOf("c")}`]);
  assert.equal([link.ifname, link.address, link.mtu, link.linkinfo.info_data.learning, link.ifalias],
    ["vxlan-polynic", macOf("a"), 1450, false, "polynic reach"]);
  await everyPodReaches();
});

kernel("pods and nodes reach each other under their own addresses, and the world under the node's", async () => {
  for (const { netns } of all()) netns.exec("nft", "add table inet t; add chain inet t in { type filter hook input " +
    "priority 0; }; add rule inet t in ip saddr 10.244.0.0/16 counter; " +
    "add rule inet t in ip6 saddr fd00:244::/32 counter");
  const nodesOf = all().map(({ seed }) => seed.addresses ?? []);
  await everyPodReaches(...nodesOf, ["203.0.113.1", "2001:db8:f::1"]);
  for (const node of all()) {
    const counts = nftJson("list chain inet t in", node.netns).flatMap(({ rule }) => rule?.expr ?? [])
      .flatMap(({ counter }) => (counter === undefined ? [] : [counter.packets > 0]));
    assert.equal(counts, [true, true], `pods come to ${node.seed.name} as themselves`);
    for (const to of all().filter((one) => one !== node).map(podOf).flat())
      await until(`an answer of ${to} to node ${node.seed.name}`, () => pings(node.netns, to));
    node.netns.exec("nft", "delete table inet t");
  }
});

kernel("pods find out by themselves how much the tunnel leaves", () => {
  const ping = (bytes: number) => attempt("ip", "netns", "exec", a.pod.name, "ping", "-c", "1", "-W", "1", "-M", "do",
    "-s", String(bytes), "10.244.3.2").status;
  assert.is(ping(1422), 0);
  assert.is.not(ping(1472), 0);
  assert.match(run("ip", "netns", "exec", a.pod.name, "ip", "route", "get", "10.244.3.2"), /mtu 1450/);
});

kernel("a second time changes nothing, and takes away what is stale", async () => {
  const handles = () => nftJson("list table inet polynic_reach", a.netns).flatMap(({ rule }) => rule?.handle ?? []);
  const before = { routes: ours(a), rules: handles(), tunnel: tunnels(a)[0].ifindex };
  a.netns.exec("ip", "route", "add", "10.244.9.0/24", "via", "192.0.2.9", "proto", "112");
  a.netns.exec("bridge", "fdb", "add", "02:00:00:00:00:09", "dev", "vxlan-polynic", "dst", "198.51.100.9", "self");
  a.netns.exec("ip", "neigh", "add", "10.244.9.0", "lladdr", "02:00:00:00:00:09", "dev", "vxlan-polynic");
  a.netns.exec("ip", "route", "del", "10.244.2.0/24");
  await reach(a);
  assert.equal({ routes: ours(a), rules: handles(), tunnel: tunnels(a)[0].ifindex }, before);
  assert.is(neighbours(a).length, 2);
  assert.is(entries(a).length, 1);
});

kernel("a node that has another address is found at that one", async () => {
  c.seed = { ...c.seed, addresses: ["198.51.100.33", "2001:db8:2::33"] };
  address(c, onOther);
  await reachAll();
  assert.equal(entries(a), [`${macOf("c")} 198.51.100.33 permanent`]);
  await everyPodReaches();
});

kernel("this node's own address may change in the cluster and on its link in any order", async () => {
  const before = ours(a), was = a.seed;
  a.seed = { ...was, addresses: ["192.0.2.11", "2001:db8:1::11"] };
  const early = await reach(a);
  assert.match(early.problems.join(), /no link of this node has 192\.0\.2\.11 or .*: routes stay as they are/);
  assert.equal([early.isPassing, ours(a)], [true, before]);
  address(a, onBridge);
  await reachAll();
  assert.equal(entries(c).filter((entry) => entry.startsWith(macOf("a"))), [`${macOf("a")} 192.0.2.11 permanent`]);
  assert.is(tunnels(a)[0].mtu, 1450);
  await everyPodReaches();
  // Now the link is first: what the cluster says is of before.
  a.seed = was;
  address(a, onBridge);
  a.seed = { ...was, addresses: ["192.0.2.11", "2001:db8:1::11"] };
  assert.is((await reach(a)).isPassing, true);
  a.seed = was;
  await reachAll();
  assert.equal([ours(a), entries(c).filter((entry) => entry.startsWith(macOf("a")))],
    [before, [`${macOf("a")} 192.0.2.1 permanent`]]);
  await everyPodReaches();
});

kernel("the tunnel goes by the family that all have, for pods of either", async () => {
  const was = c.seed;
  c.seed = { ...was, addresses: ["2001:db8:2::33"] };
  address(c, onOther.filter((one) => one.includes(":")));
  await reachAll();
  assert.equal(entries(a), [`${macOf("c")} 2001:db8:2::33 permanent`]);
  assert.equal([tunnels(a)[0].mtu, tunnels(b)[0].mtu, tunnels(c)[0].mtu], [1430, 1430, 1430]);
  await everyPodReaches();
  c.seed = was;
  address(c, onOther);
  await reachAll();
  await everyPodReaches();
});

kernel("a node that comes onto the same link is reached over it, and the tunnel goes", async () => {
  router.exec("ip", "link", "set", "to-c", "master", "sw");
  c.seed = { ...c.seed, addresses: ["192.0.2.3", "2001:db8:1::3"] };
  address(c, onBridge);
  await reachAll();
  assert.equal(tunnels(a), []);
  assert.equal(ours(a), ["10.244.2.0/24 192.0.2.2 eth0 main", "10.244.3.0/24 192.0.2.3 eth0 main",
    "fd00:244:2::/64 2001:db8:1::2 eth0 main", "fd00:244:3::/64 2001:db8:1::3 eth0 main"]);
  assert.equal(ipJson("rule show", a.netns).filter(({ table }) => table === "28782"), []);
  await everyPodReaches();
});

kernel("nodes on one link go through the tunnel where they are told to", async () => {
  for (const node of all()) await reach(node, all(), true);
  assert.is(ours(a).filter((route) => route.includes("vxlan-polynic main")).length, 4);
  await everyPodReaches(...all().map(({ seed }) => seed.addresses ?? []));
});

kernel("a node that leaves is no place to go to", async () => {
  await reach(a, [a, b]);
  assert.equal(ours(a), ["10.244.2.0/24 192.0.2.2 eth0 main", "fd00:244:2::/64 2001:db8:1::2 eth0 main"]);
});

kernel("leaves alone what somebody else has made, and tells of it", async () => {
  a.netns.exec("ip", "route", "add", "10.244.3.0/24", "via", "192.0.2.254");
  const { problems } = await reach(a);
  assert.match(problems.join(), /a route to 10\.244\.3\.0\/24 is there that is not polynic's/);
  assert.is(ipJson("route show 10.244.3.0/24", a.netns)[0].gateway, "192.0.2.254");
  a.netns.exec("ip", "route", "del", "10.244.3.0/24");
  for (const [family, route] of [["-4", "10.244.3.0/24"], ["-6", "fd00:244:3::/64"]] as const) {
    const ip = (...words: readonly string[]) => a.netns.exec("ip", family, "route", ...words, route,
      "via", family === "-4" ? "192.0.2.254" : "2001:db8:1::fe", "metric", "200");
    await reach(a);
    ip("add");
    assert.match((await reach(a)).problems.join(), new RegExp(`a route to ${route} is there that is not polynic's`));
    a.netns.exec("ip", family, "route", "del", route, "proto", "112");
    await reach(a);
    assert.equal(ours(a).filter((line) => line.startsWith(route)), [], "whatever its metric is");
    ip("del");
  }
  await reach(a);
  a.netns.exec("ip", "link", "add", "vxlan-polynic", "type", "vxlan", "id", "5", "dstport", "4000");
  a.netns.exec("ip", "link", "set", "vxlan-polynic", "up");
  let refused = "";
  await reach(a, all(), true).catch((error: Error) => { refused = error.message; });
  assert.match(refused, /link "vxlan-polynic" is in its way, since it is not polynic's/);
  a.netns.exec("ip", "link", "del", "vxlan-polynic");
});

kernel("changes nothing where the cluster does not know this node", async () => {
  const before = ours(a);
  const { problems } = await reach(a, [b, c]);
  assert.match(problems.join(), /the cluster has no node "a": routes stay as they are/);
  assert.equal(ours(a), before);
});

kernel("goes as a whole, and is then not there", async () => {
  await reach(a, all(), true);
  const host = openNamespace(a.netns.path);
  assert.is(await removeReach(host), true);
  assert.is(await removeReach(host), false);
  host.close();
  assert.equal([ours(a), tunnels(a)], [[], []]);
  assert.equal(nftJson("list tables", a.netns).filter(({ table }) => table?.name === "polynic_reach"), []);
  assert.equal(ipJson("rule show", a.netns).filter(({ table }) => table === "28782"), []);
});

kernel.run();
