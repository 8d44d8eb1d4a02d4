// src/daemon/reach/plan.ts: which way leads to the pods of each node, and what of it is nobody's way.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Here, ReachPlan } from "../../../src/daemon/reach/plan.ts";
import { macOf, planReach } from "../../../src/daemon/reach/plan.ts";
import { setup } from "../../../src/daemon/reach/masquerade.ts";
import { wantedRoutes } from "../../../src/daemon/reach/routes.ts";
import { parseNode } from "../../../src/kube/nodes/node.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../../../src/net/index.ts";
import type { NodeSeed } from "../../helpers/shared/node-calls.ts";
import { nodeObject } from "../../helpers/shared/node-calls.ts";

const nodes = (...seeds: readonly NodeSeed[]) => seeds.map((seed) => parseNode(nodeObject({ uid: "1", ...seed })));
const here: Here = {
  node: "a", isTunnelOnly: false,
  addresses: [["127.0.0.1/8", 1], ["192.0.2.1/24", 2], ["2001:db8::1/64", 2], ["172.17.0.1/16", 3]].map(
    ([text, index]) => ({ ...parsePrefix(String(text)), index: Number(index) })),
};
const a: NodeSeed = { name: "a", subnets: ["10.1.1.0/24", "fd00:1::/64"], addresses: ["192.0.2.1", "2001:db8::1"] };

/** As `ip` shows it for a link of that MAC. */
function linkLocal(node: string): string {
  const [a = "", b, c, d, e, f] = macOf(node).split(":");
  const text = `fe80::${(parseInt(a, 16) ^ 2).toString(16)}${b}:${c}ff:fe${d}:${e}${f}`;
  return formatAddress(parseAddress(text.replace(/:0+(?=[0-9a-f])/g, ":")));
}

function told(plan: ReachPlan | undefined): readonly string[] {
  return (plan?.routes ?? []).map(({ dst, gateway, index, isForPods }) =>
    `${isForPods ? "pods " : ""}${formatPrefix(dst)} via ${formatAddress(gateway)} ${index ?? "tunnel"}`);
}

const planning = suite("planReach");

for (const [title, peer, wanted] of [
  ["over the link that both are on, of each family",
    { name: "b", subnets: ["10.1.2.0/24", "fd00:2::/64"], addresses: ["192.0.2.2", "2001:db8::2"] },
    ["10.1.2.0/24 via 192.0.2.2 2", "fd00:2::/64 via 2001:db8::2 2"]],
  ["through the tunnel to another link, and to the node itself for what pods send",
    { name: "b", subnets: ["10.1.2.0/24"], addresses: ["198.51.100.2"] },
    ["10.1.2.0/24 via 10.1.2.0 tunnel", "pods 198.51.100.2/32 via 10.1.2.0 tunnel"]],
  ["through the tunnel where the node has no address of that family",
    { name: "b", subnets: ["10.1.2.0/24", "fd00:2::/64"], addresses: ["192.0.2.2"] },
    ["10.1.2.0/24 via 192.0.2.2 2", `fd00:2::/64 via ${linkLocal("b")} tunnel`]],
  ["not over a link that is no node's", { name: "b", subnets: ["10.1.2.0/24"], addresses: ["172.17.0.2"] },
    ["10.1.2.0/24 via 10.1.2.0 tunnel", "pods 172.17.0.2/32 via 10.1.2.0 tunnel"]],
  ["nowhere while nobody has given it a subnet", { name: "b", addresses: ["192.0.2.2"] }, []],
] as const)
  planning(`leads ${title}`, () => assert.equal(told(planReach(nodes(a, peer), here)), wanted));

planning("leads through the tunnel to all where it is told to", () => {
  const peer = { name: "b", subnets: ["10.1.2.0/24"], addresses: ["192.0.2.2"] };
  assert.equal(told(planReach(nodes(a, peer), { ...here, isTunnelOnly: true })),
    ["10.1.2.0/24 via 10.1.2.0 tunnel", "pods 192.0.2.2/32 via 10.1.2.0 tunnel"]);
});

