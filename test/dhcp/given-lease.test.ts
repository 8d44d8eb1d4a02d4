// src/dhcp/options.ts and given-lease.ts: what a server told, as an IPAM plugin answers it.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DhcpMessage } from "../../src/dhcp/index.ts";
import { DhcpError, optionCode, toResult } from "../../src/dhcp/index.ts";
import { leaseIn } from "../../src/dhcp/given-lease.ts";
import { parseAddress } from "../../src/net/index.ts";

const server = parseAddress("10.0.0.2");

function acknowledged(options: Readonly<Record<number, string>>): DhcpMessage {
  const all = { 1: "ffffff00", ...options };
  return {
    op: "reply", xid: 1, secs: 0, broadcast: false, ciaddr: parseAddress("0.0.0.0"), yiaddr: parseAddress("10.0.0.5"),
    chaddr: "02:00:5e:00:00:01",
    options: new Map(Object.entries(all).map(([code, hex]) => [Number(code), new Uint8Array(Buffer.from(hex, "hex"))])),
  };
}
const resultOf = (options: Readonly<Record<number, string>>, priority?: number) =>
  toResult(leaseIn(acknowledged(options), server, 0), priority);

const result = suite("a lease as a result");

for (const [what, options, expected] of [
  ["an address alone", {}, { ips: [{ address: "10.0.0.5/24" }], routes: [], dns: {} }],
  ["a router", { 3: "0a000001" }, {
    ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }], routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }], dns: {},
  }],
  ["static routes by class, the default behind them", { 3: "0a000001", 33: "0a0000000a000103c0a807010a000103" }, {
    ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }],
    routes: [
      { dst: "10.0.0.0/8", gw: "10.0.1.3" }, { dst: "192.168.7.0/24", gw: "10.0.1.3" },
        { dst: "0.0.0.0/0", gw: "10.0.0.1" },
    ],
    dns: {},
  }],
  ["classless routes in place of all others", { 3: "0a000001", 33: "0a0000000a000103",
    121: "18c0a8070a000009" + "10ac1000000000" + "00" + "0a000001" }, {
    ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }],
    routes: [{ dst: "192.168.7.0/24", gw: "10.0.0.9" }, { dst: "172.16.0.0/16", scope: 253 },
      { dst: "0.0.0.0/0", gw: "10.0.0.1" }],
    dns: {},
  }],
  ["name servers, a domain and a search list with a pointer",
    { 6: "0a0000350a000036", 15: "6578616d706c6500", 119: "036465760765786d61706c6500" + "0470726f64c004" }, {
      ips: [{ address: "10.0.0.5/24" }], routes: [],
      dns: { nameservers: ["10.0.0.53", "10.0.0.54"], domain: "example", search: ["dev.exmaple", "prod.exmaple"] },
    }],
  ["an MTU, on every route", { 3: "0a000001", 26: "0578" }, {
    ips: [{ address: "10.0.0.5/24", gateway: "10.0.0.1" }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1", mtu: 1400 }], dns: {},
  }],
] as const) {
  result(`holds ${what}`, () => assert.equal(resultOf(options), { interfaces: [], ...expected }));
}

result("has the metric that was asked for on every route", () => {
  assert.equal(resultOf({ 3: "0a000001" }, 70).routes, [{ dst: "0.0.0.0/0", gw: "10.0.0.1", priority: 70 }]);
});

for (const [what, options] of [["cut", { 121: "18c0a807" }],
  ["of a prefix of 33 bits", { 121: "21c0a8070000000a0000" }]] as const) {
  result(`is refused when its classless routes are ${what}`,
    () => assert.throws(() => resultOf(options), (error: unknown) =>
    error instanceof DhcpError && error.message.includes("option 121")));
}

for (const [what, value] of [["a loop", "c000"], ["cut", "0361"], ["no name", "032a2a2a00"]] as const) {
  result(`has no search list when that is ${what}`, () => assert.equal(resultOf({ 119: value }).dns, {}));
}

result("has no control characters in its domain", () => {
  assert.is(resultOf({ 15: "61620a7365617263681b5b31" }).dns.domain, "absearch[1");
});

result.run();

const times = suite("a lease's times");

for (const [what, options, expected] of [
  ["an hour, half of it and 85 of 100 where the server says nothing", {}, [1800, 3060, 3600]],
  ["the server's", { 51: "00000258", 58: "0000003c", 59: "000000b4" }, [60, 180, 600]],
  ["shares of the server's where it tells no others", { 51: "00000064" }, [50, 85, 100]],
  ["shares where those it tells are later than the end", { 51: "00000064", 58: "000000c8", 59: "000000c8" },
    [50, 85, 100]],
  ["never, for a lease without end", { 51: "ffffffff" }, [Infinity, Infinity, Infinity]],
] as const) {
  times(`are ${what}`, () => {
    const { renewAtMs, rebindAtMs, expiresAtMs } = leaseIn(acknowledged(options), server, 5000);
    assert.equal([renewAtMs, rebindAtMs, expiresAtMs], expected.map((seconds) => 5000 + seconds * 1000));
  });
}

for (const mask of ["", "ff00ff00", "ffff", "00000001"]) {
  times(`are none with the subnet mask "${mask}": the lease is refused`, () => {
    const { options, ...message } = acknowledged({});
    const bytes = new Uint8Array(Buffer.from(mask, "hex"));
    const changed = new Map([...options].filter(([code]) => code !== 1));
    if (mask !== "") changed.set(1, bytes);
    assert.throws(() => leaseIn({ ...message, options: changed }, server, 0), (error: unknown) =>
      error instanceof DhcpError && error.message.includes("10.0.0.5") && error.message.includes("no subnet mask"));
  });
}

times.run();

const names = suite("optionCode");
for (const [name, code] of [
  ["dhcp-client-identifier", 61], ["subnet-mask", 1], ["routers", 3], ["host-name", 12], ["user-class", 77],
  ["vendor-class-identifier", 60], ["12", 12], ["0", 0], ["255", 255], ["256", undefined], ["-1", undefined],
    ["", undefined],
  ["hostname", undefined], ["1.5", undefined], ["0x3", undefined],
] as const) {
  names(`of "${name}" is ${code ?? "none"}`, () => assert.is(optionCode(name), code));
}
names.run();
