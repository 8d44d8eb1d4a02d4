// src/plugins/wasm/ipam.ts: addresses a foreign module chooses, and what becomes of modules that do not play by the
// rules.
import { spawnSync } from "node:child_process";
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../../src/cni/index.ts";
import { hostLocal } from "../../../src/plugins/host-local/index.ts";
import { wasm, wasmIpam } from "../../../src/plugins/wasm/index.ts";
import type { NodeModules } from "../../../src/wasm/index.ts";
import { installModule, openModules, sha256Hex } from "../../../src/wasm/index.ts";
import { rejects } from "../../helpers/errors.ts";
import type { IpamCall } from "../../helpers/ipam.ts";
import { add, check, del, gc, status } from "../../helpers/ipam.ts";
import { describedModule, exampleModule, plant } from "../../helpers/modules.ts";
import type { Assembly } from "../../helpers/wasm.ts";
import { answerAt, builtModules, i32Const, i64Const } from "../../helpers/wasm.ts";

let directory = "", dataDir = "";
const prepare = (): void => {
  directory = mkdtempSync(join(tmpdir(), "polynic-modules-"));
  dataDir = mkdtempSync(join(tmpdir(), "polynic-data-"));
};
const cleanUp = (): void => {
  rmSync(directory, { recursive: true });
  rmSync(dataDir, { recursive: true });
};

const ranges = [[{ subnet: "10.1.2.0/24" }]];
const pod = (name: string, namespace = "shop") => `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=${name}`;

/** A call of a module installed in `directory`, through a host of its own as each command has one. */
function call(ipam: object, rest: Partial<IpamCall> & { readonly node?: NodeModules } = {}): IpamCall {
  const { node, ...others } = rest;
  return { ...others, modules: openModules(builtModules, { directory, ...node }),
    conf: { type: "bridge", ipam: { type: "test", dataDir, ranges, ...ipam } } };
}

const test = wasmIpam("test");
const reserved = (network = "mynet"): readonly string[] =>
  (existsSync(join(dataDir, network)) ? readdirSync(join(dataDir,
    network)).filter((name) => /^\d+\.|:/.test(name)).sort() : []);
const addressOf = (result: { readonly ips: readonly { readonly address: string }[] }): string | undefined =>
  result.ips[0]?.address;
const answering = (answer: object): Assembly => ({ answer: JSON.stringify(answer) });
const taking = (address: string): Assembly => answering({ ips: [{ range: 0, address }] });

const packed = (at: number, bytes: number) => i64Const((BigInt(at) << 32n) | BigInt(bytes));
const endless = [0x03, 0x40, 0x0c, 0, 0x0b];
const dead = i64Const(0n);

const ipam = suite("an ipam module");
ipam.before.each(prepare);
ipam.after.each(cleanUp);

ipam("chooses the address, which is reserved as host-local's are and released by owner", async () => {
  const routes = [{ dst: "10.9.0.0/16" }];
  await installModule({ directory, bytes: describedModule(answering({ ips: [{ range: 0, address: "10.1.2.77" }],
    routes: [{ dst: "0.0.0.0/0", gw: "10.1.2.1" }], dns: { domain: "example" } })) });
  const request = call({ routes });
  assert.equal(await add(test, request), {
    interfaces: [], ips: [{ address: "10.1.2.77/24", gateway: "10.1.2.1" }],
    routes: [{ dst: "10.9.0.0/16" }, { dst: "0.0.0.0/0", gw: "10.1.2.1" }], dns: { domain: "example" },
  });
  assert.is(readFileSync(join(dataDir, "mynet", "10.1.2.77"), "utf8"), "dummy\r\neth0");
  await gc(test, request, [{ containerID: "dummy", ifname: "eth0" }]);
  assert.equal(reserved(), ["10.1.2.77"]);
  await status(test, request);
  for (let i = 0; i < 2; i++) {
    await del(test, request);
    assert.equal(reserved(), []);
  }
});

ipam("never gives what another program has taken", async () => {
  await installModule({ directory, bytes: describedModule(taking("10.1.2.77")) });
  await add(test, call({}));
  await rejects(add(test, call({}, { containerId: "other" })), 146);
  assert.equal(reserved(), ["10.1.2.77"]);
});

