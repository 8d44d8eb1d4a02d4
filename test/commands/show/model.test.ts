// The node as people think of it, made of facts.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { LinkFacts } from "../../../src/commands/show/facts.ts";
import { modelOf } from "../../../src/commands/show/model.ts";
import { container, exampleNode, link, network } from "./facts.ts";

const model = suite("modelOf");

const hostLinks: readonly LinkFacts[] = [
  link(2, "eth0"), link(3, "br0", { kind: "bridge" }),
  link(4, "vethA", { kind: "veth", master: 3, parent: 2, parentIn: "elsewhere" }),
  link(5, "vethB", { kind: "veth", parent: 2, parentIn: "elsewhere" }),
];

/** How an interface hangs on what: [what is inside, on, through]. */
for (const [title, inside, on, through] of [
  ["a bridge's port", [link(2, "eth0", { kind: "veth", parent: 4, parentIn: "host" })], "br0", "vethA"],
  ["a pair without a bridge", [link(2, "eth0", { kind: "veth", parent: 5, parentIn: "host" })], "vethB", "vethB"],
  ["a macvlan", [link(2, "eth0", { kind: "macvlan", parent: 2, parentIn: "host" })], "eth0", undefined],
  ["a VLAN inside, on a macvlan", [link(7, "m0", { kind: "macvlan", parent: 2, parentIn: "host" }),
    link(2, "eth0", { kind: "vlan", parent: 7, parentIn: "here" })], "eth0", undefined],
  ["a pair that leads elsewhere", [link(2, "eth0", { kind: "veth", parent: 4, parentIn: "elsewhere" })], undefined,
    undefined],
  ["a pair with both ends inside", [link(2, "eth0", { kind: "veth", parent: 9, parentIn: "here" })], undefined,
    undefined],
  ["a device moved in", [link(2, "eth0")], undefined, undefined],
  ["a lower link that is gone", [link(2, "eth0", { kind: "macvlan", parent: 77, parentIn: "host" })], undefined,
    undefined],
] as const) {
  model(`finds what hangs on what: ${title}`, () => {
    const facts = container("a", { inside: { links: inside }, networks: [network("n", "eth0")] });
    const made = modelOf({ node: "n", host: { links: hostLinks }, containers: [facts], rules: [] });
    const [first] = made.containers[0]?.interfaces ?? [];
    assert.equal([first?.on, first?.through, first?.state], [on, through, "up"]);
  });
}

model("tells what is missing, down, gone or not ours", () => {
  const inside = { links: [link(2, "eth0", { up: false }), link(3, "extra"), link(4, "tunl0", { kind: "ipip" })] };
  const made = modelOf({ node: "n", host: { links: [] }, rules: [], containers: [
    container("a", { inside, networks: [network("x", "eth0"), network("y", "net1")] }),
    container("b", { networks: [network("x", "eth0")] }),
  ] });
  assert.equal(made.containers.map(({ state, interfaces }) => [state, ...interfaces.map((i) => [i.name, i.state])]), [
    ["there", ["eth0", "down"], ["net1", "missing"], ["extra", "unknown"]],
    ["gone", ["eth0", "missing"]],
  ]);
});

model("says where an address came from, and which one is not there", () => {
  const ipam = { type: "host-local", scope: "x", ranges: [
    { subnet: "10.1.0.0/24", range: "10.1.0.3-10.1.0.3" }, { subnet: "10.1.0.0/24", range: "10.1.0.5-10.1.0.9" },
    { subnet: "fd00::/64", range: "fd00::1-fd00::f" }] };
  const inside = { links: [link(2, "eth0", { addresses: ["10.1.0.5/24", "10.9.9.9/8", "fe80::1/64"] })] };
  const networks = [network("x", "eth0", { ipam, addresses: ["10.1.0.5/24", "fd00::2/64"] })];
  const made = modelOf({ node: "n", host: { links: [] }, rules: [],
    containers: [container("a", { inside, networks })] });
  assert.equal(made.containers[0]?.interfaces[0]?.addresses, [
    { address: "10.1.0.5/24", origin: "host-local 10.1.0.5-10.1.0.9 of x", isMissing: false },
    { address: "10.9.9.9/8", origin: "", isMissing: false },
    { address: "fd00::2/64", origin: "host-local fd00::1-fd00::f of x", isMissing: true },
  ]);
});

model("has those links of the host that something hangs on, with what these are part of", () => {
  const shown = (pods: number) => modelOf(exampleNode(pods)).links.map(({ name, on, portOf }) => [name, on, portOf]);
  assert.equal(shown(1), [["eth0", undefined, undefined], ["eth0.100", "eth0", undefined],
    ["cni0", undefined, undefined], ["eth1", undefined, "cni0"]]);
  assert.equal(shown(0), []);
});

model("gives rules to their containers, and tells of those that are nobody's", () => {
  const facts = exampleNode(2);
  const stray = { tool: "iptables", table: "nat", chain: "CNI-x", text: "-j ACCEPT", owner: "id-shop/web" } as const;
  const made = modelOf({ ...facts, rules: [...facts.rules, stray] });
  assert.equal(made.containers.map(({ rules }) => rules.length), [1, 0]);
  assert.equal(made.otherRules, [stray]);
});

model("is of one container when one is wanted, with what that hangs on", () => {
  const made = modelOf(exampleNode(5), new Set(["id-shop/web-1"]));
  assert.equal([made.containers.map(({ name }) => name), made.links.map(({ name }) => name), made.otherRules],
    [["shop/web-1"], ["cni0", "eth1"], []]);
});

model.run();
