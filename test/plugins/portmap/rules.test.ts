// The rule sets as text, the "chain content" scenario above all.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parsePrefix } from "../../../src/net/index.ts";
import { ruleText } from "../../../src/plugins/packet-rules/iptables-rule.ts";
import type { PortForwarding, PortmapConf } from "../../../src/plugins/portmap/conf.ts";
import { readForwarding } from "../../../src/plugins/portmap/conf.ts";
import {
  containerChain, containerRules, entryComment, portmapChange, sharedRules, stalePortmapChains,
} from "../../../src/plugins/portmap/iptables.ts";
import { portmapSetup } from "../../../src/plugins/portmap/nftables.ts";
import { throws } from "../../helpers/errors.ts";

/** Nothing of the skeleton is there. */
const missing = { rules: () => undefined, exists: () => false };

const chain = "CNI-DN-2bbe0c48b91a7d1b8a675";
const owner = { network: "test", containerId: "1234" };
const portMappings = [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" },
  { hostPort: 8081, containerPort: 80, protocol: "tcp" },
  { hostPort: 8080, containerPort: 81, protocol: "udp" },
  { hostPort: 8082, containerPort: 82, protocol: "udp" },
  { hostPort: 8083, containerPort: 83, protocol: "tcp", hostIP: "192.168.0.2" },
  { hostPort: 8084, containerPort: 84, protocol: "tcp", hostIP: "0.0.0.0" },
  { hostPort: 8085, containerPort: 85, protocol: "tcp", hostIP: "2001:db8:a::1" },
  { hostPort: 8086, containerPort: 86, protocol: "tcp", hostIP: "::" },
];

function forwarding(conf: PortmapConf = {}): PortForwarding {
  return readForwarding({ runtimeConfig: { portMappings }, ...conf }, owner).forwarding;
}

function rules(address: string, conf: PortmapConf = {}): string[] {
  return containerRules(parsePrefix(address), forwarding(conf)).map(({ chain: name, words }) => ruleText(name, words));
}

/** Mark, mark from localhost, translate. */
function ipv4Rules(match: string, to: number, snat: readonly string[] = ["-s 10.0.0.0/24 ",
  "-s 127.0.0.1/32 "]): string[] {
  return [...snat.map((source) => `${chain} ${source}${match} -j CNI-HOSTPORT-SETMARK`),
    `${chain} ${match} -j DNAT --to-destination 10.0.0.2:${to}`];
}

const port = (protocol: string, number: number) => `-p ${protocol} -m ${protocol} --dport ${number}`;
const entries = [
  String.raw`CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"test\" id: \"1234\"" -m multiport ` +
    `--dports 8080,8081,8083,8084,8085,8086 -j ${chain}`,
  String.raw`CNI-HOSTPORT-DNAT -p udp -m comment --comment "dnat name: \"test\" id: \"1234\"" -m multiport --dports 8080,8082 -j ${chain}`,
];

const comments = suite("nftables comments");
comments("refuse a container id they have no room for", () => {
  const long = { ...forwarding(), containerId: "x".repeat(129) };
  const setup = (of: typeof long) => portmapSetup(missing, parsePrefix("10.0.0.2/24"),
    { forwarding: of, conditions: [], neighbours: "answer directly" });
  assert.match(throws(() => setup(long), 4).message, /CNI_CONTAINERID.* 129 bytes, expected at most 128/);
  setup({ ...long, containerId: "x".repeat(128) });
});
comments.run();

const content = suite("chain content");

content("the container's chain is named by network and container", () => assert.is(containerChain(owner), chain));

content("IPv4: all mappings but those of IPv6 host addresses", () => {
  assert.equal(rules("10.0.0.2/24"), [
    ...ipv4Rules(port("tcp", 8080), 80),
    ...ipv4Rules(port("tcp", 8081), 80),
    ...ipv4Rules(port("udp", 8080), 81),
    ...ipv4Rules(port("udp", 8082), 82),
    ...ipv4Rules(`-d 192.168.0.2/32 ${port("tcp", 8083)}`, 83),
    ...ipv4Rules(port("tcp", 8084), 84),
    ...entries,
  ]);
});

content("IPv6: no rules for localhost, and only IPv6 host addresses", () => {
  const ipv6 = (match: string, to: number) => [
    `${chain} -s 2001:db8::/64 ${match} -j CNI-HOSTPORT-SETMARK`,
    `${chain} ${match} -j DNAT --to-destination [2001:db8::2]:${to}`,
  ];
  assert.equal(rules("2001:db8::2/64"), [
    ...ipv6(port("tcp", 8080), 80),
    ...ipv6(port("tcp", 8081), 80),
    ...ipv6(port("udp", 8080), 81),
    ...ipv6(port("udp", 8082), 82),
    ...ipv6(`-d 2001:db8:a::1/128 ${port("tcp", 8085)}`, 85),
    ...ipv6(port("tcp", 8086), 86),
    ...entries,
  ]);
});

content("snat false leaves only the translation", () => {
  assert.equal(rules("10.0.0.2/24", { snat: false }).filter((rule) => !/ -j (DNAT|CNI-DN)/.test(rule)), []);
  assert.equal(sharedRules(forwarding({ snat: false })).map(({ chain: name }) => name), ["PREROUTING", "OUTPUT"]);
});

