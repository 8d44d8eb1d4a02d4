// src/plugins/tuning/settings.ts and src/cni/repeated-keys.ts: what is asked for, and by whom.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code, parseJson } from "../../../src/cni/index.ts";
import { linkSettings, refuseForbidden, sysctlSettings, tunedMac } from "../../../src/plugins/tuning/settings.ts";
import { throws } from "../../helpers/errors.ts";

const link = suite("linkSettings");
const [a, b, c, d] = ["02:00:00:00:00:0a", "02:00:00:00:00:0b", "02:00:00:00:00:0c", "02:00:00:00:00:0d"];

for (const [what, conf, args, mac] of [
  ["the configuration's", { mac: a }, "", a], ["that of CNI_ARGS", { mac: a }, `IgnoreUnknown=1;MAC=${b}`, b],
  ["the runtime's", { mac: a, runtimeConfig: { mac: c } }, `MAC=${b}`, c],
  ["that of args.cni", { mac: a, runtimeConfig: { mac: c }, args: { cni: { mac: d } } }, `MAC=${b}`, d],
] as const) {
  link(`takes as MAC ${what}`, () => assert.equal(linkSettings(conf, args), { mac }));
}
link("takes what args.cni says before the configuration's own, false and 0 included where they mean something", () => {
  const conf = { promisc: true, mtu: 1400, allmulti: true, txQLen: 10,
    args: { cni: { promisc: false, mtu: 1300, allmulti: false, txQLen: 0 } } };
  assert.equal(linkSettings(conf, ""), { mtu: 1300, allmulti: false, txQLen: 0 });
});
link("has no MTU that no link can have", () => {
  for (const mtu of [67, 65_537, 99_999_999])
    assert.throws(() => linkSettings({ mtu }, ""), /Cannot use mtu \d+: .*expected 0, or 68 to 65536/);
  for (const mtu of [68, 65_536]) assert.equal(linkSettings({ mtu }, ""), { mtu });
});
link("leaves alone what nobody names", () => assert.equal(linkSettings({ promisc: false, mtu: 0 }, ""), {}));
link("refuses a MAC that is none, by whose it is", () => {
  for (const [key, conf, args] of [
    ["mac", { mac: "x" }, ""], ["runtimeConfig.mac", { mac: a, runtimeConfig: { mac: "x" } }, ""],
    ["args.cni.mac", { mac: a, args: { cni: { mac: "x" } } }, `MAC=${b}`],
  ] as const) {
    assert.match(throws(() => tunedMac(conf, args), code.invalidConfig).message, `Cannot use ${key}: "x" is no MAC`);
  }
  assert.match(throws(() => tunedMac({ mac: a }, "MAC=x"), code.invalidEnvironment).message, "Cannot use CNI_ARGS MAC");
});
link("gives the MAC as the kernel prints it, however it is written", () => {
  assert.equal(tunedMac({ mac: "02-00-00-00-00-0A" }, ""), { key: "mac", mac: a });
  assert.is(tunedMac({}, ""), undefined);
});
link.run();

const sysctls = suite("sysctlSettings");
for (const [key, file] of [
  ["net.ipv4.conf.IFNAME.log_martians", "net/ipv4/conf/eth0.5/log_martians"],
    ["net/ipv4/ip_forward", "net/ipv4/ip_forward"],
  ["net/ipv4/conf/IFNAME/log_martians", "net/ipv4/conf/eth0.5/log_martians"],
  // As sysctl(8) takes an interface whose name has a dot, in its two ways, and as people write it.
  ["net/ipv4/conf/eth1.100/arp_filter", "net/ipv4/conf/eth1.100/arp_filter"],
  ["net.ipv4.conf.eth1/100.arp_filter", "net/ipv4/conf/eth1.100/arp_filter"],
  ["net.ipv6.neigh.eth1.100.gc_stale_time", "net/ipv6/neigh/eth1.100/gc_stale_time"],
  ["net.ipv4.conf.eth1.arp_filter", "net/ipv4/conf/eth1/arp_filter"], ["net.ipv4.conf...x", "net/ipv4/conf/x"],
  ["net.core..somaxconn", "net/core/somaxconn"], ["net.ipv4.x./../ip_forward", "net/ipv4/x/ip_forward"],
] as const) {
  sysctls(`of ${key} is ${file}`, () => assert.equal(sysctlSettings({ sysctl: { [key]: "1" } }, "eth0.5"),
    [{ key, file, value: "1" }]));
}
for (const key of ["kernel.core_pattern", "../../etc/passwd", "net", "", "net.ipv4.a\nb",
  "net.\0"]) {
  sysctls(`refuses ${JSON.stringify(key)}, which is not the container's own`, () =>
    assert.match(throws(() => sysctlSettings({ sysctl: { [key]: "1" } }, "eth0"), code.invalidConfig).message,
      /not the container's own/));
}
sysctls("takes those of args.cni before the configuration's, also where that has none", () => {
  assert.equal(sysctlSettings({ sysctl: { "net.a": "1" }, args: { cni: { sysctl: { "net.a": "2" } } } },
    "eth0").map(({ value }) => value), ["2"]);
  assert.equal(sysctlSettings({ args: { cni: { sysctl: { "net.a": "2" } } } }, "eth0").length, 1);
});
sysctls.run();

const allowed = suite("the node's list");
const some = sysctlSettings({ sysctl: { "net.ipv4.conf.all.log_martians": "1" } }, "eth0");
allowed("lets through what a line matches anywhere", () => refuseForbidden(some, "\n  \n^net\\.ipv6\nlog_mart\n",
  "list"));
allowed("refuses the rest, and everything when it is empty", () => {
  for (const list of ["^net\\.core\\.", "", "\n"])
    assert.match(throws(() => refuseForbidden(some, list, "list"), code.invalidConfig).message,
      /"net\.ipv4\.conf\.all\.log_martians": list does not allow it/);
});
allowed("is refused for a line that is no expression", () =>
  assert.match(throws(() => refuseForbidden(some, "(", "list"), code.invalidConfig).message,
    /list: "\(" is no regular expression/));
allowed.run();

const repeated = suite("a sysctl that stands twice");
for (const [text, expected] of [
  ['{"sysctl":{"a":"1","a":"2"}}', { sysctl: { a: ["2"] } }],
    ['{"sysctl":{"a":"1","b":"2"}}', { sysctl: { a: "1", b: "2" } }],
  ['{"args":[{"sysctl":{"a":"1","\\u0061":"2"}}]}', { args: [{ sysctl: { a: ["2"] } }] }],
    ['{"x":{"a":1,"a":2},"y":"sysctl"}', { x: { a: 2 }, y: "sysctl" }],
  ['{"sysctl":[{"a":1,"a":2}]}', { sysctl: [{ a: 2 }] }], ['{"l":[1,[2],{"sysctl":{"q\\"":"{","q\\"":"}"}}]}',
    { l: [1, [2], { sysctl: { 'q"': ["}"] } }] }],
] as const) {
  repeated(`in ${text} is ${JSON.stringify(expected)}`, () => assert.equal(parseJson(text, "it"), expected));
}
repeated.run();
