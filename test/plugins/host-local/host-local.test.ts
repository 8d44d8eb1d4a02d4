// src/plugins/host-local: the scenarios of the reference, on files in a directory of the test's.
import {
  chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { hostLocal } from "../../../src/plugins/host-local/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { IpamCall } from "../../helpers/ipam.ts";
import { add, addAndUndo, check, del, gc, status } from "../../helpers/ipam.ts";

let dataDir = "";
const test = suite("host-local");
test.before.each(() => { dataDir = mkdtempSync(join(tmpdir(), "polynic-host-local-")); });
test.after.each(() => rmSync(dataDir, { recursive: true }));

const call = (ipam: object, rest: Partial<IpamCall> & { more?: object } = {}): IpamCall => {
  const { more, ...others } = rest;
  return { ...others, conf: { ipam: { type: "host-local", dataDir, ...ipam }, ...more } };
};
const subnet = { subnet: "10.1.2.0/24" };
const file = (name: string, network = "mynet") => join(dataDir, network, name);
const reservations = (network = "mynet") => (existsSync(join(dataDir, network))
  ? readdirSync(join(dataDir, network)).filter((name) => /^[\d.]+$|:/.test(name)) : []);
const addresses = async (request: IpamCall) => (await add(hostLocal, request)).ips.map(({ address }) => address);

test("gives one address a set, with routes and DNS as they are written, and takes them away", async () => {
  const resolvConf = join(dataDir, "resolv.conf");
  writeFileSync(resolvConf, "nameserver 192.0.2.3\nsearch example.com\n");
  const routes = [{ dst: "0.0.0.0/0" }, { dst: "::/0" }, { dst: "192.168.0.0/16", gw: "1.1.1.1" },
    { dst: "2001:db8:2::/64", gw: "2001:db8:3::1" }];
  const request = call({ resolvConf, routes, ranges: [[{ subnet: "10.1.2.0/24" }, { subnet: "10.2.2.0/24" }],
    [{ subnet: "2001:db8:1::0/64" }]] });
  assert.equal(await add(hostLocal, request), {
    interfaces: [],
    ips: [{ address: "10.1.2.2/24", gateway: "10.1.2.1" }, { address: "2001:db8:1::2/64", gateway: "2001:db8:1::1" }],
    routes,
    dns: { nameservers: ["192.0.2.3"], search: ["example.com"] },
  });
  assert.is(readFileSync(file("10.1.2.2"), "utf8"), "dummy\r\neth0");
  assert.is(readFileSync(file("2001:db8:1::2"), "utf8"), "dummy\r\neth0");
  assert.is(readFileSync(file("last_reserved_ip.0"), "utf8"), "10.1.2.2");
  assert.is(readFileSync(file("last_reserved_ip.1"), "utf8"), "2001:db8:1::2");
  assert.is(statSync(file("10.1.2.2")).mode & 0o777, 0o600);
  assert.equal(readdirSync(join(dataDir, "mynet")).sort(), ["10.1.2.2", "2001:db8:1::2", "last_reserved_ip.0",
    "last_reserved_ip.1", "lock"]);
  await check(hostLocal, request);
  await del(hostLocal, request);
  assert.equal(reservations(), []);
  assert.ok(existsSync(file("last_reserved_ip.0")));
  await del(hostLocal, request);
  await rejects(check(hostLocal, request), 111);
});

test("gives a container its address again that an earlier boot left reserved, and nobody else's", async () => {
  const boot = (bootId: string, containerId: string) => call(subnet, { bootId, containerId });
  for (const id of ["a", "b"]) await add(hostLocal, boot("one", id));
  await rejects(add(hostLocal, boot("one", "a")), 102);
  assert.equal(await addresses(boot("two", "a")), ["10.1.2.2/24"]);
  await rejects(add(hostLocal, boot("two", "a")), 102);
  assert.equal(await addresses(boot("two", "c")), ["10.1.2.4/24"], "what is b's stays taken");
  await del(hostLocal, boot("three", "b"));
  assert.equal(reservations(), ["10.1.2.2", "10.1.2.4"]);
});

test("refuses a second address where nobody knows in which boot the first was reserved", async () => {
  await add(hostLocal, call(subnet, { bootId: "one" }));
  rmSync(join(dataDir, ".polynic"), { recursive: true });
  await rejects(add(hostLocal, call(subnet, { bootId: "two" })), 102);
});

const names: readonly (readonly [string, string])[] = [
  ["an engine without pods", "IgnoreUnknown=1;K8S_POD_NAME=web"],
  ["a cluster", "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=1"],
];
for (const [engine, args] of names) {
  test(`remembers the address of a container that ${engine} has a name for`, async () => {
    await add(hostLocal, call(subnet, { args, containerId: "first" }));
    await del(hostLocal, call(subnet, { args, containerId: "first" }));
    assert.equal(await addresses(call(subnet, { containerId: "other" })), ["10.1.2.3/24"]);
    assert.equal(await addresses(call(subnet, { args, containerId: "again" })), ["10.1.2.2/24"]);
    assert.is(readFileSync(file("last_reserved_ip.0"), "utf8"), "10.1.2.3", "the order of others goes on");
    await del(hostLocal, call(subnet, { args, containerId: "again" }));
    assert.equal(await addresses(call(subnet, { args: "IP=10.1.2.2", containerId: "taker" })), ["10.1.2.2/24"]);
    assert.equal(await addresses(call(subnet, { args, containerId: "third" })), ["10.1.2.4/24"]);
  });
}

test("remembers no address that is no more of the ranges", async () => {
  const args = "IgnoreUnknown=1;K8S_POD_NAME=web";
  await add(hostLocal, call(subnet, { args }));
  await del(hostLocal, call(subnet, { args }));
  assert.equal(await addresses(call({ subnet: "10.9.0.0/24" }, { args })), ["10.9.0.2/24"]);
});

const subnets = (count: number) => Array.from({ length: count },
  (_, i) => ({ subnet: `10.${i >> 8}.${i & 255}.0/24` }));

test("gives addresses of ten thousand ranges, however many are taken", async () => {
  mkdirSync(join(dataDir, "mynet"));
  for (let i = 0; i < 2000; i++) writeFileSync(file(`10.${i >> 8}.${i & 255}.9`), "other\r\neth0");
  const request = (containerId: string) => call({ ranges: [subnets(16_384)] }, { containerId });
  assert.equal(await addresses(request("a")), ["10.0.0.2/24"]);
  writeFileSync(file("last_reserved_ip.0"), "10.7.0.8");
  assert.equal(await addresses(request("b")), ["10.7.0.10/24"], "behind the last one, and not the one that is taken");
  await del(hostLocal, request("b"));
});

const long: readonly (readonly [string, object, object, number | RegExp])[] = [
  ["64 range sets", { ranges: subnets(64).map((range) => [range]) }, {}, 64],
  ["65 range sets", { ranges: subnets(65).map((range) => [range]) }, {},
    /ipam\.ranges has 65 entries, expected at most 64$/],
  ["64 range sets and one", { subnet: "172.16.0.0/24", ranges: subnets(64).map((range) => [range]) }, {},
    /65 range sets: expected at most 64/],
  ["more ranges than a module can be told", { ranges: [subnets(16_385)] }, {},
    /ipam\.ranges\[0\] has 16385 entries, expected at most 16384$/],
  ["as many in two sets", { ranges: [subnets(16_384), [{ subnet: "172.16.0.0/24" }]] }, {},
    /16385 ranges: expected at most 16384/],
  ["20,000 requested addresses", subnet, { args: { cni: { ips: Array.from({ length: 20_000 }, () => "10.1.2.9") } } },
    /args\.cni\.ips has 20000 entries, expected at most 256$/],
  ["256 requested addresses twice", subnet, { args: { cni: { ips: Array.from({ length: 256 }, () => "10.1.2.9") } },
    runtimeConfig: { ips: ["10.1.2.9"] } }, /257 requested addresses: expected at most 256/],
  ["256 requested addresses", subnet, { args: { cni: { ips: Array.from({ length: 256 }, () => "10.1.2.9") } } }, 1],
  ["120,000 keys that nobody knows", subnet,
    Object.fromEntries(Array.from({ length: 120_000 }, (_, i) => [`k${i}`, i])), 1],
];
for (const [title, ipam, more, expected] of long) {
  test(`${typeof expected === "number" ? "takes" : "refuses"} ${title}`, async () => {
    const request = call(ipam, { more });
    if (typeof expected === "number") assert.is((await addresses(request)).length, expected);
    else assert.match((await rejects(add(hostLocal, request), 7)).message, expected);
    await del(hostLocal, request);
    assert.equal(reservations(), []);
  });
}

test("says the ranges to who asks for an address outside of them", async () => {
  const { message } = await rejects(add(hostLocal, call(subnet, { args: "IP=10.9.9.9" })), 101);
  assert.is(message, 'Cannot reserve requested address 10.9.9.9 in network "mynet": it is outside every range, '
    + "expected one of 10.1.2.1-10.1.2.254");
  const many = await rejects(add(hostLocal, call({ ranges: [subnets(20)] }, { args: "IP=192.0.2.1" })), 101);
  assert.match(many.message, /expected one of 10\.0\.0\.1-10\.0\.0\.254, .* and 12 more$/);
});

test("keeps two interfaces of a container apart", async () => {
  await add(hostLocal, call(subnet));
  await add(hostLocal, call(subnet, { ifName: "eth1" }));
  await del(hostLocal, call(subnet));
  assert.equal(reservations(), ["10.1.2.3"]);
});

test("refuses a second address of a set, until the first is released", async () => {
  assert.equal(await addresses(call(subnet)), ["10.1.2.2/24"]);
  await rejects(add(hostLocal, call(subnet)), 102);
  assert.equal(await addresses(call(subnet, { containerId: "dummy1" })), ["10.1.2.3/24"]);
  await rejects(add(hostLocal, call(subnet)), 102);
  await del(hostLocal, call(subnet));
  assert.equal(await addresses(call(subnet)), ["10.1.2.4/24"], "released addresses are not given out at once");
});

test("releases and finds files of old, which hold an id alone", async () => {
  await add(hostLocal, call(subnet));
  writeFileSync(file("10.1.2.2"), "dummy");
  rmSync(join(dataDir, ".polynic"), { recursive: true });
  await check(hostLocal, call(subnet));
  await rejects(add(hostLocal, call(subnet)), 102);
  await del(hostLocal, call(subnet));
  assert.equal(reservations(), []);
});

test("prefers an exact match to a file of old", async () => {
  mkdirSync(join(dataDir, "mynet"));
  writeFileSync(file("10.1.2.7"), "dummy");
  writeFileSync(file("10.1.2.8"), "dummy\r\neth0");
  await del(hostLocal, call(subnet));
  assert.equal(reservations(), ["10.1.2.7"]);
  await del(hostLocal, call(subnet));
  assert.equal(reservations(), []);
});

test("trims the container id", async () => {
  await add(hostLocal, call(subnet, { containerId: "   dummy\n " }));
  assert.is(readFileSync(file("10.1.2.2"), "utf8"), "dummy\r\neth0");
  await del(hostLocal, call(subnet, { containerId: "   dummy\n " }));
  assert.equal(reservations(), []);
});

test("DEL makes nothing where nothing is, and needs no more than the name and dataDir", async () => {
  await del(hostLocal, call(subnet));
  assert.equal(readdirSync(dataDir), []);
  await add(hostLocal, call(subnet));
  await del(hostLocal, call({ subnet: "not a subnet", ranges: 5, gateway: [] }, { args: "garbage" }));
  assert.equal(reservations(), []);
});

for (const [title, name] of [["a path", "../evil"], ["an absolute path", "/etc"], ["dots", ".."],
  ["our own directory", ".polynic"], ["nothing", ""]] as const) {
  test(`refuses ${title} as a network's name`, async () => {
    await rejects(add(hostLocal, call(subnet, { network: name })), 7);
    await rejects(del(hostLocal, call(subnet, { network: name })), 7);
    assert.equal(readdirSync(dataDir), []);
  });
}

const requests: readonly (readonly [string, object, string, readonly string[] | number])[] = [
  ["CNI_ARGS", {}, "IP=10.1.2.88", ["10.1.2.88/24"]],
  ["CNI_ARGS with a prefix", {}, "IgnoreUnknown=1;K8S_POD_NAME=a;IP=10.1.2.88/24", ["10.1.2.88/24"]],
  ["args.cni.ips", { args: { cni: { ips: ["10.1.2.88"] } } }, "", ["10.1.2.88/24"]],
  ["both ways a pod's wish arrives", { runtimeConfig: { ips: ["10.1.2.88/24"] } }, "IP=10.1.2.88/24", ["10.1.2.88/24"]],
  ["runtimeConfig.ips", { runtimeConfig: { ips: ["10.1.2.88/32"] } }, "", ["10.1.2.88/24"]],
  ["keys in another case", { RuntimeConfig: { IPs: ["10.1.2.88"] } }, "", ["10.1.2.88/24"]],
  ["two in one set", { args: { cni: { ips: ["10.1.2.88", "10.1.2.77"] } } }, "", 101],
  ["the gateway", {}, "IP=10.1.2.1", 101],
  ["one behind the end", {}, "IP=10.1.2.255", 101],
  ["one of another network", {}, "IP=10.9.9.9", 101],
  ["no address", {}, "IP=ten", 4],
  ["what is no address", { runtimeConfig: { ips: ["ten"] } }, "", 7],
  ["unknown CNI_ARGS", {}, "FOO=1", 4],
];
for (const [title, more, args, expected] of requests) {
  test(`is asked for addresses by ${title}`, async () => {
    const request = call(subnet, { more, args });
    if (typeof expected === "number") await rejects(add(hostLocal, request), expected);
    else assert.equal(await addresses(request), expected);
    assert.is(reservations().length, typeof expected === "number" ? 0 : 1);
  });
}

test("gives the addresses asked for in each set, whatever the order", async () => {
  const ranges = [[{ subnet: "172.16.1.0/24" }, { subnet: "10.1.2.0/24" }],
    [{ subnet: "2001:db8:1::/24" }].map(() => ({ subnet: "2001:db8:1::/48" }))];
  const request = call({ ranges }, { more: { args: { cni: { ips: ["2001:db8:1::999", "10.1.2.88"] } } } });
  assert.equal(await addresses(request), ["10.1.2.88/24", "2001:db8:1::999/48"]);
  await rejects(add(hostLocal, { ...request, containerId: "other" }), 101);
});

test("keeps nothing when a later set is full", async () => {
  const request = (containerId: string) => call({ ranges: [[{ subnet: "10.1.2.0/24" }], [{ subnet: "10.1.3.0/30" }]] },
    { containerId });
  await add(hostLocal, request("a"));
  const error = await rejects(add(hostLocal, request("b")), 100);
  assert.match(error.message, /10\.1\.3\.1-10\.1\.3\.2: all 2 are taken/);
  assert.equal(reservations(), ["10.1.2.2", "10.1.3.2"]);
});

test("is released by the undo step of an ADD that fails later", async () => {
  await addAndUndo(hostLocal, call(subnet));
  assert.equal(reservations(), []);
});

test("reads resolvConf before it takes anything", async () => {
  let failed: unknown;
  await add(hostLocal, call({ ...subnet, resolvConf: join(dataDir,
    "missing") })).catch((error: unknown) => { failed = error; });
  assert.ok(failed instanceof Error);
  assert.equal(readdirSync(dataDir), []);
});

test("orders range sets: the runtime's, the direct one, the listed ones", async () => {
  const request = call({ subnet: "10.2.0.0/24", ranges: [[{ subnet: "10.3.0.0/24" }]] },
    { more: { runtimeConfig: { ipRanges: [[{ subnet: "10.1.0.0/24" }]] } } });
  assert.equal(await addresses(request), ["10.1.0.2/24", "10.2.0.2/24", "10.3.0.2/24"]);
  assert.is(readFileSync(file("last_reserved_ip.2"), "utf8"), "10.3.0.2");
});

test("goes round a /29 and never gives the broadcast address", async () => {
  const small = (containerId: string) => call({ subnet: "192.168.1.0/29" }, { containerId });
  const given: string[] = [];
  for (const id of ["a", "b", "c", "d", "e"]) given.push(...await addresses(small(id)));
  assert.equal(given, [2, 3, 4, 5, 6].map((last) => `192.168.1.${last}/29`));
  await rejects(add(hostLocal, small("f")), 100);
  await del(hostLocal, small("b"));
  assert.equal(await addresses(small("f")), ["192.168.1.3/29"]);
});

for (const [title, content] of [["empty", ""], ["half a line", "10.1."], ["garbage", "\u0000\uffff"],
  ["another network's", "192.0.2.1"]] as const) {
  test(`starts over when last_reserved_ip is ${title}`, async () => {
    await add(hostLocal, call(subnet));
    writeFileSync(file("last_reserved_ip.0"), content);
    assert.equal(await addresses(call(subnet, { containerId: "b" })), ["10.1.2.3/24"]);
    assert.is(readFileSync(file("last_reserved_ip.0"), "utf8"), "10.1.2.3");
  });
}

test("leaves a corrupt reservation alone: it is taken, GC may free it", async () => {
  mkdirSync(join(dataDir, "mynet"));
  writeFileSync(file("10.1.2.2"), "");
  writeFileSync(file("10.1.2.3"), Buffer.from([0xff, 0, 0xfe]));
  mkdirSync(file("10.1.2.4"));
  assert.equal(await addresses(call(subnet)), ["10.1.2.5/24"]);
  await del(hostLocal, call(subnet));
  assert.is(reservations().length, 3);
  await gc(hostLocal, call(subnet), []);
  assert.equal(reservations(), ["10.1.2.4"], "a directory is nobody's reservation");
});

test("GC frees what no valid attachment holds", async () => {
  for (const containerId of ["a", "b", "c"]) await add(hostLocal, call(subnet, { containerId }));
  await add(hostLocal, call(subnet, { containerId: "a", ifName: "eth1" }));
  writeFileSync(file("10.1.2.40"), "a");
  writeFileSync(file("10.1.2.41"), "gone");
  await gc(hostLocal, call(subnet), undefined);
  assert.is(reservations().length, 6, "no list, nothing removed");
  await gc(hostLocal, call(subnet), [{ containerID: "a", ifname: "eth0" }, { containerID: "b", ifname: "eth0" }]);
  assert.equal(reservations().sort(), ["10.1.2.2", "10.1.2.3", "10.1.2.40"]);
  await gc(hostLocal, call(subnet), []);
  assert.equal(reservations(), []);
});

test("STATUS says when dataDir is a file", async () => {
  await status(hostLocal, call(subnet));
  await status(hostLocal, call({ ...subnet, dataDir: join(dataDir, "not", "yet") }));
  assert.not(existsSync(join(dataDir, "not")));
  writeFileSync(join(dataDir, "file"), "");
  chmodSync(join(dataDir, "file"), 0o600);
  await rejects(status(hostLocal, call({ ...subnet, dataDir: join(dataDir, "file") })), 50);
});

test("needs ipam, and a range in it", async () => {
  await rejects(add(hostLocal, { conf: {} }), 7);
  await rejects(add(hostLocal, call({})), 7);
  await rejects(add(hostLocal, call({ ranges: [[]] })), 7);
  await rejects(add(hostLocal, call({ ranges: [[{ subnet: 5 }]] })), 7);
});

test("serves two ADDs of one process at once, and many", async () => {
  const given = await Promise.all(Array.from({ length: 40 },
    (_, i) => addresses(call(subnet, { containerId: `c${i}` }))));
  assert.is(new Set(given.flat()).size, 40);
});

test.run();
