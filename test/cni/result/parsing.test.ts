import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { CniError, parsePrevResult, parseResult, resultFamily } from "../../../src/cni/index.ts";

const refusedWith = (code: number, message = "") => (error: unknown): boolean => error instanceof CniError
  && error.code === code && error.message.includes(message);
const empty: Result = { interfaces: [], ips: [], routes: [], dns: {} };

const parse = suite("parseResult");

const dns = { nameservers: ["1.2.3.4", "1::cafe"], domain: "acompany.com", search: ["somedomain.com"],
  options: ["foo"] };

for (const [title, json, result] of [
  ["every field of 0.2.0", {
    cniVersion: "0.2.0",
    ip4: { ip: "1.2.3.30/24", gateway: "1.2.3.1", routes: [{ dst: "15.5.6.0/24", gw: "15.5.6.8" },
      { dst: "0.0.0.0/0" }] },
    ip6: { ip: "ABCD:1234:ffff::cdde/64", gateway: "abcd:1234:ffff::1",
      routes: [{ dst: "1111:dddd::/80", gw: "1111:dddd::aaaa" }] },
    dns,
  }, {
    interfaces: [],
    ips: [{ address: "1.2.3.30/24", gateway: "1.2.3.1" }, { address: "abcd:1234:ffff::cdde/64",
      gateway: "abcd:1234:ffff::1" }],
    routes: [{ dst: "15.5.6.0/24", gw: "15.5.6.8" }, { dst: "0.0.0.0/0" },
      { dst: "1111:dddd::/80", gw: "1111:dddd::aaaa" }],
    dns,
  }],
  ["every field of 0.4.0", {
    cniVersion: "0.4.0",
    interfaces: [{ name: "eth0", mac: "00:11:22:33:44:55", sandbox: "/proc/3553/ns/net" }],
    ips: [{ version: "4", interface: 0, address: "1.2.3.30/24", gateway: "1.2.3.1" },
      { version: "6", interface: 0, address: "abcd::cdde/64" }],
    routes: [{ dst: "15.5.6.0/24", gw: "15.5.6.8" }],
    dns,
  }, {
    interfaces: [{ name: "eth0", mac: "00:11:22:33:44:55", sandbox: "/proc/3553/ns/net" }],
    ips: [{ interface: 0, address: "1.2.3.30/24", gateway: "1.2.3.1" }, { interface: 0, address: "abcd::cdde/64" }],
    routes: [{ dst: "15.5.6.0/24", gw: "15.5.6.8" }],
    dns,
  }],
  ["every field of 1.1.0", {
    cniVersion: "1.1.0",
    interfaces: [{ name: "eth0", mac: "00:11:22:33:44:55", mtu: 1500, sandbox: "/ns", socketPath: "/s",
      pciID: "8086:9a01" }],
    ips: [{ interface: 0, address: "1.2.3.30/24", gateway: "1.2.3.1" }],
    routes: [{ dst: "15.5.6.0/24", gw: "15.5.6.8", mtu: 1400, advmss: 1360, priority: 100, table: 50, scope: 253 }],
    dns,
  }, {
    interfaces: [{ name: "eth0", mac: "00:11:22:33:44:55", mtu: 1500, sandbox: "/ns", socketPath: "/s",
      pciID: "8086:9a01" }],
    ips: [{ interface: 0, address: "1.2.3.30/24", gateway: "1.2.3.1" }],
    routes: [{ dst: "15.5.6.0/24", gw: "15.5.6.8", mtu: 1400, advmss: 1360, priority: 100, table: 50, scope: 253 }],
    dns,
  }],
  ["interface 0 apart from none", { ips: [{ interface: 0, address: "10.0.0.1/8" }, { address: "10.0.0.2/8" }] },
    { ...empty, ips: [{ interface: 0, address: "10.0.0.1/8" }, { address: "10.0.0.2/8" }] }],
  ["empty text and zero as the reference omits them, table and scope 0 kept", {
    interfaces: [{ name: "a", mac: "", sandbox: "", mtu: 0 }], ips: [{ address: "10.0.0.1/8", gateway: "" }],
    routes: [{ dst: "0.0.0.0/0", gw: "", mtu: 0, advmss: 0, priority: 0, table: 0, scope: 0 }],
      dns: { nameservers: [] },
  }, {
    interfaces: [{ name: "a" }], ips: [{ address: "10.0.0.1/8" }], routes: [{ dst: "0.0.0.0/0", table: 0, scope: 0 }],
      dns: { nameservers: [] },
  }],
  ["keys in any case, null and unknown keys", { CNIVersion: "1.0.0",
    IPs: [{ Address: "10.0.0.1/8", GATEWAY: null, extra: 1 }], Interfaces: null, bogus: [] },
    { ...empty, ips: [{ address: "10.0.0.1/8" }] }],
  ["null as empty", null, empty],
  ["an empty object as empty", {}, empty],
  ["an empty version as the assumed one", { cniVersion: "", ips: [{ address: "10.0.0.1/8" }] },
    { ...empty, ips: [{ address: "10.0.0.1/8" }] }],
  ["host bits and IPv4-mapped text", { ips: [{ address: "::ffff:10.1.2.3/120" }], routes: [{ dst: "10.1.2.3/16" }] },
    { ...empty, ips: [{ address: "10.1.2.3/24" }], routes: [{ dst: "10.1.2.3/16" }] }],
] as const) {
  parse(`reads ${title}`, () => assert.equal(parseResult(json, "1.1.0"), result));
}