content("masqAll marks every source, once", () => {
  const [first, second] = rules("10.0.0.2/24", { masqAll: true });
  assert.equal([first, second], ipv4Rules(port("tcp", 8080), 80, [""]));
});

content("an external chain marks instead of ours", () => {
  const external = { externalSetMarkChain: "PLZ-SET-MARK" };
  assert.is(rules("10.0.0.2/24", external)[0], `${chain} -s 10.0.0.0/24 ${port("tcp", 8080)} -j PLZ-SET-MARK`);
  assert.equal(sharedRules(forwarding(external)).map(({ chain: name }) => name), ["PREROUTING", "OUTPUT"]);
});

content("the shared chains, by default and with another bit", () => {
  const shared = (conf: PortmapConf) => sharedRules(forwarding(conf)).map(({ chain: name, words }) => ruleText(name,
    words));
  const withMark = (mark: string) => [
    `CNI-HOSTPORT-SETMARK -m comment --comment "CNI portfwd masquerade mark" -j MARK --set-xmark ${mark}/${mark}`,
    `CNI-HOSTPORT-MASQ -m mark --mark ${mark}/${mark} -j MASQUERADE`,
    `POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ`,
    "PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
    "OUTPUT -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT",
  ];
  assert.equal(shared({}), withMark("0x2000"));
  assert.equal(shared({ markMasqBit: 5 }), withMark("0x20"));
  assert.equal(shared({ markMasqBit: 31 }), withMark("0x80000000"));
});

content("conditions stand before the jump, and at most 15 ports in a rule", () => {
  const many = Array.from({ length: 17 }, (_, i) => ({ hostPort: 9000 + i, containerPort: 80, protocol: "tcp" }));
  const found = rules("10.0.0.2/24", { conditionsV4: ["!", "-s", "10.9.0.0/16"],
    runtimeConfig: { portMappings: many } }).slice(-2);
  assert.match(found[0] ?? "", / --dports 9000,.*,9014 ! -s 10\.9\.0\.0\/16 -j CNI-DN-/);
  assert.match(found[1] ?? "", / --dports 9015,9016 ! -s 10\.9\.0\.0\/16 -j CNI-DN-/);
});

content("a comment is cut to 255 bytes with dots", () => {
  const comment = entryComment({ network: "test", containerId: "c".repeat(300) });
  assert.is(comment, `dnat name: "test" id: "${"c".repeat(230)}...`);
  assert.is(comment.length, 256);
});
content.run();

const change = suite("portmapChange");
const small = { runtimeConfig: { portMappings: portMappings.slice(0, 1) } };
const own = rules("10.0.0.2/24", small).map((rule) => `-A ${rule}`);

change("guesses whole shared chains, or none, and fails where that is wrong", () => {
  const whole = portmapChange(parsePrefix("10.0.0.2/24"), forwarding(small), false).guess ?? [];
  assert.equal(whole.slice(0, 5).map((line) => line.split(" ").slice(0, 2).join(" ")),
    ["-C CNI-HOSTPORT-SETMARK", "-C CNI-HOSTPORT-MASQ", "-C POSTROUTING", "-C PREROUTING", "-C OUTPUT"]);
  assert.equal(whole.slice(5), [`-N ${chain}`, ...own]);
  const none = portmapChange(parsePrefix("10.0.0.2/24"), forwarding(small), true).guess ?? [];
  assert.equal(none.slice(0, 3), ["-N CNI-HOSTPORT-SETMARK", "-N CNI-HOSTPORT-MASQ", "-N CNI-HOSTPORT-DNAT"]);
  assert.ok(none.includes(`-I POSTROUTING 1 -m comment --comment "CNI portfwd requiring masquerade" -j ` +
    "CNI-HOSTPORT-MASQ"));
});

change("adds only what a read table lacks, and renews the entries", () => {
  const { decide, guess } = portmapChange(parsePrefix("10.0.0.2/24"), forwarding(small), true);
  assert.equal(decide([]),
    guess?.filter((line) => line.startsWith("-N")).concat(guess.filter((line) => !line.startsWith("-N"))));
  const saved = (guess ?? []).map((line) => line.replace(/^-N (.*)$/, ":$1 - [0:0]").replace("-I POSTROUTING 1",
    "-A POSTROUTING"));
  const entry = own.at(-1) ?? "";
  assert.equal(decide(saved), [entry.replace("-A", "-D"), entry]);
  assert.equal(decide(saved.filter((line) => !line.includes("PREROUTING"))).slice(0, 1),
    ["-A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT"]);
});
change.run();

const stale = suite("portmap GC");
stale("takes chains of the network whose name proves the owner, unless the comment was cut", () => {
  const entry = (network: string, containerId: string, target = containerChain({ network, containerId })) =>
    "-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment " +
      `"${entryComment({ network, containerId }).replaceAll('"', '\\"')}" -m multiport --dports 1 -j ${target}`;
  const saved = [entry("test", "gone"), entry("test", "gone"), entry("test", "kept"), entry("other", "gone"),
    entry("test", "forged", "OTHER"), entry("test", "c".repeat(300))];
  assert.equal(stalePortmapChains(saved, "test", [{ containerID: "kept", ifname: "eth0" }]),
    [containerChain({ network: "test", containerId: "gone" })]);
});
stale.run();
