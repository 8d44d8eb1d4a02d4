import { suite } from "uvu";
import * as assert from "uvu/assert";
import { formatPrefix } from "../../../src/net/index.ts";
import { strayWord } from "../../../src/plugins/portmap/nft-words.ts";
import { toolOption } from "../../../src/plugins/portmap/tool-options.ts";
import { containerAddresses, readForwarding, refuseUnfit } from "../../../src/plugins/portmap/conf.ts";
import { portmap } from "../../../src/plugins/portmap/index.ts";
import { rejects, throws } from "../../helpers/errors.ts";
import { call } from "../../helpers/firewall.ts";

const owner = { network: "test", containerId: "1234" };
const prevResult = { interfaces: [], ips: [{ address: "10.0.0.2/24" }], routes: [], dns: {} };
const mapping = { hostPort: 8080, containerPort: 80, protocol: "tcp" };

const addresses = suite("containerAddresses");
const interfaces = [{ name: "host" }, { name: "eth0", sandbox: "netns" }, { name: "eth0" },
  { name: "eth1", sandbox: "netns" }];
for (const [title, ips, expected] of [
  ["are the container's, not the host's", [{ interface: 0, address: "10.0.0.1/24" },
    { interface: 1, address: "10.0.0.2/24" }, { interface: 1, address: "2001:db8:1::2/64" }],
    ["10.0.0.2/24", "2001:db8:1::2/64"]],
  ["are the first of each family, IPv4 first", [{ address: "fd00::1/64" }, { address: "10.0.0.2/24" },
    { address: "10.0.0.3/24" }], ["10.0.0.2/24", "fd00::1/64"]],
  ["may belong to no interface, or to one out of range", [{ address: "10.0.0.2/24" },
    { interface: 9, address: "fd00::1/64" }], ["10.0.0.2/24", "fd00::1/64"]],
  ["are not those of an interface without sandbox, or of another name",
    [{ interface: 2, address: "10.0.0.2/24" }, { interface: 3, address: "10.0.0.3/24" }], []],
] as const) {
  addresses(title, () => assert.equal(containerAddresses({ interfaces, ips, routes: [], dns: {} },
    "eth0").map(formatPrefix), expected));
}
addresses.run();

const reading = suite("readForwarding");
reading("has defaults", () => {
  const { backend, forwarding } = readForwarding({}, owner);
  assert.is(backend, undefined);
  assert.equal(forwarding, { ...owner, mappings: [], snat: true, masqAll: false, markBit: 13,
    conditions: { 4: [], 6: [] } });
});
reading("takes protocols in any case and an empty hostIP as absent", () => {
  const { forwarding } = readForwarding({ runtimeConfig: { portMappings: [{ ...mapping, protocol: "TCP",
    hostIP: "" }] } }, owner);
  assert.equal(forwarding.mappings, [mapping]);
});
for (const [title, conf] of [
  ["markMasqBit below 0", { markMasqBit: -1 }],
  ["markMasqBit above 31", { markMasqBit: 32 }],
  ["markMasqBit out of range with nftables too", { markMasqBit: 32, backend: "nftables" }],
  ["markMasqBit beside externalSetMarkChain", { markMasqBit: 5, externalSetMarkChain: "KUBE-MARK-MASQ" }],
  ["an unknown backend", { backend: "ipvs" }],
  ["an empty backend", { backend: "" }],
  ["a hostIP that is none", { runtimeConfig: { portMappings: [{ ...mapping, hostIP: "localhost" }] } }],
] as const) {
  reading(`refuses ${title}`, () => void throws(() => readForwarding(conf, owner), 7));
}
reading.run();

const tool = suite("conditions that are options of the iptables tool");
for (const words of [
  ["-h"], ["--help"], ["--he"], ["--modprobe=/x"], ["--modp", "/x"], ["-M", "/x"], ["-s", "10.0.0.1", "-V"],
  ["--version"], ["-t", "filter"], ["--tab", "filter"], ["-j", "ACCEPT"], ["--jump", "ACCEPT"], ["-gX"], ["-D", "X"],
  ["--flush"], ["-fh"], ["-4"], ["-w", "5"], ["--wait"], ["-c", "1", "1"], ["--set-c", "1", "1"], ["--line"], ["-n"],
  ["--list-rules"], ["--"],
]) {
  tool(`${words.join(" ")}: refused, naming key and word`, () => {
    const found = words.find((word) => toolOption([word]) !== undefined);
    for (const key of ["conditionsV4", "conditionsV6"] as const) {
      const { forwarding } = readForwarding({ [key]: words }, owner);
      assert.is(throws(() => refuseUnfit("iptables", forwarding), 7).message,
        `Cannot use ${JSON.stringify(found)} in ${key}: it is an option of the iptables tool itself, expected what a `
          + "packet must match");
    }
  });
}
for (const words of [
  ["-s", "10.0.0.0/8"], ["!", "-d", "10.0.0.1"], ["--src", "10.0.0.1"], ["-ieth0"], ["-i", "eth0"], ["-m", "mark"],
  ["-f"],  ["--protocol", "tcp"], ["--dport", "80"], ["-m", "recent", "--set", "--name", "x"], ["--mode", "random"],
  ["-m", "policy", "--pol", "ipsec"], ["--ctstate", "NEW"], ["--limit", "1/s"], ["--helper", "ftp"],
  ["--in-interface", "x"],
]) {
  tool(`${words.join(" ")}: taken`, () => assert.is(toolOption(words), undefined));
}
tool.run();