parse("takes a result's own version before the assumed one", () => {
  assert.equal(parseResult({ cniVersion: "0.2.0", ip4: { ip: "10.0.0.1/8" } }, "1.1.0").ips,
    [{ address: "10.0.0.1/8" }]);
  assert.equal(parseResult({ ip4: { ip: "10.0.0.1/8" } }, "").ips, [{ address: "10.0.0.1/8" }]);
  assert.equal(parseResult({ ip4: { ip: "10.0.0.1/8" } }, "1.0.0").ips, []);
});

for (const [title, json, code, message] of [
  ["an unknown version", { cniVersion: "2.0.0" }, 1, "2.0.0"],
  ["a version that is no text", { cniVersion: 1 }, 6, "cniVersion is 1, expected a string"],
  ["a list", [], 6, "it is [], expected an object"],
  ["text", "result", 6, "expected an object"],
  ["ips that are no list", { ips: {} }, 6, "ips is {}, expected a list"],
  ["an address that is no text", { ips: [{ address: 5 }] }, 6, "ips[0].address is 5, expected a prefix"],
  ["an address without its length", { ips: [{ address: "10.0.0.1" }] }, 6, '"10.0.0.1"'],
  ["no address", { ips: [{ gateway: "10.0.0.1" }] }, 6, "ips[0].address is missing"],
  ["an IPv6 address said to be IPv4", { cniVersion: "0.4.0", ips: [{ version: "4", address: "::1/64" }] }, 6,
    "expected an IPv4 prefix"],
  ["an IPv4 address said to be IPv6", { cniVersion: "0.4.0", ips: [{ version: "6", address: "10.0.0.1/8" }] }, 6,
    "expected an IPv6 prefix"],
  ["an address of version 5", { cniVersion: "0.4.0", ips: [{ version: "5", address: "10.0.0.1/8" }] }, 6,
    'ips[0].version is "5", expected "4" or "6"'],
  ["an IPv6 address in ip4", { cniVersion: "0.2.0", ip4: { ip: "::1/64" } }, 6,
    "ip4.ip is ::1/64, expected an IPv4 prefix"],
  ["an index that is no integer", { ips: [{ interface: "0", address: "10.0.0.1/8" }] }, 6,
    'ips[0].interface is "0", expected an integer'],
  ["a gateway that is no address", { ips: [{ address: "10.0.0.1/8", gateway: "10.0.0.1/8" }] }, 6, "address"],
  ["a route without dst", { routes: [{ gw: "10.0.0.1" }] }, 6, "routes[0].dst is missing"],
  ["a route to an address", { routes: [{ dst: "10.0.0.1" }] }, 6, "prefix"],
  ["an interface that is no object", { interfaces: ["eth0"] }, 6, 'interfaces[0] is "eth0", expected an object'],
  ["an MTU that is no integer", { interfaces: [{ name: "a", mtu: 1500.5 }] }, 6,
    "interfaces[0].mtu is 1500.5, expected an integer"],
  ["dns that is no object", { dns: [] }, 6, "dns is [], expected an object"],
] as const) {
  parse(`refuses ${title}`, () => assert.throws(() => parseResult(json, "1.1.0"), refusedWith(code, message)));
}

parse("names whose result it is", () => {
  assert.throws(() => parseResult({ ips: 1 }, "1.1.0", 'the result of plugin "x"'),
    'Cannot read the result of plugin "x": ips is 1, expected a list');
});

parse.run();

const previous = suite("parsePrevResult");

for (const [config, version, readable] of [
  ["1.1.0", "1.0.0", true], ["1.0.0", "1.1.0", true], ["1.1.0", undefined, true], ["1.1.0", "", true],
    ["1.1.0", "0.4.0", false],
  ["0.4.0", "0.3.0", true], ["0.3.1", "0.4.0", true], ["0.4.0", "1.0.0", false], ["0.4.0", "0.2.0", false],
  ["0.2.0", "0.1.0", true], ["", "0.2.0", true], ["", "0.3.0", false], ["0.1.0", undefined, true],
    ["1.0.0", "9.9.9", false],
] as const) {
  previous(`${readable ? "takes" : "refuses"} ${version ?? "no version"} under a configuration of ` +
    `${JSON.stringify(config)}`, () => {
    const json = version === undefined ? {} : { cniVersion: version };
    if (readable) assert.equal(parsePrevResult(json, config), empty);
    else assert.throws(() => parsePrevResult(json, config), refusedWith(1));
  });
}

previous.run();

const family = suite("resultFamily");

family("knows the versions that look alike", () => {
  assert.equal(["", "0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"].map(resultFamily),
    ["0.2.0", "0.2.0", "0.2.0", "0.4.0", "0.4.0", "0.4.0", "1.1.0", "1.1.0"]);
  for (const version of ["0.5.0", "1.2.0", "x", "1.1", "__proto__"]) assert.throws(() => resultFamily(version),
    refusedWith(1));
});

family.run();
