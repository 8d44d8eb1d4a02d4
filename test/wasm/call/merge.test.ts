// The merge module through the host: wasm-plugins/merge/index.ts decides, src/wasm/call/merge.ts checks.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Result } from "../../../src/cni/index.ts";
import { checkMerge } from "../../../src/wasm/call/merge.ts";
import type { MergeInput } from "../../../src/wasm/index.ts";
import { openModules } from "../../../src/wasm/index.ts";
import { rejects, throws } from "../../helpers/errors.ts";
import { builtModules } from "../../helpers/wasm.ts";

const part = (name: string, octet: number, rest: Partial<Result> = {}): Result => ({
  interfaces: [{ name: `veth${octet}`, mac: `02:00:00:00:00:0${octet}` },
    { name, mac: `02:00:00:00:01:0${octet}`, sandbox: "/run/netns/a" }],
  ips: [{ interface: 1, address: `10.${octet}.0.2/24`, gateway: `10.${octet}.0.1` }],
  routes: [],
  dns: { nameservers: [`10.${octet}.0.53`] },
  ...rest,
});
const input = (network: string, result: Result, rest: Partial<MergeInput> = {}): MergeInput => (
  { network, ifName: network, default: false, routesClaimed: null, result, ...rest });

const defaultBy = (octet: number) => ({ dst: "0.0.0.0/0", gw: `10.${octet}.0.1` });
const defaultBy6 = (octet: number) => ({ dst: "::/0", gw: `fd00::${octet}` });
const modules = openModules(builtModules);

const merge = suite("merge");

merge("puts the default network first and counts interfaces on", async () => {
  const one = part("net1", 1);
  const pods = part("eth0", 2);
  assert.equal(await modules.merge([input("net1", one), input("eth0", pods, { default: true })]), {
    interfaces: [...pods.interfaces, ...one.interfaces],
    ips: [{ ...pods.ips[0], interface: 1 }, { ...one.ips[0], interface: 3 }],
    routes: [],
    dns: pods.dns,
  });
});

merge("leaves addresses without an interface, texts with escapes and unknown scopes as they are", async () => {
  const odd = part("net1", 1, {
    interfaces: [{ name: 'a"\\\u{1f980}é', socketPath: "/run/x" }],
    ips: [{ address: "2001:db8::1/64" }],
    routes: [{ dst: "10.9.0.0/16", mtu: 1400, advmss: 1360, priority: 5, table: 100, scope: 253 }],
  });
  assert.equal(await modules.merge([input("net1", odd, { default: true })]), odd);
});

merge("has DNS of the default network only", async () => {
  assert.equal((await modules.merge([input("net1", part("net1", 1))])).dns, {});
});

merge("gives an empty result for no network", async () => {
  assert.equal(await modules.merge([]), { interfaces: [], ips: [], routes: [], dns: {} });
});

/** Each row: what two networks say of default routes, what is claimed, what is left. */
const routeRows: readonly (readonly [string, readonly object[], readonly object[], readonly string[] | null,
  readonly object[]])[] = [
  ["the first network's stays", [defaultBy(1)], [defaultBy(2)], null, [defaultBy(1)]],
  ["the only one stays", [], [defaultBy(2)], null, [defaultBy(2)]],
  ["a claimed gateway takes its place", [defaultBy(1)], [], ["10.2.0.254"], [{ dst: "0.0.0.0/0", gw: "10.2.0.254" }]],
  ["a claim of one family leaves the other", [defaultBy(1), defaultBy6(1)], [defaultBy6(2)], ["10.2.0.254"],
    [defaultBy6(1), { dst: "0.0.0.0/0", gw: "10.2.0.254" }]],
  ["an empty claim takes the network's own", [defaultBy(1), defaultBy6(1)], [defaultBy(2)], [],
    [defaultBy6(1), defaultBy(2)]],
  ["an empty claim of a network without one changes nothing", [defaultBy(1)], [], [], [defaultBy(1)]],
  ["both families are claimed at once", [defaultBy(1), defaultBy6(1)], [defaultBy(2)], ["10.2.0.254", "fd00::fe"],
    [{ dst: "0.0.0.0/0", gw: "10.2.0.254" }, { dst: "::/0", gw: "fd00::fe" }]],
  ["other tables keep theirs", [defaultBy(1), { ...defaultBy(1), table: 100 }],
    [{ ...defaultBy(2), table: 100 }, { ...defaultBy(2), table: 200 }], null,
    [defaultBy(1), { ...defaultBy(1), table: 100 }, { ...defaultBy(2), table: 200 }]],
  ["specific routes stay in order", [{ dst: "10.8.0.0/16" }, defaultBy(1)],
    [{ dst: "10.9.0.0/16" }, { dst: "10.8.0.0/16" }], null,
    [{ dst: "10.8.0.0/16" }, defaultBy(1), { dst: "10.9.0.0/16" }, { dst: "10.8.0.0/16" }]],
  ["the main table is the main table by name and by number", [{ ...defaultBy(1), table: 254 }], [defaultBy(2)], null,
    [{ ...defaultBy(1), table: 254 }]],
];
for (const [title, first, second, routesClaimed, expected] of routeRows) {
  merge(`of default routes: ${title}`, async () => {
    const inputs = [
      // The rows are written as routes
      input("eth0", part("eth0", 1, { routes: first as Result["routes"] }), { default: true }),
      input("net1", part("net1", 2, { routes: second as Result["routes"] }), { routesClaimed }),
    ];
    assert.equal((await modules.merge(inputs)).routes, expected);
  });
}

