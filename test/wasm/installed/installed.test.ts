// src/wasm/installed/install.ts, installed.ts, own-file.ts and host.ts: which files become modules, and which do not.
import {
  chmodSync, chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, symlinkSync,
  truncateSync, writeFileSync,
} from "node:fs";
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Exclusively, ModuleReference } from "../../../src/wasm/index.ts";
import {
  installModule, openModules, readLock, removeModule, sha256Hex, verifyInstalled,
} from "../../../src/wasm/index.ts";
import { preparedBy } from "../../../src/wasm/installed/prepared.ts";
import { rejects, throws } from "../../helpers/errors.ts";
import { describedModule, plant } from "../../helpers/modules.ts";
import { builtModules, i64Const } from "../../helpers/wasm.ts";

let directory = "";
const prepare = (): void => { directory = mkdtempSync(join(tmpdir(), "polynic-modules-")); };
const cleanUp = (): void => rmSync(directory, { recursive: true });

const schema = { type: "object", properties: { parity: { enum: ["even", "odd"] } }, additionalProperties: false };
const plain = describedModule();
const file = (name: string): string => join(directory, name);
const load = (reference: Partial<ModuleReference> = {}) => openModules(builtModules,
  { directory }).load({ module: "test", trusted: true, ...reference });

const install = suite("installModule");
install.before.each(prepare);
install.after.each(cleanUp);

install("leaves a module that can be called, its schema's check and a lock, and nothing else", async () => {
  const bytes = describedModule({}, { configSchema: schema });
  const entry = await installModule({ directory, bytes });
  assert.equal(readdirSync(directory).sort(), ["modules.lock.json", "test.metered.wasm", "test.schema.js",
    "test.wasm"]);
  assert.is(entry.sha256, sha256Hex(bytes));
  const prepared = { by: preparedBy, sha256: sha256Hex(readFileSync(file("test.metered.wasm"))), memoryPages: 256 };
  assert.equal({ ...readLock(directory) }, { test: { sha256: entry.sha256, version: "1.0.0", kind: "ipam",
    configSha256: sha256Hex(readFileSync(file("test.schema.js"))), prepared } });
  const module = await load();
  assert.is(await module.checkConfig({ parity: "even" }), undefined);
  assert.is(await module.checkConfig({ parity: "both" }), 'parity is "both", expected even or odd');
  assert.is(await module.checkConfig({ party: "odd" }), "party is unknown, expected parity");
  assert.equal((await verifyInstalled(directory)).map(({ problem }) => problem), [undefined]);
});

install("replaces a module, and keeps the others", async () => {
  await installModule({ directory, bytes: describedModule({}, { configSchema: schema }) });
  await installModule({ directory, bytes: plain, name: "other" });
  await installModule({ directory, bytes: plain });
  assert.equal(Object.keys(readLock(directory)), ["other", "test"]);
  assert.equal(readdirSync(directory).sort(), ["modules.lock.json", "other.metered.wasm", "other.wasm",
    "test.metered.wasm", "test.wasm"]);
  assert.ok(await removeModule({ directory, name: "other" }));
  assert.not.ok(await removeModule({ directory, name: "other" }));
  assert.equal(readdirSync(directory).sort(), ["modules.lock.json", "other.removed", "test.metered.wasm", "test.wasm"]);
});

install("knows of a module that was removed, until it is there again", async () => {
  const gone = (name: string) => openModules(builtModules, { directory }).whyGone(name)?.message;
  await installModule({ directory, bytes: plain });
  await removeModule({ directory, name: "test" });
  assert.match(gone("test") ?? "", /"test": it was removed from .*, expected it to be installed there/);
  assert.equal(["other", "../test", "__proto__"].map(gone), [undefined, undefined, undefined]);
  await installModule({ directory, bytes: plain });
  assert.is(gone("test"), undefined);
  writeFileSync(file("modules.lock.json"), "{");
  assert.match(gone("anything") ?? "", /not JSON/);
});

const uninstallable: readonly (readonly [string, Uint8Array, number, RegExp])[] = [
  ["text", new TextEncoder().encode("#!/bin/sh"), 142, /WebAssembly/],
  ["a module without metadata", describedModule({}, { abi: 2 }), 142, /abi of its metadata is 2/],
  ["a module with a tail call", describedModule({ call: [0x20, 0, 0x20, 1, 0x20, 2, 0x12, 2] }), 142, /0x12.*byte \d+/],
  ["a schema that is none", describedModule({}, { configSchema: { type: "objekt" } }), 142, /configSchema/],
  ["a key nobody knows", describedModule({}, { colour: "blue" }), 142, /unknown key "colour"/],
  ["a name that is a path", describedModule({}, { name: "../x" }), 142, /name/],
  ["an op of another kind", describedModule({}, { ops: ["review"] }), 142, /ops/],
  ["a need nobody can meet", describedModule({}, { needs: ["root"] }), 142, /needs/],
];
for (const [title, bytes, code, message] of uninstallable) {
  install(`refuses ${title}, and writes nothing`, async () => {
    assert.match((await rejects(installModule({ directory, bytes }), code)).message, message);
    assert.equal(readdirSync(directory), []);
  });
}

