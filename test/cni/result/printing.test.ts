import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { CniError, allVersions, parseResult, printResult, toWireResult } from "../../../src/cni/index.ts";

const full: Result = {
  interfaces: [{ name: "eth0", mac: "00:11:22:33:44:55", mtu: 1500, sandbox: "/ns", socketPath: "/s",
    pciID: "8086:9a01" }, { name: "veth1" }],
  ips: [
    { interface: 0, address: "1.2.3.30/24", gateway: "1.2.3.1" },
    { interface: 0, address: "1.2.3.31/24" },
    { interface: 1, address: "abcd::cdde/64", gateway: "abcd::1" },
    { address: "abcd::cddf/64" },
  ],
  routes: [
    { dst: "15.5.6.0/24", gw: "15.5.6.8", mtu: 1400, advmss: 1360, priority: 100, table: 50, scope: 253 },
    { dst: "1111:dddd::/80", gw: "1111:dddd::aaaa" },
    { dst: "0.0.0.0/0", scope: 0, table: 0 },
  ],
  dns: { nameservers: ["1.2.3.4"], domain: "a.com", search: ["b.com"], options: ["foo"] },
};
const none: Result = { interfaces: [], ips: [], routes: [], dns: {} };

const print = suite("printResult");

const old = (version: string): string => `{"cniVersion":"${version}",`
  + '"ip4":{"ip":"1.2.3.30/24","gateway":"1.2.3.1","routes":[{"dst":"15.5.6.0/24","gw":"15.5.6.8"},' +
    '{"dst":"0.0.0.0/0"}]},'
  + '"ip6":{"ip":"abcd::cdde/64","gateway":"abcd::1","routes":[{"dst":"1111:dddd::/80","gw":"1111:dddd::aaaa"}]},'
  + '"dns":{"nameservers":["1.2.3.4"],"domain":"a.com","search":["b.com"],"options":["foo"]}}';

const lists = (version: string): string => `{"cniVersion":"${version}",`
  + '"interfaces":[{"name":"eth0","mac":"00:11:22:33:44:55","sandbox":"/ns"},{"name":"veth1"}],'
  + '"ips":[{"version":"4","interface":0,"address":"1.2.3.30/24","gateway":"1.2.3.1"},{"version":"4","interface":0,' +
    '"address":"1.2.3.31/24"},'
  + '{"version":"6","interface":1,"address":"abcd::cdde/64","gateway":"abcd::1"},{"version":"6",' +
    '"address":"abcd::cddf/64"}],'
  + '"routes":[{"dst":"15.5.6.0/24","gw":"15.5.6.8","mtu":1400,"advmss":1360,"priority":100,"table":50,"scope":253},'
  + '{"dst":"1111:dddd::/80","gw":"1111:dddd::aaaa"},{"dst":"0.0.0.0/0","table":0,"scope":0}],'
  + '"dns":{"nameservers":["1.2.3.4"],"domain":"a.com","search":["b.com"],"options":["foo"]}}';

const sorted = (version: string): string => `{"cniVersion":"${version}",`
  + '"dns":{"domain":"a.com","nameservers":["1.2.3.4"],"options":["foo"],"search":["b.com"]},'
  + '"interfaces":[{"mac":"00:11:22:33:44:55","mtu":1500,"name":"eth0","pciID":"8086:9a01","sandbox":"/ns",' +
    '"socketPath":"/s"},{"name":"veth1"}],'
  + '"ips":[{"address":"1.2.3.30/24","gateway":"1.2.3.1","interface":0},{"address":"1.2.3.31/24","interface":0},'
  + '{"address":"abcd::cdde/64","gateway":"abcd::1","interface":1},{"address":"abcd::cddf/64"}],'
  + '"routes":[{"advmss":1360,"dst":"15.5.6.0/24","gw":"15.5.6.8","mtu":1400,"priority":100,"scope":253,"table":50},'
  + '{"dst":"1111:dddd::/80","gw":"1111:dddd::aaaa"},{"dst":"0.0.0.0/0","scope":0,"table":0}]}';

for (const [version, text] of [
  ["0.1.0", old("0.1.0")], ["0.2.0", old("0.2.0")], ["", old("0.1.0")],
  ["0.3.0", lists("0.3.0")], ["0.3.1", lists("0.3.1")], ["0.4.0", lists("0.4.0")],
  ["1.0.0", sorted("1.0.0")], ["1.1.0", sorted("1.1.0")],
] as const) {
  print(`gives every field in ${JSON.stringify(version)}, keys in the reference's order`, () => {
    assert.is(JSON.stringify(toWireResult(full, version)), text);
    assert.is(printResult(full, version), JSON.stringify(JSON.parse(text), null, 4));
  });
}