merge("takes 100 networks", async () => {
  const inputs = Array.from({ length: 100 }, (_, i) => input(`net${i}`, part(`net${i}`, i % 10),
    { default: i === 50 }));
  const { interfaces, ips } = await modules.merge(inputs);
  assert.is(interfaces.length, 200);
  assert.equal(ips.map((ip) => ip.interface), Array.from({ length: 100 }, (_, i) => 2 * i + 1));
});

/** Of addresses and routes in thousands; a module is told the same as anybody who asks for fewer. */
const long = (octet: number, count: number): Result => {
  const texts = Array.from({ length: count }, (_, i) => `10.${octet}.${i >> 8}.${i & 255}/32`);
  return part("eth0", octet, { ips: texts.map((address) => ({ interface: 1, address })),
    routes: texts.map((dst) => ({ dst })) });
};

merge("takes thousands of addresses and routes, and keeps all of them", async () => {
  const [one, other] = [long(1, 2500), long(2, 2500)];
  const merged = await modules.merge([input("net1", one), input("eth0", other, { default: true })]);
  assert.equal([merged.ips.length, merged.routes.length], [5000, 5000]);
  assert.equal(merged.routes, [...other.routes, ...one.routes]);
});

merge("takes the results of a thousand networks", async () => {
  const inputs = Array.from({ length: 1000 }, (_, i) => input(`net${i}`, part(`net${i}`, 1), { default: i === 0 }));
  const { interfaces, ips } = await modules.merge(inputs);
  assert.equal([interfaces.length, ips.length, ips.at(-1)?.interface], [2000, 1000, 1999]);
});

merge("refuses what a module has no room for as the configuration's fault, not the module's", async () => {
  const inputs = [input("net1", long(1, 8000)), input("net2", long(2, 8000))];
  assert.match((await rejects(modules.merge(inputs), 7)).message,
    /^Cannot merge the results of 2 networks: a module .* read \d+ bytes of .*, expected at most 458752$/);
});
merge.run();

const offered = [input("eth0", part("eth0", 1, { routes: [defaultBy(1)] }), { default: true })];
const [own, guest] = offered[0]?.result.interfaces ?? [];
const ip = { interface: 1, address: "10.1.0.2/24", gateway: "10.1.0.1" };
const whole = { interfaces: [own, guest], ips: [ip], routes: [defaultBy(1)], dns: { nameservers: ["10.1.0.53"] } };

const invented: readonly (readonly [string, unknown, number, RegExp])[] = [
  ["an interface of its own", { ...whole, interfaces: [own, { ...guest, mac: "02:00:00:00:00:99" }] }, 146,
    /interface/],
  ["an interface twice", { ...whole, interfaces: [own, guest, guest] }, 146, /more often/],
  ["an address of its own", { ...whole, ips: [{ ...ip, address: "10.1.0.3/24" }] }, 146, /10.1.0.3/],
  ["an address twice", { ...whole, ips: [ip, ip] }, 146, /more often/],
  ["an address on another interface", { ...whole, ips: [{ ...ip, interface: 0 }] }, 146, /that interface/],
  ["an index beyond its interfaces", { ...whole, ips: [{ ...ip, interface: 2 }] }, 146, /expected 0 to 1/],
  ["a route of its own", { ...whole, routes: [{ dst: "10.9.0.0/16" }] }, 146, /route/],
  ["a name server of its own", { ...whole, dns: { nameservers: ["10.9.0.53"] } }, 146, /dns/],
  ["a key nobody knows", { ...whole, extra: 1 }, 145, /unknown key "extra"/],
  ["interfaces that are no list", { ...whole, interfaces: {} }, 145, /not a list/],
  ["no result", undefined, 145, /not an object/],
];
const check = suite("checkMerge");
check("accepts what the inputs hold, all of it or less", () => {
  assert.equal(checkMerge("test", { result: whole }, offered), whole);
  assert.equal(checkMerge("test", { result: {} }, offered), { interfaces: [], ips: [], routes: [], dns: {} });
});
for (const [title, result, code, message] of invented) {
  check(`refuses ${title}`, () => {
    assert.match(throws(() => checkMerge("test", { result }, offered), code).message, message);
  });
}
check("refuses two default routes of one family", () => {
  const two = [...offered, input("net1", part("net1", 2, { routes: [defaultBy(2)] }))];
  const result = { routes: [defaultBy(1), defaultBy(2)] };
  assert.match(throws(() => checkMerge("test", { result }, two), 146).message, /more than one IPv4 default route/);
});
check.run();