install("refuses a name that is taken", async () => {
  const error = await rejects(installModule({ directory, bytes: plain,
    whyTaken: (name) => `"${name}" is built in` }), 7);
  assert.match(error.message, /"test" is built in, expected another name/);
});

install("refuses a directory others can write, and writes nothing", async () => {
  for (const mode of [0o775, 0o757, 0o1777]) {
    chmodSync(directory, mode);
    const error = await rejects(installModule({ directory, bytes: plain }), 140);
    assert.match(error.message,
      new RegExp(`"test": directory .* has mode ${mode.toString(8)}, expected one that neither group nor others can ` +
        "write"));
    assert.equal(readdirSync(directory), []);
  }
  chmodSync(directory, 0o755);
  await installModule({ directory, bytes: plain });
});

/** Somebody else's change is done while we wait for our turn. */
const afterWaiting = (change: () => void): Exclusively => async (_, work) => {
  change();
  return work();
};

install("keeps what was installed while it waited for its turn", async () => {
  await installModule({ directory, bytes: plain, name: "first" });
  const lock = { ...readLock(directory) };
  const others = afterWaiting(() => writeFileSync(file("modules.lock.json"),
    JSON.stringify({ ...lock, second: lock["first"] })));
  await installModule({ directory, bytes: plain, exclusively: others });
  assert.equal(Object.keys(readLock(directory)), ["first", "second", "test"]);
});

install("is undone for its own module alone, also when another came or it went meanwhile", async () => {
  await installModule({ directory, bytes: plain });
  const lock = { ...readLock(directory) };
  const replaced = (entries: object) => afterWaiting(() => writeFileSync(file("modules.lock.json"),
    JSON.stringify(entries)));
  assert.ok(await removeModule({ directory, name: "test", exclusively: replaced({ ...lock, second: lock["test"] }) }));
  assert.equal(Object.keys(readLock(directory)), ["second"]);
  assert.not.ok(await removeModule({ directory, name: "second", exclusively: replaced({}) }));
});

install.run();

const loading = suite("a module");
loading.before.each(prepare);
loading.after.each(cleanUp);

/** What is done to a module that works, and how its next use ends. */
const spoilt: readonly (readonly [string, () => void, number, RegExp])[] = [
  ["has changed by a byte",
    () => {
      const bytes = readFileSync(file("test.wasm"));
      bytes[bytes.length - 1] = 0x20;
      writeFileSync(file("test.wasm"), bytes);
    }, 141, /digest [0-9a-f]{64}, expected [0-9a-f]{64}/],
  ["is shorter", () => truncateSync(file("test.wasm"), 20), 141, /digest/],
  ["is gone", () => rmSync(file("test.wasm")), 140, /not there/],
  ["is a link", () => { renameSync(file("test.wasm"), file("real")); symlinkSync("real", file("test.wasm")); }, 140,
    /symbolic link/],
  ["is a pipe", () => { rmSync(file("test.wasm")); execFileSync("mkfifo",
    [file("test.wasm")]); chmodSync(file("test.wasm"), 0o600); }, 140, /no regular file/],
  ["can be written by its group", () => chmodSync(file("test.wasm"), 0o664), 140, /mode 664/],
  ["can be written by everybody", () => chmodSync(file("test.wasm"), 0o646), 140, /mode 646/],
  ["lies where its group can write", () => chmodSync(directory, 0o775), 140,
    /directory .* has mode 775, expected one that neither group nor others can write/],
  ["lies where everybody can write", () => chmodSync(directory, 0o757), 140, /directory .* has mode 757/],
  ["lies where everybody can add files", () => chmodSync(directory, 0o1777), 140, /directory .* has mode 1777/],
  ["is larger than any module", () => writeFileSync(file("test.wasm"), new Uint8Array(512 * 1024 + 1)), 140,
    /524289 bytes/],
  ["is not in the lock", () => writeFileSync(file("modules.lock.json"), "{}"), 140, /neither built in nor installed/],
  ["has no lock beside it", () => rmSync(file("modules.lock.json")), 140, /neither built in nor installed/],
  ["has a lock others can write", () => chmodSync(file("modules.lock.json"), 0o666), 140, /mode 666/],
  ["has a lock that is no JSON", () => writeFileSync(file("modules.lock.json"), "{"), 6, /not JSON/],
  ["has an entry that is none", () => writeFileSync(file("modules.lock.json"), '{"test":{"sha256":"00"}}'), 6,
    /entry "test"/],
  ["has another check of its config", () => writeFileSync(file("test.schema.js"), "process.exit(1)"), 141,
    /config check.*digest/],
  ["has lost the check of its config", () => rmSync(file("test.schema.js")), 140, /config check/],
];
for (const [title, spoil, code, message] of spoilt) {
  loading(`is refused when it ${title}`, async () => {
    await installModule({ directory, bytes: describedModule({}, { configSchema: schema }) });
    await load();
    spoil();
    assert.match((await rejects(load(), code)).message, message);
  });
}