for (const [version, text] of [
  ["0.3.0", '{"cniVersion":"0.3.0","dns":{}}'], ["0.4.0", '{"cniVersion":"0.4.0","dns":{}}'],
  ["1.0.0", '{"cniVersion":"1.0.0"}'], ["1.1.0", '{"cniVersion":"1.1.0"}'],
] as const) {
  print(`omits empty lists, and prints an empty dns before 1.0.0 only: ${version}`, () => {
    assert.is(JSON.stringify(toWireResult(none, version)), text);
    assert.is(JSON.stringify(toWireResult({ ...none, dns: { nameservers: [], domain: "" } }, version)), text);
  });
}

print("has an empty dns in 0.2.0", () => {
  assert.is(JSON.stringify(toWireResult({ ...none, ips: [{ address: "10.0.0.1/8" }] }, "0.2.0")),
    '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.1/8"},"dns":{}}');
});

for (const version of ["", "0.1.0", "0.2.0"]) {
  print(`cannot give a result without addresses in ${JSON.stringify(version)}`, () => {
    const layer2: Result = { ...none, interfaces: [{ name: "net1" }], routes: [{ dst: "0.0.0.0/0" }] };
    assert.throws(() => printResult(layer2, version), (error: unknown) => error instanceof CniError
      && error.message.includes("no valid IP addresses"));
  });
}

print("drops routes of a family without address in 0.2.0", () => {
  const result: Result = { ...none, ips: [{ address: "10.0.0.1/8" }],
    routes: [{ dst: "::/0" }, { dst: "0.0.0.0/0", gw: "10.0.0.2" }] };
  assert.is(JSON.stringify(toWireResult(result, "0.2.0")),
    '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.1/8","routes":[{"dst":"0.0.0.0/0","gw":"10.0.0.2"}]},"dns":{}}');
});

for (const version of ["2.0.0", "0.5.0", "x"]) {
  print(`refuses ${version}`, () => {
    assert.throws(() => printResult(full, version), (error: unknown) => error instanceof CniError && error.code === 1
      && error.message.includes(version));
  });
}

print.run();

const convert = suite("toWireResult after parseResult");
const convertTo = (json: unknown, version: string): unknown => toWireResult(parseResult(json, ""), version);

for (const version of allVersions) {
  convert(`gives back what ${version} said`, () => {
    const wire = toWireResult(full, version);
    assert.equal(convertTo(wire, version), wire);
  });
}

const withGateways = {
  cniVersion: "0.2.0",
  ip4: { ip: "1.2.3.30/24", gateway: "1.2.3.1", routes: [{ dst: "15.5.6.0/24", gw: "15.5.6.8" }] },
  ip6: { ip: "abcd::cdde/64", gateway: "abcd::1", routes: [{ dst: "1111:dddd::/80", gw: "1111:dddd::aaaa" }] },
  dns: { nameservers: ["1.2.3.4"] },
};
const withoutGateways = { ...withGateways, ip4: { ip: "1.2.3.30/24", routes: [{ dst: "15.5.6.0/24" }] } };

for (const [title, wire] of [["with", withGateways], ["without", withoutGateways]] as const) {
  for (const by of ["0.1.0", "0.3.0", "0.4.0", "1.0.0", "1.1.0"]) {
    convert(`0.2.0 by ${by} and back ${title} route gateways`,
      () => assert.equal(convertTo(convertTo(wire, by), "0.2.0"), wire));
  }
}

for (const [from, to] of [["0.1.0", "0.2.0"], ["0.2.0", "0.1.0"], ["0.3.0", "0.4.0"], ["0.4.0", "0.3.1"],
  ["1.0.0", "1.1.0"], ["1.1.0", "1.0.0"]] as const) {
  convert(`${from} to ${to} changes the version only`, () => assert.equal(convertTo(toWireResult(full, from), to),
    { ...toWireResult(full, from), cniVersion: to }));
}

for (const to of ["0.4.0", "0.2.0", "0.1.0"]) {
  convert(`1.1.0 to ${to} drops what ${to} cannot say`, () => assert.equal(convertTo(toWireResult(full, "1.1.0"), to),
    toWireResult(full, to)));
}

convert.run();