ipam("may be one that is built in: no file is installed, and no schema compiled", async () => {
  const lowest = wasmIpam("lowest");
  assert.is(addressOf(await add(lowest, call({ type: "lowest" }))), "10.1.2.2/24");
  assert.is(addressOf(await add(lowest, call({ type: "lowest" }, { containerId: "c2" }))), "10.1.2.3/24");
  await del(lowest, call({ type: "lowest" }));
  assert.is(addressOf(await add(lowest, call({ type: "lowest" }, { containerId: "c3" }))), "10.1.2.2/24");
});

ipam("is reached by the long form too, by name or by path", async () => {
  const bytes = describedModule(taking("10.1.2.9"));
  await installModule({ directory, bytes });
  const sha256 = sha256Hex(bytes);
  assert.is(addressOf(await add(wasm, call({ type: "wasm", module: "test", sha256 }))), "10.1.2.9/24");
  await del(wasm, call({ type: "wasm", module: "test", sha256 }));
  assert.equal(reserved(), []);
  await rejects(add(wasm, call({ type: "wasm", module: "test", sha256: "0".repeat(64) })), 141);
  await rejects(add(wasm, call({ type: "wasm", module: "test", sha256: "short" })), 7);
  await rejects(add(wasm, call({ type: "wasm" })), 7);
  const path = join(directory, "test.wasm");
  assert.is(addressOf(await add(wasm, call({ type: "wasm", module: path, sha256 }))), "10.1.2.9/24");
  await del(wasm, call({ type: "wasm", module: path, sha256 }));
  await rejects(add(wasm, call({ type: "wasm", module: path, sha256 }, { untrusted: true })), 140);
  assert.equal(reserved(), []);
});

ipam("gets a configuration that fits its schema, or none at all", async () => {
  const configSchema = { type: "object", properties: { pools: { type: "object", additionalProperties: { type: "array",
    items: { type: "string" } } } }, additionalProperties: false };
  await installModule({ directory, bytes: describedModule(taking("10.1.2.9"), { configSchema }) });
  for (const verb of [add, status]) {
    assert.match((await rejects(verb(test, call({ config: { pools: { blue: 7 } } })), 7)).message,
      /^Cannot read network "mynet" for module "test": ipam\.config\.pools\.blue is 7, expected a list$/);
    assert.match((await rejects(verb(test, call({ config: { polls: {} } })), 7)).message,
      /ipam\.config\.polls is unknown, expected pools/);
  }
  await add(test, call({ config: { pools: { blue: [] } } }));
  await del(test, call({ config: { pools: 7 } }));
  assert.equal(reserved(), []);
});

ipam("is not asked when the runtime does not tell what it needs", async () => {
  await installModule({ directory, bytes: describedModule(taking("10.1.2.9"), { needs: ["pod"] }) });
  assert.match((await rejects(add(test, call({})), 7)).message, /needs pod: CNI_ARGS/);
  await add(test, call({}, { args: pod("web-0") }));
  await installModule({ directory, bytes: describedModule(taking("10.1.2.9"), { needs: ["mac"] }) });
  assert.match((await rejects(add(test, call({}, { containerId: "c2" })), 7)).message, /needs mac/);
  await installModule({ directory, bytes: describedModule(taking("10.1.2.10"), { needs: ["mac", "node"] }) });
  await rejects(add(test, call({}, { containerId: "c2", args: "MAC=02:00:5e:10:00:01" })), 7);
  await add(test, call({}, { containerId: "c2", args: "MAC=02:00:5e:10:00:01",
    node: { node: { name: "a", index: null } } }));
});

ipam("of another kind is refused", async () => {
  await installModule({ directory, bytes: describedModule({}, { kind: "policy" }) });
  assert.match((await rejects(add(test, call({})), 7)).message, /kind policy, expected one of kind ipam/);
});

