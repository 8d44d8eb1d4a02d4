// src/plugins/static/index.ts
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { code } from "../../../src/cni/index.ts";
import { staticPlugin } from "../../../src/plugins/static/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { IpamCall } from "../../helpers/ipam.ts";
import { add, check, del } from "../../helpers/ipam.ts";

const call = (ipam: object | undefined, rest: Partial<IpamCall> & { more?: object } = {}): IpamCall => {
  const { more, ...others } = rest;
  return { ...others, conf: { ...(ipam === undefined ? {} : { ipam: { type: "static", ...ipam } }), ...more } };
};
const ips = async (request: IpamCall) => (await add(staticPlugin, request)).ips;

const test = suite("static");

test("answers with addresses, routes and DNS of the configuration", async () => {
  const routes = [{ dst: "0.0.0.0/0" }, { dst: "192.168.0.0/16", gw: "10.10.5.1" }, { dst: "3ffe:ffff:0:1ff::1/64" }];
  const dns = { nameservers: ["8.8.8.8"], domain: "example.com", search: ["example.com"] };
  const addresses = [{ version: "4", address: "10.10.0.1/24", gateway: "10.10.0.254" },
    { address: "3ffe:ffff:0:1ff::1/64", gateway: "3ffe:ffff:0::1" }];
  assert.equal(await add(staticPlugin, call({ addresses, routes, dns })), {
    interfaces: [],
    ips: [{ address: "10.10.0.1/24", gateway: "10.10.0.254" },
      { address: "3ffe:ffff:0:1ff::1/64", gateway: "3ffe:ffff::1" }],
    routes, dns,
  });
});

test("has nothing to delete, whatever the configuration", async () => {
  await del(staticPlugin, call(undefined, { args: "garbage", more: { args: 5 } }));
});

const sources: readonly (readonly [string, IpamCall, object])[] = [
  ["CNI_ARGS behind the configuration's", call({ addresses: [{ address: "10.1.0.1/24" }] },
    { args: "IP=10.10.0.1/24;GATEWAY=10.10.0.254" }),
    [{ address: "10.1.0.1/24" }, { address: "10.10.0.1/24", gateway: "10.10.0.254" }]],
  ["two CNI_ARGS with a gateway for one", call({}, { args: "IP=10.10.0.1/24,11.11.0.1/24;GATEWAY=10.10.0.254" }),
    [{ address: "10.10.0.1/24", gateway: "10.10.0.254" }, { address: "11.11.0.1/24" }]],
  ["a gateway for none of the configuration's", call({ addresses: [{ address: "10.10.0.9/24" }] },
    { args: "GATEWAY=10.10.0.254" }), [{ address: "10.10.0.9/24" }]],
  ["args.cni.ips in place of all", call({ addresses: [{ address: "10.1.0.1/24", gateway: "10.1.0.254" }] },
    { args: "IP=10.10.0.1/24", more: { args: { cni: { ips: ["10.2.0.1/24", "10.2.0.2/24"] } } } }),
    [{ address: "10.2.0.1/24" }, { address: "10.2.0.2/24" }]],
  ["the runtime's in place of those", call({ addresses: [{ address: "10.1.0.1/24" }] },
    { args: "IP=10.10.0.1/24", more: { args: { cni: { ips: ["10.2.0.1/24"] } },
    RuntimeConfig: { ips: ["10.3.0.1/24"] } } }),
    [{ address: "10.3.0.1/24" }]],
  ["none", call({}), []],
];
for (const [title, request, expected] of sources) {
  test(`takes ${title}`, async () => assert.equal(await ips(request), expected));
}

const refused: readonly (readonly [string, IpamCall, RegExp, number?])[] = [
  ["no ipam, though CNI_ARGS has an address", call(undefined, { args: "IP=10.10.0.1/24" }), /no ipam/],
  ["no ipam, though the runtime has an address", call(undefined, { more: { runtimeConfig: { ips: ["10.3.0.1/24"] } } }),
    /no ipam/],
  ["an address without a length", call({ addresses: [{ address: "10.10.0.1" }] }),
    /ipam\.addresses\[0\]\.address: "10\.10\.0\.1"/],
  ["an address that is missing", call({ addresses: [{}] }), /ipam\.addresses\[0\]\.address/],
  ["CNI_ARGS without a length", call({}, { args: "IP=10.10.0.1" }), /CNI_ARGS IP: "10\.10\.0\.1"/,
    code.invalidEnvironment],
  ["args.cni.ips without a length", call({}, { more: { args: { cni: { ips: ["10.10.0.1"] } } } }), /args\.cni\.ips/],
  ["the runtime's without a length", call({}, { more: { runtimeConfig: { ips: ["10.10.0.1"] } } }),
    /runtimeConfig\.ips/],
  ["a gateway that is none", call({ addresses: [{ address: "10.10.0.1/24", gateway: "x" }] }), /gateway: "x"/],
  ["more addresses in CNI_ARGS than are taken", call({}, { args: `IP=${"10.1.0.1/24,".repeat(1025).slice(0, -1)}` }),
    /CNI_ARGS IP: it has 1025 entries, expected at most 1024/, 4],
  ["more gateways in CNI_ARGS than are taken", call({}, { args: `GATEWAY=${"10.1.0.1,".repeat(1025).slice(0, -1)}` }),
    /CNI_ARGS GATEWAY: it has 1025 entries, expected at most 1024/, 4],
  ["a gateway of CNI_ARGS that is none", call({}, { args: "IP=10.10.0.1/24;GATEWAY=x" }), /GATEWAY: "x"/,
    code.invalidEnvironment],
  ["two of a family below 0.3.0", call({}, { args: "IP=10.10.0.1/24,11.11.0.1/24", cniVersion: "0.2.0" }),
    /2 addresses of IPv4/],
];
for (const [title, request, message, number = code.invalidConfig] of refused) {
  test(`refuses ${title}`, async () => assert.match((await rejects(add(staticPlugin, request), number)).message,
    message));
}

test("CHECK compares the gateways of addresses that are still there", async () => {
  const request = call({ addresses: [{ address: "10.1.0.1/24", gateway: "10.1.0.254" }, { address: "10.1.0.2/24" }] });
  const result = (gateway: string) => ({ interfaces: [], ips: [{ address: "10.1.0.1/24", gateway }], routes: [],
    dns: {} });
  await check(staticPlugin, { ...request, prevResult: result("10.1.0.254") });
  await check(staticPlugin, { ...request, prevResult: { ...result("x"), ips: [] } });
  await rejects(check(staticPlugin, { ...request, prevResult: result("10.1.0.1") }), 111);
  await rejects(check(staticPlugin, request), 7);
});

test("CHECK sees a wrong gateway also where the prefix length differs", async () => {
  const request = call({ addresses: [{ address: "10.1.0.1/24", gateway: "10.1.0.254" }] });
  const prevResult = (gateway: string) => (
    { interfaces: [], ips: [{ address: "10.1.0.1/16", gateway }], routes: [], dns: {} });
  await check(staticPlugin, { ...request, prevResult: prevResult("10.1.0.254") });
  assert.match((await rejects(check(staticPlugin, { ...request, prevResult: prevResult("10.1.0.1") }), 111)).message,
    /its gateway is 10\.1\.0\.1, expected 10\.1\.0\.254/);
});

test("a prefix length may have zeros in front", async () => {
  assert.equal(await ips(call({ addresses: [{ address: "192.0.2.0/024" }] })), [{ address: "192.0.2.0/24" }]);
});

test.run();