loading("is refused when it belongs to somebody else", async () => {
  if (process.getuid?.() !== 0) return;
  await installModule({ directory, bytes: plain });
  chownSync(file("test.wasm"), 65_534, 65_534);
  assert.match((await rejects(load(), 140)).message, /belongs to user 65534/);
});

loading("is refused when its directory belongs to somebody else", async () => {
  if (process.getuid?.() !== 0) return;
  await installModule({ directory, bytes: plain });
  chownSync(directory, 65_534, 65_534);
  assert.match((await rejects(load(), 140)).message, /directory .* belongs to user 65534/);
});

loading("is used from a directory that others can read", async () => {
  await installModule({ directory, bytes: plain });
  chmodSync(directory, 0o755);
  assert.is((await load()).name, "test");
});

loading("must be the one the configuration expects", async () => {
  await installModule({ directory, bytes: plain });
  await load({ sha256: sha256Hex(plain) });
  assert.match((await rejects(load({ sha256: "0".repeat(64) }), 141)).message, /expected 0{64}/);
});

for (const name of ["__proto__", "constructor", "toString", "", "..", "a b", "A"]) {
  loading(`is not found by the name ${JSON.stringify(name)}`, async () => {
    await installModule({ directory, bytes: plain });
    await rejects(load({ module: name }), 140);
    assert.is(openModules(builtModules, { directory }).kindOf(name), undefined);
  });
}

loading("may be a file by its path, for the node's own configuration and with its digest", async () => {
  writeFileSync(file("mine.wasm"), plain);
  const reference = { module: file("mine.wasm"), sha256: sha256Hex(plain) };
  assert.is((await load(reference)).metadata.name, "test");
  assert.match((await rejects(load({ ...reference, trusted: false }), 140)).message, /node's own configuration alone/);
  assert.match((await rejects(load({ module: reference.module }), 140)).message, /needs sha256/);
  assert.match((await rejects(load({ ...reference, sha256: "1".repeat(64) }), 141)).message, /expected 1{64}/);
  assert.match((await rejects(load({ ...reference, module: "./mine.wasm" }), 140)).message, /absolute/);
});

loading("is verified again at every use, whatever the lock says", async () => {
  plant(directory, "test", describedModule({ call: [0x12, 2] }));
  assert.match((await rejects(load(), 142)).message, /0x12/);
});

loading("may start with no more memory than the node, or a lower limit of the configuration, allows", async () => {
  const pages = (count: number) => describedModule({ memory: [0, 0x80 | (count & 0x7f), count >> 7] });
  plant(directory, "test", pages(300));
  assert.match((await rejects(load(), 142)).message, /300 pages, expected at most 256/);
  const generous = (memoryMiB = 64) => openModules(builtModules,
    { directory, limits: { memoryMiB: 64 } }).load({ module: "test", trusted: true, limits: { memoryMiB } });
  await generous();
  await rejects(generous(4), 142);
  plant(directory, "test", pages(2000));
  assert.match((await rejects(generous(), 142)).message, /expected at most 1024/);
  plant(directory, "test", pages(200));
  await rejects(load({ limits: { memoryMiB: 4 } }), 142);
});

loading("gets as much fuel as the configuration leaves it, and never more than the node allows", async () => {
  const spin = [0x03, 0x40, 0x0c, 0, 0x0b, ...i64Const(0n)];
  plant(directory, "test", describedModule({ call: spin }, { ops: ["release"] }));
  const request = { attachment: { containerId: "c", ifName: "eth0", network: "n", mac: null }, config: {}, mine: [] };
  const fuelOf = async (limits: { fuel: number }, node: { fuel: number } | undefined) => {
    const modules = openModules(builtModules, { directory, ...(node === undefined ? {} : { limits: node }) });
    const module = await modules.load({ module: "test", trusted: true, limits });
    return /fuel of (\d+)/.exec(throws(() => module.release(request), 143).message)?.[1];
  };
  assert.is(await fuelOf({ fuel: 1000 }, undefined), "1000");
  assert.is(await fuelOf({ fuel: 900_000_000 }, undefined), "50000000");
  assert.is(await fuelOf({ fuel: 900_000_000 }, { fuel: 60_000_000 }), "60000000");
});

loading.run();

const listing = suite("verifyInstalled");
listing.before.each(prepare);
listing.after.each(cleanUp);
listing("names every module and what is wrong with it", async () => {
  await installModule({ directory, bytes: plain, name: "fine" });
  await installModule({ directory, bytes: plain, name: "changed" });
  writeFileSync(file("changed.wasm"), "x");
  assert.equal((await verifyInstalled(directory)).map(({ name, problem }) => [name, problem?.code]),
    [["changed", 141], ["fine", undefined]]);
  assert.ok(existsSync(file("fine.wasm")));
});
listing.run();