ipam("that is gone, changed or broken keeps no address from being released", async () => {
  const ops = ["allocate", "release"];
  const releasing = (parts: Assembly): void => plant(directory, "test", describedModule(parts, { ops }));
  const spoil: readonly (() => void)[] = [
    () => rmSync(directory, { recursive: true }),
    () => writeFileSync(join(directory, "test.wasm"), "changed"),
    () => releasing({ call: [0x00] }),
    () => releasing({ call: [...endless, ...dead] }),
    () => releasing({ answer: '{"hold":[{"address":"10.1.2.200","seconds":5}]}' }),
    () => releasing({ answer: '{"hold":[{"address":"10.1.2.9","seconds":-5}]}' }),
    () => releasing({ answer: '{"error":{"code":100,"msg":"I will not"}}' }),
  ];
  for (const step of spoil) {
    mkdirSync(directory, { recursive: true });
    await installModule({ directory, bytes: describedModule(taking("10.1.2.9")) });
    await add(test, call({}));
    step();
    const warnings: string[] = [];
    await del(test, call({}, { warnings }));
    assert.equal(reserved(), []);
    assert.match(warnings.join("\n"), /released and not held/);
  }
});

ipam.run();

const holds = suite("a held address");
holds.before.each(prepare);
holds.after.each(cleanUp);

const sticky = wasmIpam("sticky");
const stickyCall = (name: string, rest: Partial<IpamCall> = {}, more: object = {}) =>
  call({ type: "sticky", config: { holdSeconds: 600 }, ...more },
    { containerId: `${name}-1`, args: pod(name), ...rest });
