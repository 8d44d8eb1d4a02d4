// Steps: what each took, and what it is called.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NewLink } from "../../../src/kernel/index.ts";
import { parseAddress, parsePrefix } from "../../../src/net/index.ts";
import { listedRules, nftCommands } from "../../../src/commands/steps/nft.ts";
import type { RequestPlace } from "../../../src/commands/steps/requests.ts";
import {
  addLinkWords, addressWords, deleteLinkWords, otherWords, portWords, routeWords, ruleWords, setInfoWords,
  setLinkWords, sysctlWords, vlanWords,
} from "../../../src/commands/steps/requests.ts";
import { openRecorder } from "../../../src/commands/steps/step.ts";
import { totalsOf } from "../../../src/commands/trace/report.ts";

const recorder = suite("openRecorder");

recorder("gives each step its time and its own, in the order in which they began", async () => {
  let time = 0;
  const made = openRecorder(() => time);
  const words = (what: string, kind: "request" | "plugin" = "request") =>
    () => ({ kind, where: "host", what } as const);
  await made.step(words("outer", "plugin"), async () => {
    time += 1;
    made.step(words("inner"), () => { time += 5; });
    made.aside(() => { time += 100; });
    await Promise.resolve();
    time += 3;
  });
  await made.step(words("wrong"), async () => { time += 1; throw new Error("no"); }).catch(() => undefined);
  assert.equal(made.steps.map(({ what, depth, ms, ownMs, error }) => [what, depth, ms, ownMs, error]), [
    ["outer", 0, 9, 4, undefined], ["inner", 1, 5, 5, undefined], ["wrong", 0, 1, 1, "no"],
  ]);
  assert.equal(totalsOf(made.steps, 20).map(({ kind, count, ms, share }) => [kind, count, ms, share]),
    [["request", 2, 6, 0.3], ["plugin", 1, 4, 0.2], ["rest", 0, 10, 0.5]]);
});

recorder.run();

const names = ["", "lo", "br0", "eth0", "veth1"];
const host: RequestPlace = {
  where: "host", nameOf: (index) => names[index] ?? "", otherNameOf: (index) => `other${index}`,
  isContainer: (fd) => fd === 9,
};
const container: RequestPlace = { ...host, where: "container", otherNameOf: (index) => names[index] ?? "" };
const prefix = parsePrefix("10.0.0.5/24");
// Of another namespace only that it is one counts.
const parentNamespace = { fd: 8, path: "" } as NonNullable<NewLink["parentNamespace"]>;