planning("makes the tunnel of what each node's name says", () => {
  const peers = ["b", "c"].map((name, i) => ({ name, subnets: [`10.1.${i + 2}.0/24`, `fd00:${i + 2}::/64`],
    addresses: [`198.51.100.${i + 2}`] }));
  const { tunnel } = planReach(nodes(a, ...peers), here) ?? {};
  assert.equal(tunnel && { ...tunnel, local: formatAddress(tunnel.local),
    addresses: tunnel.addresses.map(formatPrefix),
    remotes: tunnel.remotes.map(({ mac, remote }) => `${mac} ${formatAddress(remote)}`),
    gateways: tunnel.gateways.map(({ mac, address }) => `${mac} ${formatAddress(address)}`) }, {
    parent: 2, local: "192.0.2.1", mac: macOf("a"), addresses: ["10.1.1.0/32", "fd00:1::/128"],
    remotes: [`${macOf("b")} 198.51.100.2`, `${macOf("c")} 198.51.100.3`],
    gateways: [`${macOf("b")} 10.1.2.0`, `${macOf("b")} ${linkLocal("b")}`, `${macOf("c")} 10.1.3.0`,
      `${macOf("c")} ${linkLocal("c")}`],
  });
  assert.match(macOf("a"), /^.[26ae](?::[0-9a-f]{2}){5}$/);
  assert.is.not(macOf("a"), macOf("b"));
});

for (const [title, seeds, problem] of [
  ["a subnet that is this node's as well", [{ name: "b", subnets: ["10.1.1.128/25"], addresses: ["192.0.2.2"] }],
    'Cannot reach pods of node "b" in 10.1.1.128/25: this node\'s are in 10.1.1.0/24, expected subnets apart'],
  ["a node without an address", [{ name: "b", subnets: ["10.1.2.0/24"] }],
    'Cannot reach pods of node "b" in 10.1.2.0/24: the node has no InternalIP of IPv4, as this one has'],
  ["a subnet of another peer's", [{ name: "b", addresses: ["192.0.2.2"] },
    { name: "c", subnets: ["10.1.2.0/24"] }, { name: "d", subnets: ["10.1.2.0/24"], addresses: ["192.0.2.4"] }],
    'Cannot reach pods of node "c" in 10.1.2.0/24: the node has no InternalIP of IPv4, as this one has; ' +
      'Cannot reach pods of node "d" in 10.1.2.0/24: node "c" has them, too, expected subnets apart'],
] as const)
  planning(`tells of ${title}`, () => {
    const plan = planReach(nodes(a, ...seeds), here);
    assert.equal([plan?.routes, plan?.problems.join("; ")], [[], problem]);
  });

for (const [title, own, peers, wanted] of [
  ["most have an address of", ["192.0.2.1", "2001:db8::1"],
    [["2001:db8:9::2"], ["198.51.100.3", "2001:db8:9::3"]], "2001:db8::1 to 2001:db8:9::2 2001:db8:9::3"],
  ["most name first where all have both", ["2001:db8::1", "192.0.2.1"],
    [["198.51.100.2", "2001:db8:9::2"], ["198.51.100.3", "2001:db8:9::3"]], "192.0.2.1 to 198.51.100.2 198.51.100.3"],
  ["it has alone, to nodes that have no more", ["192.0.2.1"], [["2001:db8:9::2"], ["198.51.100.3", "2001:db8:9::3"],
    ["2001:db8:9::4"], ["198.51.100.5"], ["2001:db8:9::6"]], "192.0.2.1 to 198.51.100.5"],
] as const)
  planning(`has the tunnel go by the family that ${title}`, () => {
    const others = peers.map((addresses, i) => ({ name: `n${i}`, subnets: [`10.1.${i + 2}.0/24`], addresses }));
    const { tunnel } = planReach(nodes({ ...a, addresses: own }, ...others), here) ?? {};
    assert.is(tunnel && `${formatAddress(tunnel.local)} to ` +
      tunnel.remotes.map(({ remote }) => formatAddress(remote)).join(" "), wanted);
  });