const tiny = { ranges: [[{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.10", rangeEnd: "10.1.2.13" }]] };

holds("comes back to the pod's next container, and looks free to the reference", async () => {
  await installModule({ directory, bytes: exampleModule("sticky") });
  const first = addressOf(await add(sticky, stickyCall("db-0")));
  await del(sticky, stickyCall("db-0"));
  assert.equal(reserved(), [], "no file of host-local's is left");
  assert.ok(existsSync(join(dataDir, ".polynic", "mynet", "holds")));
  for (let i = 0; i < 5; i++) assert.is.not(addressOf(await add(sticky, stickyCall(`web-${i}`))), first);
  assert.is(addressOf(await add(sticky, stickyCall("db-0", { containerId: "db-0-2" }))), first);
});

holds("is given to others, the oldest first, when nothing else is free", async () => {
  await installModule({ directory, bytes: exampleModule("sticky") });
  const given = [];
  for (const name of ["a", "b", "c", "d"]) given.push(addressOf(await add(sticky, stickyCall(name, {}, tiny))));
  assert.is(new Set(given).size, 4);
  for (const name of ["b", "a", "c"]) await del(sticky, stickyCall(name, {}, tiny));
  assert.is(addressOf(await add(sticky, stickyCall("e", {}, tiny))), given[1], "b's, which is the oldest");
  assert.is(addressOf(await add(sticky, stickyCall("c", { containerId: "c-2" }, tiny))), given[2], "c's own");
  assert.is(addressOf(await add(sticky, stickyCall("f", {}, tiny))), given[0], "a's, the last");
  await rejects(add(sticky, stickyCall("g", {}, tiny)), 100);
});

holds("may be taken by host-local meanwhile, which ends the hold", async () => {
  await installModule({ directory, bytes: exampleModule("sticky") });
  const first = addressOf(await add(sticky, stickyCall("db-0")))?.split("/")[0] ?? "";
  await del(sticky, stickyCall("db-0"));
  writeFileSync(join(dataDir, "mynet", first), "theirs\r\neth0");
  assert.is.not(addressOf(await add(sticky, stickyCall("db-0", { containerId: "db-0-2" }))), `${first}/24`);
});

holds("ends with its time, and a damaged file holds nothing", async () => {
  await installModule({ directory, bytes: describedModule(taking("10.1.2.9")) });
  const path = join(dataDir, ".polynic", "mynet", "holds");
  mkdirSync(join(dataDir, ".polynic", "mynet"), { recursive: true });
  for (const content of [`10.1.2.9 ${Date.now() - 1000} "shop/a/eth0"\n`, "10.1.2.9 x\n",
    '10.1.2.9 99999999999999 "half', "\u0000\n", `300.1.2.9 ${Date.now() + 1e6} "k"\n`]) {
    writeFileSync(path, content);
    assert.is(addressOf(await add(test, call({}))), "10.1.2.9/24");
    await del(test, call({}));
  }
  writeFileSync(path, `10.1.2.9 ${Date.now() + 1_000_000} "shop/a/eth0"\n`);
  await rejects(add(test, call({})), 146);
  // host-local knows of holds too, and takes a held address only when nothing else is left.
  const one = { ranges: [[{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.9", rangeEnd: "10.1.2.9" }]] };
  assert.is(addressOf(await add(hostLocal, { conf: { ipam: { type: "host-local", dataDir, ...one } } })),
    "10.1.2.9/24");
});

const noFile: readonly (readonly [string, (path: string) => void])[] = [
  ["a directory", (path) => mkdirSync(path)],
  ["a link to somebody else's file", (path) => symlinkSync(join(directory, "theirs"), path)],
  ["a link to itself", (path) => symlinkSync(path, path)],
  ["a pipe nobody writes to", (path) => assert.is(spawnSync("mkfifo", [path]).status, 0)],
];
for (const [title, make] of noFile) {
  holds(`is none where ${title} stands for the file, which keeps no address from being given or released`, async () => {
    await installModule({ directory, bytes: exampleModule("sticky") });
    const path = join(dataDir, ".polynic", "mynet", "holds");
    const theirs = `10.1.2.10 ${Date.now() + 1e6} "shop/a/eth0"\n`;
    writeFileSync(join(directory, "theirs"), theirs);
    mkdirSync(join(dataDir, ".polynic", "mynet"), { recursive: true });
    make(path);
    const one = { ranges: [[{ subnet: "10.1.2.0/24", rangeStart: "10.1.2.10", rangeEnd: "10.1.2.10" }]] };
    assert.is(addressOf(await add(sticky, stickyCall("db-0", {}, one))), "10.1.2.10/24");
    await del(sticky, stickyCall("db-0", {}, one));
    assert.equal(reserved(), []);
    assert.is(addressOf(await add(hostLocal, { containerId: "c",
      conf: { ipam: { type: "host-local", dataDir, ...one } } })), "10.1.2.10/24");
    assert.is(readFileSync(join(directory, "theirs"), "utf8"), theirs);
  });
}

holds.run();

const ips = (address: unknown, range: unknown = 0) => answering({ ips: [{ range, address }] });

/** What a module does, and the code it ends in. */
const hostile: readonly (readonly [string, Assembly, number])[] = [
  ["loops for ever", { call: [...endless, ...dead] }, 143],
  ["loops for ever in its start function", { start: endless }, 143],
  ["loops around calls through a table", { table: [0x70, 0, 1], sections: [],
    call: [0x03, 0x40, ...i32Const(0), 0x11, 4, 0, 0x0c, 0, 0x0b, ...dead] }, 144],
  ["loops around a fill of its memory", { memory: [0, 0x80, 2],
    call: [0x03, 0x40, ...i32Const(0), ...i32Const(0), ...i32Const(16 * 1024 * 1024), 0xfc, 11, 0, 0x0c, 0, 0x0b,
    ...dead] }, 143],
  ["fills its memory 2,000 times without a loop", { memory: [0, 0x80, 2],
    call: [...Array.from({ length: 2000 }, () => [...i32Const(0), ...i32Const(0), ...i32Const(16 * 1024 * 1024), 0xfc,
    11, 0]).flat(), ...dead] }, 143],
  ["grows its memory for ever", { call: [0x03, 0x40, ...i32Const(1), 0x40, 0, 0x1a, 0x0c, 0, 0x0b, ...dead] }, 143],
  ["recurs for ever", { call: [0x20, 0, 0x20, 1, 0x20, 2, 0x10, 2] }, 144],
  ["calls itself by its tail", { call: [0x20, 0, 0x20, 1, 0x20, 2, 0x12, 2] }, 142],
  ["makes GC arrays", { call: [0xfb, 7, 0, ...dead] }, 142],
  ["has a table of 10 million entries", { table: [0x70, 0, 0x80, 0xad, 0xe2, 4] }, 142],
  ["has 50,000 locals", { locals: [[50_000, 0x7f]], call: dead }, 142],
  ["has 200 locals in 7,000 blocks", { locals: [[200, 0x7f]],
    call: [...Array.from({ length: 7000 }, () => [0x02, 0x40, 0x0b]).flat(), ...dead] }, 142],
  ["reads the fuel by its index", { call: [0x23, 0, 0xa7, 0x1a, ...dead] }, 142],
  ["exports the name of a prototype's member", { exports: ["constructor#x"] }, 142],
  ["does not compile", { call: [0x20, 0] }, 142],
  ["divides by zero", { call: [...i32Const(1), ...i32Const(0), 0x6d, 0x1a, ...dead] }, 144],
  ["answers from behind its memory", { call: packed(131_072, 2) }, 145],
  ["answers from a negative address", { call: i64Const((0xffff_fff0n << 32n) | 8n) }, 145],
  ["answers with 2^32 - 1 bytes", { call: i64Const((BigInt(answerAt) << 32n) | 0xffff_ffffn) }, 145],
  ["answers with 64 KiB + 1", { call: packed(0, 65_537) }, 145],
  ["answers with invalid UTF-8", { answer: Uint8Array.of(0x22, 0xc3, 0x28, 0x22) }, 145],
  ["answers with deep JSON", { answer: `${"[".repeat(5000)}${"]".repeat(5000)}` }, 145],
  ["answers with __proto__", { answer: '{"__proto__":{"polluted":1},"ips":[]}' }, 145],
  ["speaks another ABI", { abi: i32Const(2 << 16) }, 142],
  ["aborts with a wild pointer", { call: [0x00], fault: packed(0x7fff_ffff, 4) }, 144],
  ["takes the request over its own memory", { alloc: i32Const(131_000) }, 145],
  ["answers with an error code of the host's", answering({ error: { code: 146, msg: "no" } }), 145],
  ["answers with no address", answering({}), 146],
  ["gives a gateway", ips("10.1.2.1"), 146],
  ["gives the network's address", ips("10.1.2.0"), 146],
  ["gives an address of elsewhere", ips("192.168.0.1"), 146],
  ["gives an address of the other family", ips("fd00::1"), 146],
  ["gives a path", ips("../../etc/passwd"), 145],
  ["gives an address with a prefix", ips("10.1.2.9/24"), 145],
  ["gives an address in a form of its own", ips("010.1.2.9"), 145],
  ["names a range that is not there", ips("10.1.2.9", 1), 145],
  ["names a range of another type", ips("10.1.2.9", "0"), 145],
  ["gives two addresses of one set", answering({ ips: [{ range: 0, address: "10.1.2.9" }, { range: 0,
    address: "10.1.2.10" }] }), 146],
  ["gives 65 addresses", answering({ ips: Array.from({ length: 65 }, (_, i) => ({ range: 0,
    address: `10.1.2.${i + 2}` })) }), 145],
  ["adds a key", answering({ ips: [{ range: 0, address: "10.1.2.9" }], sysctl: {} }), 145],
  ["gives a route that is none", answering({ ips: [{ range: 0, address: "10.1.2.9" }],
    routes: [{ dst: "everywhere" }] }), 146],
];

const enemies = suite("a hostile module");
enemies.before.each(prepare);
enemies.after.each(cleanUp);
for (const [title, parts, code] of hostile) {
  enemies(`that ${title} ends in ${code}, with nothing reserved, and the next call is fine`, async () => {
    plant(directory, "test", describedModule(parts));
    const error = await rejects(add(test, call({})), code);
    assert.ok(error instanceof CniError && error.message.length < 500, error.message);
    assert.equal(reserved(), []);
    assert.is(({} as { polluted?: number }).polluted, undefined);
    plant(directory, "test", describedModule(taking("10.1.2.9")));
    assert.is(addressOf(await add(test, call({}))), "10.1.2.9/24");
    await del(test, call({}));
  });
}

enemies("that always proposes what was just lost is not asked for ever", async () => {
  // The address is taken by somebody who does not keep to the lock, between the look and the commit: every time.
  plant(directory, "test", describedModule(taking("10.1.2.9")));
  const request = call({});
  const modules = { ...openModules(builtModules, { directory }) };
  const load = modules.load;
  modules.load = async (reference) => {
    const module = await load(reference);
    return { ...module, allocate: (proposal) => {
      writeFileSync(join(dataDir, "mynet", "10.1.2.9"), "theirs\r\neth0");
      return module.allocate(proposal);
    } };
  };
  await rejects(add(test, { ...request, modules }), 146);
  assert.equal(reserved(), ["10.1.2.9"]);
  assert.is(readFileSync(join(dataDir, "mynet", "10.1.2.9"), "utf8"), "theirs\r\neth0");
  await rejects(check(test, call({})), 111);
});
enemies.run();