const words = suite("words of requests");
for (const [made, what, command] of [
  [addLinkWords({ name: "br0", info: { kind: "bridge", vlanFiltering: true } }, host),
    'add bridge "br0"', "ip link add name br0 type bridge vlan_filtering 1"],
  [addLinkWords({ name: "veth1", mtu: 1400, master: 2,
    info: { kind: "veth", peer: { name: "eth0", netnsFd: 9 } } }, host),
    'add veth "veth1" with peer "eth0" in the container',
    "ip link add name veth1 mtu 1400 master br0 type veth peer name eth0 netns $NETNS"],
  [addLinkWords({ name: "net1", parent: 3, parentNamespace, info: { kind: "macvlan", mode: "bridge" } }, container),
    'add macvlan "net1" on "eth0" of the host',
    "ip link add link eth0 name net1 netns $NETNS type macvlan mode bridge"],
  [addLinkWords({ name: "eth0.5", parent: 3, info: { kind: "vlan", id: 5 } }, host),
    'add vlan "eth0.5" on "eth0"', "ip link add link eth0 name eth0.5 type vlan id 5"],
  [setLinkWords("veth1", { up: true, master: 2 }, host), 'set "veth1": port of br0, up',
    "ip link set veth1 master br0 up"],
  [setLinkWords("eth0", { name: "net1", mac: "02:00:00:00:00:01" }, container),
    'set "eth0": MAC address 02:00:00:00:00:01, name "net1"',
    "ip -n $NETNS link set eth0 address 02:00:00:00:00:01 name net1"],
  [setLinkWords("eth0", { namespace: { fd: 9 } as typeof parentNamespace }, host), 'set "eth0": into the container',
    "ip link set eth0 netns $NETNS"],
  [setInfoWords("br0", { kind: "bridge", vlanFiltering: true }, host), 'set bridge "br0": vlan_filtering true',
    "ip link set br0 type bridge vlan_filtering true"],
  [portWords("veth1", { hairpin: true, isolated: false }, host), 'set bridge port "veth1": hairpin on isolated off',
    "bridge link set dev veth1 hairpin on isolated off"],
  [deleteLinkWords(["eth0"], container), 'delete link "eth0"', "ip -n $NETNS link del eth0"],
  [addressWords("add", "eth0", prefix, container, { broadcast: parseAddress("10.0.0.255"), noDad: true }),
    'add address 10.0.0.5/24 to "eth0"', "ip -n $NETNS addr add 10.0.0.5/24 brd 10.0.0.255 nodad dev eth0"],
  [addressWords("delete", "eth0", prefix, host), 'delete address 10.0.0.5/24 of "eth0"',
    "ip addr del 10.0.0.5/24 dev eth0"],
  [routeWords("add", { dst: parsePrefix("0.0.0.0/0"), gateway: parseAddress("10.0.0.1"), index: 3 }, container),
    "add route default via 10.0.0.1 dev eth0", "ip -n $NETNS route add default via 10.0.0.1 dev eth0"],
  [routeWords("add", { dst: parsePrefix("::/0"), gateway: parseAddress("fd00::1"), metric: 5, onLink: true }, host),
    "add route default via fd00::1 metric 5 onlink", "ip -6 route add default via fd00::1 metric 5 onlink"],
  [ruleWords("add", { source: prefix, table: 100 } as never, container), "add rule from 10.0.0.5/24 lookup 100",
    "ip -n $NETNS rule add from 10.0.0.5/24 lookup 100"],
  [sysctlWords("net/ipv4/ip_forward", "1", host), "set net/ipv4/ip_forward to 1", "sysctl -w net.ipv4.ip_forward=1"],
  [sysctlWords("net/ipv4/conf/eth0.5/arp_notify", "1", container), "set net/ipv4/conf/eth0.5/arp_notify to 1",
    "ip netns exec $NETNS sysctl -w net/ipv4/conf/eth0.5/arp_notify=1"],
  [vlanWords("add", "veth1", { id: 100, pvid: true, untagged: true }, host), 'add VLAN 100 to "veth1"',
    "bridge vlan add dev veth1 vid 100 pvid untagged"],
  [otherWords("add in qdiscs", "veth1", ["root", { handle: 1 }]), 'add in qdiscs "veth1" root handle 1', undefined],
] as const) {
  words(`are those of tools: ${what}`, () => assert.equal([made.what, made.commands[0]], [what, command]));
}
words.run();

const nft = suite("nftCommands");
const chain = { family: "ip", table: "t", chain: "c" } as const;

nft("are one for each change, with what nft prints of new rules", () => {
  const changes = [
    { do: "add table", family: "ip", table: "t" },
    { do: "add chain", ...chain, base: { type: "nat", hook: "postrouting", priority: 100, policy: "accept" } },
    { do: "add rule", ...chain, expressions: [], comment: "one" },
    { do: "add rule", ...chain, expressions: [] },
    { do: "delete rule", ...chain, handle: 7n },
  ] as const;
  const rest = ["nft add table ip t",
    "nft add chain ip t c { type nat hook postrouting priority 100 ; policy accept ; }"];
  assert.equal(nftCommands(changes, () => ["old", "ip saddr 1.2.3.4 accept", "drop"]), [...rest,
    "nft add rule ip t c ip saddr 1.2.3.4 accept", "nft add rule ip t c drop", "nft delete rule ip t c handle 7"]);
  assert.equal(nftCommands(changes, undefined), [...rest,
    'nft add rule ip t c ... comment "one"', "nft add rule ip t c ...", "nft delete rule ip t c handle 7"]);
});

nft("know rules from all else that nft prints", () => {
  assert.equal(listedRules(`table ip t {
\tchain c {
\t\tcomment "x"
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\tip saddr 1.2.3.4 accept comment "y"
\t\tdrop
\t}
}`), ['ip saddr 1.2.3.4 accept comment "y"', "drop"]);
});

nft.run();
