// src/wasm/installed/prepared.ts: what was made of a module when it was installed is used only as long as all that the
// lock says of it holds.
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { AddressList, formatAddress, parseAddress, takenView } from "../../../src/net/index.ts";
import type { AllocateRequest } from "../../../src/ipam/index.ts";
import type { LimitsConf } from "../../../src/wasm/index.ts";
import {
  installModule, openModules, readLock, removeModule, sha256Hex, verifyInstalled,
} from "../../../src/wasm/index.ts";
import type { LockEntry, PreparedEntry } from "../../../src/wasm/installed/lock.ts";
import { preparedBytes } from "../../../src/wasm/installed/prepare.ts";
import { preparedBy } from "../../../src/wasm/installed/prepared.ts";
import { defaultLimits, fileLimits } from "../../../src/wasm/limits.ts";
import { rejects } from "../../helpers/errors.ts";
import { describedModule } from "../../helpers/modules.ts";
import { builtModules, i64Const } from "../../helpers/wasm.ts";

/** Metadata is read again at each use, with all that is asked of it. */
const sources = ["code/binary", "code/instructions", "limits", "code/meter", "code/names", "code/opcodes",
  "code/verify"];

const making = suite("preparedBy");

making("is another one when what refuses and meters modules is", () => {
  const text = sources.map((name) => readFileSync(join(import.meta.dirname, "..", "..", "..", "src", "wasm",
    `${name}.ts`), "utf8")).join("");
  assert.is(preparedBy, sha256Hex(new TextEncoder().encode(text)).slice(0, 16),
    `${sources.join(", ")} have changed: write the expected value into src/wasm/installed/prepared.ts`);
});

making.run();

let directory = "";
const prepared = suite("a prepared module");
prepared.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-prepared-")); });
prepared.after.each(() => rmSync(directory, { recursive: true }));

const file = (name: string): string => join(directory, name);
const answering = (address: string) => describedModule({ answer: JSON.stringify({ ips: [{ range: 0, address }] }) });
/** What was installed says .9; whoever is seen to answer .66 was run without a look at it. */
const installed = answering("10.1.2.9"), other = answering("10.1.2.66");
const spinning = describedModule({ call: [0x03, 0x40, 0x0c, 0, 0x0b, ...i64Const(0n)] });

const span = { first: parseAddress("10.1.2.1"), last: parseAddress("10.1.2.254") };
const request: AllocateRequest = {
  attempt: 0, attachment: { containerId: "c1", ifName: "eth0", network: "mynet", mac: null }, config: {}, requested: [],
    mine: [],
  ranges: [{ set: 0, ...span, prefixBits: 24, subnet: "10.1.2.0/24", view: takenView(span, new AddressList(0)) }],
};

async function answer(limits?: LimitsConf, node: LimitsConf = {}): Promise<string> {
  const module = await openModules(builtModules, { directory, limits: node }).load({ module: "test", trusted: false,
    limits });
  return module.allocate(request).ips.map(({ address }) => formatAddress(address).split(".")[3]).join();
}

/** Puts bytes in place of the prepared ones, as who owns the node could, and says of them in the lock what is given. */
function replace(bytes: Uint8Array, said: Partial<PreparedEntry> = {}): void {
  writeFileSync(file("test.metered.wasm"), bytes);
  // It was installed with this very program
  const { test } = readLock(directory) as { test: LockEntry & { prepared: PreparedEntry } };
  writeFileSync(file("modules.lock.json"), JSON.stringify({ test: { ...test, prepared: { ...test.prepared,
    sha256: sha256Hex(bytes), ...said } } }));
}

const metered = (bytes: Uint8Array) => preparedBytes("test", bytes, defaultLimits);

prepared("answers as the module does", async () => {
  await installModule({ directory, bytes: installed });
  assert.equal(readFileSync(file("test.metered.wasm")).equals(metered(installed)), true);
  assert.is(await answer(), "9");
});

prepared("is what runs while the lock, its digest, this verifier and the limits agree", async () => {
  await installModule({ directory, bytes: installed });
  replace(metered(other));
  assert.is(await answer(), "66");
  assert.is(await answer({ fuel: 1000 }), "66", "fuel is the call's, not the code's");
});

const passedOver: readonly (readonly [string, () => void])[] = [
  ["was made by another verifier", () => replace(metered(other), { by: "0".repeat(16) })],
  ["was made for another memory", () => replace(metered(other), { memoryPages: 64 })],
  ["has another digest than the lock says", () => replace(metered(other), { sha256: sha256Hex(metered(installed)) })],
  ["was changed", () => writeFileSync(file("test.metered.wasm"), metered(other))],
  ["was cut", () => writeFileSync(file("test.metered.wasm"), metered(installed).subarray(0, 100))],
  ["is gone", () => rmSync(file("test.metered.wasm"))],
  ["is a link", () => { replace(metered(other)); renameSync(file("test.metered.wasm"),
    file("real")); symlinkSync("real", file("test.metered.wasm")); }],
  ["can be written by others", () => { replace(metered(other)); chmodSync(file("test.metered.wasm"), 0o666); }],
  ["counts no fuel", () => replace(other)],
  ["is no module", () => replace(new TextEncoder().encode("text"))],
  ["is not in the lock", () => {
    replace(metered(other));
    const { test: { prepared: _, ...entry } } = readLock(directory) as { test: LockEntry }; // it was installed
    writeFileSync(file("modules.lock.json"), JSON.stringify({ test: entry }));
  }],
];
for (const [title, spoil] of passedOver) {
  prepared(`is passed over when it ${title}: the module is looked over again`, async () => {
    await installModule({ directory, bytes: installed });
    spoil();
    assert.is(await answer(), "9");
  });
}

for (const [title, limits, node] of [["the configuration", { memoryMiB: 4 }, {}],
  ["the node", undefined, { memoryMiB: 32 }]] as const) {
  prepared(`is passed over when ${title} gives another memory than it was made for`, async () => {
    await installModule({ directory, bytes: installed });
    replace(metered(other));
    assert.is(await answer(limits, node), "9");
  });
}

prepared("is of no use without the module it was made from", async () => {
  await installModule({ directory, bytes: installed });
  writeFileSync(file("test.wasm"), other);
  await rejects(answer(), 141);
  rmSync(file("test.wasm"));
  await rejects(answer(), 140);
});

prepared("counts fuel", async () => {
  await installModule({ directory, bytes: spinning });
  await rejects(answer(), 143);
});

prepared("goes with its module", async () => {
  await installModule({ directory, bytes: installed });
  await removeModule({ directory, name: "test" });
  assert.throws(() => readFileSync(file("test.metered.wasm")), /ENOENT/);
});

for (const [title, spoil] of [["changed", () => writeFileSync(file("test.metered.wasm"), "x")],
  ["gone", () => rmSync(file("test.metered.wasm"))]] as const) {
  prepared(`that is ${title} is told by verifyInstalled`, async () => {
    await installModule({ directory, bytes: installed });
    spoil();
    assert.match((await verifyInstalled(directory))[0]?.problem?.message ?? "", /metered code of module "test"/);
  });
}

prepared("is not kept of a module that comes out larger than any file may be", async () => {
  const bytes = describedModule({ answer: new Uint8Array(fileLimits.hardBytes - 400), memory: [0, 20] });
  await installModule({ directory,
    bytes: describedModule({ answer: new Uint8Array(fileLimits.hardBytes - 400 + fileLimits.hardBytes - bytes.length),
    memory: [0, 20] }) });
  assert.is(readLock(directory)["test"]?.prepared, undefined);
});

prepared.run();