const stray = suite("conditions that would not stay in a rule of nft");
for (const [words, found] of [
  [["iif", "lo;"], ";"], [["iif", "lo\nflush", "ruleset"], "\n"], [["iif", "lo", "#"], "#"], [["$lo"], "$"],
  [["iif", "lo", "\\"], "\\"], [["iif", '"lo'], '"'], [["iif", '"a\nb"'], '"'],
  [["log", "prefix", '"a', 'b"', '"'], '"'],
  [["iif", "lo", "}"], "}"], [["tcp", "dport", "{", "80"], "{"], [["ip", "saddr", "{{", "}}"], "{"],
  [["ip", "saddr", "vmap", "{1.2.3.4:drop}"], "vmap"], [["meta mark set 1"], "set"],
  [["ip", "daddr", "set", "::1"], "set"],
  [["add", "@friends", "{ip saddr}"], "add"], [["dup", "to", "192.0.2.1"], "dup"],
  [["reset", "tcp", "option", "maxseg"], "reset"], [["iifname", '"br\\"'], '"'], [["iifname", "br\\x"], "\\"],
] as const) {
  stray(`${JSON.stringify(words)}: refused, naming key and word`, () => {
    for (const key of ["conditionsV4", "conditionsV6"] as const) {
      const { forwarding } = readForwarding({ [key]: words, backend: "nftables" }, owner);
      assert.is(throws(() => refuseUnfit("nftables", forwarding), 7).message,
        `Cannot use ${JSON.stringify(found)} in ${key}: it would end the rule or do more than match, expected what a `
          + "packet must match");
    }
  });
}
for (const words of [
  ["iif", "lo"], ["log", "prefix", '"a;', '#', '{"'], ["iifname", '"set"'], ["ip", "saddr", "@friends-set"],
  ["tcp", "flags", "&", "(syn|ack)", "==", "syn"], ["ip", "saddr", "{10.0.0.1,", "10.0.0.2}", "tcp", "dport", "{80}"],
  ["dccp", "type", "reset"], ["dccp", "type", "{", "close,", "reset", "}"],
  ["iifname", '"br\\*"'], ["iifname", "br\\*"],
]) {
  stray(`${words.join(" ")}: taken`, () => assert.is(strayWord(words), undefined));
}
stray.run();

const style = suite("refuseUnfit");
for (const [title, backend, conf, refused] of [
  ["nftables words with nftables", "nftables", { conditionsV4: ["ip", "saddr", "10.0.0.0/8"] }, undefined],
  ["iptables options with iptables", "iptables", { conditionsV4: ["!", "-s", "10.0.0.0/8"], conditionsV6: ["-s", "::1"],
    externalSetMarkChain: "X" }, undefined],
  ["empty conditions with either", "nftables", { conditionsV4: [], conditionsV6: [""] }, undefined],
  ["nftables words with iptables", "iptables", { conditionsV4: ["ip", "saddr"], conditionsV6: ["ip6"] },
    "conditionsV4, conditionsV6"],
  ["iptables options with nftables", "nftables", { conditionsV6: ["-s"], conditionsV4: ["!"],
    externalSetMarkChain: "X" }, "externalSetMarkChain, conditionsV4, conditionsV6"],
] as const) {
  style(title, () => {
    const check = () => refuseUnfit(backend, readForwarding(conf, owner).forwarding);
    if (refused === undefined) check();
    else assert.ok(throws(check, 7).message.includes(refused));
  });
}
style("more mappings than an nftables transaction holds, with nftables only", () => {
  const conf = { runtimeConfig: { portMappings: Array.from({ length: 6001 }, () => mapping) } };
  const { forwarding } = readForwarding(conf, owner);
  assert.is(throws(() => refuseUnfit("nftables", forwarding), 7).message, "Cannot use runtimeConfig.portMappings " +
    "with backend nftables: it has 6001 entries, expected at most 6000");
  refuseUnfit("iptables", forwarding);
  refuseUnfit("nftables", { ...forwarding, mappings: forwarding.mappings.slice(1) });
});
style.run();

const plugin = suite("portmap configuration");
for (const [title, portMappings, key] of [
  ["hostPort 0", [{ ...mapping, hostPort: 0 }], "hostPort"],
  ["containerPort 65536", [{ ...mapping, containerPort: 65536 }], "containerPort"],
  ["a port as text", [{ ...mapping, hostPort: "80" }], "hostPort"],
  ["a missing protocol", [{ hostPort: 1, containerPort: 2 }], "protocol"],
  ["an unknown protocol", [{ ...mapping, protocol: "icmp" }], "protocol"],
  ["mappings that are no list", {}, "portMappings"],
] as const) {
  plugin(`refuses ${title}, naming it`, async () => {
    const error = await rejects(call(portmap, "add", { conf: { runtimeConfig: { portMappings } }, prevResult }), 7);
    assert.ok(error.message.includes(key), error.message);
  });
}
plugin("refuses ADD and CHECK without a prevResult", async () => {
  for (const verb of ["add", "check"] as const) await rejects(call(portmap, verb,
    { conf: { runtimeConfig: { portMappings: [mapping] } } }), 7);
});
plugin("passes without mappings", async () => {
  for (const verb of ["add", "check"] as const) await call(portmap, verb, { prevResult });
});
plugin.run();