planning("tells of a node whose tunnel goes by the other family", () => {
  const peers = [["198.51.100.2", "2001:db8:9::2"], ["2001:db8:9::3"], ["2001:db8:9::4"]].map((addresses, i) =>
    ({ name: `n${i}`, subnets: [`10.1.${i + 2}.0/24`], addresses }));
  const { problems } = planReach(nodes({ ...a, addresses: ["192.0.2.1"] }, ...peers), here) ?? {};
  assert.is(problems?.[0], 'Cannot reach pods of node "n0" in 10.1.2.0/24: its tunnel goes by IPv6, of which this ' +
    "node has no InternalIP");
});

for (const [title, addresses] of [
  ["none", []], ["another of the tunnel's family", ["203.0.113.1", "2001:db8::1"]],
] as const)
  planning(`is astray where the cluster has ${title} of its addresses`, () => {
    const peer = { name: "b", subnets: ["10.1.2.0/24"], addresses: ["192.0.2.2"] };
    assert.is(planReach(nodes({ ...a, addresses }, peer), here)?.isAstray, true);
    assert.is(planReach(nodes(a, peer), here)?.isAstray, false);
  });

planning("tells of an InternalIP that no link has, with which nobody can be reached", () => {
  const peer = { name: "b", subnets: ["10.1.2.0/24"], addresses: ["192.0.2.2"] };
  const plan = planReach(nodes({ ...a, addresses: ["203.0.113.1"] }, peer), here);
  assert.equal(plan?.problems, ["no link of this node has 203.0.113.1, its InternalIP",
    'Cannot reach pods of node "b" in 10.1.2.0/24: the node has no InternalIP to be reached from here']);
});

planning("says nothing where this node is not among them", () => {
  assert.is(planReach(nodes({ ...a, name: "b" }), here), undefined);
});

planning("keeps inside what is a pod's or a node's", () => {
  const peer = { name: "b", subnets: ["10.1.2.0/24"], addresses: ["192.0.2.2"] };
  const { inside = [] } = planReach(nodes(a, peer), here) ?? {};
  assert.equal(inside.map(formatPrefix), ["10.1.1.0/24", "fd00:1::/64", "192.0.2.1/32", "2001:db8::1/128",
    "10.1.2.0/24", "192.0.2.2/32"]);
});
planning.run();

const routes = suite("wantedRoutes");
routes("come from the tunnel's address, but for those that pods take", () => {
  const planned = [
    { dst: parsePrefix("10.1.2.0/24"), gateway: parseAddress("10.1.2.0"), index: undefined, isForPods: false },
    { dst: parsePrefix("198.51.100.2/32"), gateway: parseAddress("10.1.2.0"), index: undefined, isForPods: true },
  ];
  const wanted = wantedRoutes(planned, { index: 9, addresses: [parseAddress("fd00:1::"), parseAddress("10.1.1.0")] });
  assert.equal(wanted.map(({ index, onLink, source, table }) =>
    [index, onLink, source && formatAddress(source), table]), [[9, true, "10.1.1.0", undefined],
    [9, true, undefined, 28_782]]);
  assert.equal(wantedRoutes(planned, undefined), []);
});
routes.run();

const rules = suite("the rules of masquerading");
rules("are as many as one attribute has room for", () => {
  const scattered = Array.from({ length: 1200 }, (_, i) => parsePrefix(`10.${i >> 8}.${i & 255}.7/32`));
  const changes = setup({ subnets: [parsePrefix("10.99.0.0/24")], inside: scattered }, "mark");
  assert.is(changes.filter((change) => change.do === "add rule").length, 4);
  assert.is(setup({ subnets: [], inside: scattered }, "mark").length, 2);
});
rules.run();
