// src/store/file-leases.ts: what the store guarantees whoever else writes, dies or scribbles.
import { execFile, spawn, spawnSync } from "node:child_process";
import {
  existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, truncateSync, utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Claimant, LeaseStore } from "../../src/ipam/index.ts";
import { formatAddress, parseAddress } from "../../src/net/index.ts";
import { takeLock } from "../../src/os/index.ts";
import { hostLocal } from "../../src/plugins/host-local/index.ts";
import { openFileLeases } from "../../src/store/index.ts";
import { rejects } from "../helpers/errors.ts";
import { add, check, del } from "../helpers/ipam.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { random } from "../helpers/random.ts";

const run = promisify(execFile);
const source = join(import.meta.dirname, "..", "..", "src");
const writer = join(import.meta.dirname, "..", "helpers", "lease-writer.ts");
const reference = "/usr/lib/cni/host-local";

let dataDir = "";
let store: LeaseStore;
function prepare(): void {
  dataDir = mkdtempSync(join(tmpdir(), "polynic-leases-"));
  store = openFileLeases({ dataDir, node });
}
function cleanUp(): void {
  rmSync(dataDir, { recursive: true });
}

const node = { name: "here", bootId: "now" };
const owner = (containerId: string, ifName = "eth0") => ({ containerId, ifName });
const lease = (text: string, set = 0) => ({ address: parseAddress(text), set });
const directory = () => join(dataDir, "mynet");
const reserved = () => (existsSync(directory())
  ? readdirSync(directory()).filter((name) => /^[\d.]+$/.test(name)).sort() : []);
const takeAs = (asking: Claimant, ...texts: string[]) => store.exclusively("mynet",
  async (turn) => await turn.commit({ leases: texts.map((text, set) => lease(text, set)), owner: asking, stale: [] }));
const take = (id: string, ...texts: string[]) => takeAs(owner(id), ...texts);
const ipam = { type: "host-local", get dataDir() { return dataDir; }, subnet: "10.0.0.0/16" };
const call = (containerId: string) => ({ containerId, conf: { ipam: { ...ipam } } });
const mine = (id: string) => store.exclusively("mynet", async (turn) =>
  (await turn.view({ owner: owner(id), spans: [], reserved: [], sets: 0 })).mine.map(formatAddress));

const commit = suite("commit");
commit.before.each(prepare);
commit.after.each(cleanUp);

commit("takes all addresses or none", async () => {
  assert.equal(await take("a", "10.0.0.2", "10.0.1.2"), { committed: true });
  assert.equal(await take("b", "10.0.0.3", "10.0.1.2"), { committed: false, conflicts: [parseAddress("10.0.1.2")] });
  assert.equal(reserved(), ["10.0.0.2", "10.0.1.2"]);
  assert.is(readFileSync(join(directory(), "10.0.1.2"), "utf8"), "a\r\neth0");
});

commit("leaves no temporary file, and none in the network's directory ever", async () => {
  await take("a", "10.0.0.2");
  await take("b", "10.0.0.2");
  assert.equal(readdirSync(directory()).sort(), ["10.0.0.2", "last_reserved_ip.0", "lock"]);
  assert.equal(readdirSync(join(dataDir, ".polynic")), ["mynet"]);
});

commit("says where it could not write", async () => {
  await store.exclusively("mynet", async (turn) => {
    writeFileSync(join(dataDir, ".polynic"), "");
    await rejects(turn.commit({ leases: [lease("10.0.0.2")], owner: owner("a"), stale: [] }), 5);
  });
  assert.equal(reserved(), []);
});

commit.run();

const release = suite("release");
release.before.each(prepare);
release.after.each(cleanUp);

release("frees what the owner holds now, however late it comes", async () => {
  await take("a", "10.0.0.2", "10.0.1.2");
  assert.equal((await store.release("mynet", owner("a"))).map(formatAddress), ["10.0.0.2", "10.0.1.2"]);
  await take("b", "10.0.0.2");
  assert.equal(await store.release("mynet", owner("a")), []);
  assert.equal(reserved(), ["10.0.0.2"]);
});

release("forgets what a killed call had noted", async () => {
  const notes = () => readdirSync(join(dataDir, ".polynic", "mynet")).filter((name) => name.includes(":"));
  await take("a", "10.0.0.2", "10.0.1.2");
  rmSync(join(directory(), "10.0.1.2"));
  await take("b", "10.0.0.3");
  rmSync(join(directory(), "10.0.0.3"));
  await take("c", "10.0.0.4");
  writeFileSync(join(dataDir, ".polynic", "mynet", "eth0:d"), "");
  for (const id of ["a", "b", "d"]) await store.release("mynet", owner(id));
  assert.equal([notes(), reserved()], [["eth0:c"], ["10.0.0.4"]]);
});

release("makes nothing where there is nothing", async () => {
  assert.equal(await store.release("mynet", owner("a")), []);
  assert.equal(readdirSync(dataDir), []);
});

release.run();

/** Ways to spoil the index; the store must answer as if nothing had happened. */
const spoilers: (readonly [string, (index: string) => void])[] = [
  ["gone", (index) => rmSync(index, { recursive: true })],
  ["without its stamp", (index) => rmSync(join(index, "stamp"))],
  ["full of garbage", (index) => readdirSync(index).forEach((name) => writeFileSync(join(index, name),
    "\u0000\u0001garbage\n10.0.0."))],
  ["empty files", (index) => readdirSync(index).forEach((name) => writeFileSync(join(index, name), ""))],
  ["made of directories", (index) => replaceFiles(index, () => true, (path) => mkdirSync(path))],
  ["made of directories but for its stamp", (index) => replaceFiles(index, (name) => name !== "stamp",
    (path) => mkdirSync(path))],
  ["made of symbolic links but for its stamp", (index) => replaceFiles(index, (name) => name !== "stamp",
    (path) => symlinkSync(path, path))],
  ["made of pipes", (index) => replaceFiles(index, () => true,
    (path) => assert.is(spawnSync("mkfifo", [path]).status, 0))],
];
function replaceFiles(index: string, which: (name: string) => boolean, make: (path: string) => void): void {
  for (const path of readdirSync(index).filter(which).map((name) => join(index, name))) {
    rmSync(path);
    make(path);
  }
}
/** As large as a tenant's file may say it is; the disk has nothing of it. */
const hugeBytes = 2 ** 40;
spoilers.push(["of sparse files without an end", (index) => replaceFiles(index, () => true, (path) => {
  writeFileSync(path, "");
  truncateSync(path, hugeBytes);
})]);
const index = suite("the index");
index.before.each(prepare);
index.after.each(cleanUp);
for (const [title, spoil] of spoilers) {
  index(`may be ${title}`, async () => {
    for (const id of ["a", "b"]) await add(hostLocal, call(id));
    spoil(join(dataDir, ".polynic", "mynet"));
    await rejects(add(hostLocal, call("a")), 102);
    await check(hostLocal, call("b"));
    await del(hostLocal, call("a"));
    assert.equal(reserved(), ["10.0.0.3"]);
    assert.equal((await add(hostLocal, call("c"))).ips[0]?.address, "10.0.0.4/16");
  });
}

index("and reservations, cursors and holds are read up to a limit, whatever their size", async () => {
  await take("a", "10.0.0.2");
  for (const name of ["last_reserved_ip.0", "last_reserved_ip.1", "10.0.0.3", "../.polynic/mynet/holds",
    "../.polynic/mynet/was", "../.polynic/mynet/scan"]) {
    writeFileSync(join(directory(), name), "");
    truncateSync(join(directory(), name), hugeBytes);
  }
  const named = { ...call("b"), args: "IgnoreUnknown=1;K8S_POD_NAME=web" };
  assert.equal((await add(hostLocal, named)).ips[0]?.address, "10.0.0.4/16", "what is too long is nobody's, and taken");
  await del(hostLocal, named);
  await del(hostLocal, call("a"));
  assert.equal(reserved(), ["10.0.0.3"]);
});

for (const link of [".polynic", ".polynic/mynet"]) {
  index(`is not followed elsewhere by ${link}, and DEL releases all the same`, async () => {
    await add(hostLocal, call("a"));
    const elsewhere = mkdtempSync(join(tmpdir(), "polynic-elsewhere-"));
    rmSync(join(dataDir, link), { recursive: true });
    symlinkSync(elsewhere, join(dataDir, link));
    assert.match((await rejects(add(hostLocal, call("b")), 5)).message, new RegExp(`${link} is a symbolic link`));
    await check(hostLocal, call("a"));
    await del(hostLocal, { ...call("a"), args: "IgnoreUnknown=1;K8S_POD_NAME=web" });
    assert.equal(reserved(), []);
    assert.equal(readdirSync(elsewhere), []);
    rmSync(elsewhere, { recursive: true });
  });
}

index("may point to somebody else's reservations", async () => {
  await add(hostLocal, call("a"));
  await add(hostLocal, call("b"));
  writeFileSync(join(dataDir, ".polynic", "mynet", "eth0:x"), "10.0.0.2\n");
  await del(hostLocal, call("x"));
  assert.equal(reserved(), ["10.0.0.2", "10.0.0.3"]);
  await add(hostLocal, call("x"));
  assert.is(reserved().length, 3);
});

index("learns of reservations that other programs made, and of those they took away", async () => {
  await add(hostLocal, call("a"));
  writeFileSync(join(directory(), "10.0.0.50"), "foreign\r\neth0");
  assert.equal(await mine("foreign"), ["10.0.0.50"]);
  await rejects(add(hostLocal, call("foreign")), 102);
  rmSync(join(directory(), "10.0.0.2"));
  await add(hostLocal, call("a"));
  rmSync(join(directory(), "10.0.0.50"));
  await add(hostLocal, call("foreign"));
});

index("notices another program by its cursor when the directory's time stood still", async () => {
  await add(hostLocal, call("a"));
  utimesSync(directory(), 1000, 1000);
  await mine("nobody"); // a full reading; complete at that time
  writeFileSync(join(directory(), "10.0.0.3"), "foreign\r\neth0");
  writeFileSync(join(directory(), "last_reserved_ip.0"), "10.0.0.3");
  utimesSync(directory(), 1000, 1000);
  assert.equal(await mine("foreign"), ["10.0.0.3"]);
});

index("spares reading the reservations of others", async () => {
  await add(hostLocal, call("a"));
  const wrong = join(directory(), "10.0.0.99");
  writeFileSync(wrong, "b\r\neth0");
  await add(hostLocal, call("c")); // reads all once
  writeFileSync(wrong, "d\r\neth0"); // behind its back: the directory's time stays
  assert.equal(await mine("d"), [], "not found without reading every file");
});

index("holds owners of any name", async () => {
  for (const id of ["x".repeat(400), "a:b", "ü/../..", `y${"x".repeat(399)}`]) {
    await take(id, `10.0.9.${reserved().length + 1}`);
    assert.is((await mine(id)).length, 1);
  }
  assert.is((await store.release("mynet", owner("x".repeat(400)))).length, 1);
  assert.is((await mine(`y${"x".repeat(399)}`)).length, 1);
  assert.is(reserved().length, 3);
});

index.run();

const lists = suite("list and collect");
lists.before.each(prepare);
lists.after.each(cleanUp);

lists("collects what is not valid, unless it was written anew since it was listed", async () => {
  await take("a", "10.0.0.2");
  await take("b", "10.0.0.3");
  await take("c", "10.0.0.4");
  const listed = await store.list("mynet");
  assert.equal(listed.map(({ owner: { containerId } }) => containerId).sort(), ["a", "b", "c"]);
  await store.release("mynet", owner("b"));
  await take("b", "10.0.0.3");
  const collected = await store.collect("mynet", listed, ({ owner: { containerId } }) => containerId === "c");
  assert.equal(collected.map(formatAddress), ["10.0.0.2"]);
  assert.equal(reserved(), ["10.0.0.3", "10.0.0.4"]);
});

lists("takes away temporary files of processes that died, not those of now", async () => {
  await take("a", "10.0.0.2");
  const [old, fresh] = ["1-aa", "2-bb"].map((name) => join(dataDir, ".polynic", `.polynic-${name}.tmp`));
  for (const path of [old, fresh]) writeFileSync(path ?? "", "");
  utimesSync(old ?? "", 1000, 1000);
  await store.collect("mynet", [], () => true);
  assert.not(existsSync(old ?? ""));
  assert.ok(existsSync(fresh ?? ""));
});

lists("of killed calls the leftovers go by themselves when others come and go", async () => {
  await add(hostLocal, call("a"));
  const own = join(dataDir, ".polynic");
  const temporary = join(own, ".polynic-1-aa.tmp"), hint = join(own, "mynet", "eth0:x");
  for (const path of [temporary, hint]) writeFileSync(path, "\n10.0.0.9\n");
  utimesSync(temporary, 1000, 1000);
  for (let i = 0; i < 10; i++) {
    await add(hostLocal, call("b"));
    await del(hostLocal, call("b"));
  }
  assert.not(existsSync(temporary));
  assert.not(existsSync(hint));
  assert.equal(await mine("a"), ["10.0.0.2"]);
});

lists("on a read-only file system: nobody's DEL succeeds, and somebody's says what could not be released", async () => {
  await add(hostLocal, call("a"));
  const script = `import { hostLocal } from ${JSON.stringify(join(source, "plugins", "host-local", "index.ts"))};
    import { del } from ${JSON.stringify(join(import.meta.dirname, "..", "helpers", "ipam.ts"))};
    const conf = { ipam: ${JSON.stringify(ipam)} };
    await del(hostLocal, { containerId: "nobody", conf });
    await del(hostLocal, { containerId: "a", conf }).catch((error) => console.log(error.code + " " + error.message));`;
  const mounts = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" --input-type=module -e "$3"';
  const { status, stdout, stderr } = spawnSync("unshare", ["-m", "sh", "-c", mounts, "sh", dataDir, process.execPath,
    script], { encoding: "utf8" });
  assert.is(status, 0, stderr);
  assert.is(stdout.trim(), `5 Cannot release addresses in ${directory()}: EROFS`);
  assert.equal(reserved(), ["10.0.0.2"]);
});

lists("forgets owners whose reservations another program released", async () => {
  await take("a", "10.0.0.2");
  await take("b", "10.0.0.3");
  rmSync(join(directory(), "10.0.0.2"));
  await store.collect("mynet", [], () => true);
  assert.equal(readdirSync(join(dataDir, ".polynic", "mynet")).filter((name) => name.includes(":")), ["eth0:b"]);
  assert.equal(await mine("b"), ["10.0.0.3"]);
});

lists.run();

const lock = suite("the lock");
lock.before.each(prepare);
lock.after.each(cleanUp);

lock("is waited for with a limit, and then is code 11", async () => {
  const impatient = openFileLeases({ dataDir, node, lockTimeoutMs: 20 });
  mkdirSync(directory());
  const held = await takeLock(join(directory(), "lock"), { timeoutMs: 0 });
  await rejects(impatient.exclusively("mynet", async () => 1), 11);
  held.close();
  assert.is(await impatient.exclusively("mynet", async () => 1), 1);
});

lock("that cannot be opened is code 5", async () => {
  writeFileSync(directory(), "no directory");
  const { message } = await rejects(store.exclusively("mynet", async () => 1), 5);
  assert.match(message, /mynet\/lock: ENOTDIR/);
});

lock.run();

const race = suite("writers at once");
race.before.each(prepare);
race.after.each(cleanUp);

race("never hold an address twice: five of ours and the reference", async () => {
  const ours = [1, 2, 3, 4, 5].map(async (number) => {
    const { stdout } = await run(process.execPath, [writer, dataDir, `w${number}`, "60"], { timeout: waitLimitMs });
    return JSON.parse(stdout) as string[];
  });
  const theirs = existsSync(reference) ? referenceAdds(40) : [];
  const given = [...(await Promise.all(ours)).flat(), ...await theirs];
  assert.is(new Set(given).size, given.length);
  assert.equal(reserved(), given.sort());
});

/** ADDs of the reference one after the other; the addresses it gave. */
async function referenceAdds(count: number): Promise<string[]> {
  const given: string[] = [];
  for (let i = 0; i < count; i++) given.push((await runReference("ADD",
    `ref-${i}`)).replace(/^.*"address":\s*"([\d.]+)\/16".*$/s, "$1"));
  return given;
}

async function runReference(verb: string, containerId: string, conf: object = ipam): Promise<string> {
  const env = { CNI_COMMAND: verb, CNI_CONTAINERID: containerId, CNI_NETNS: "/run/netns/none", CNI_IFNAME: "eth0",
    CNI_PATH: "/usr/lib/cni" };
  const child = run(reference, [], { env, timeout: waitLimitMs });
  child.child.stdin?.end(JSON.stringify({ cniVersion: "1.0.0", name: "mynet", type: "bridge", ipam: conf }));
  return (await child).stdout;
}

race("survive being killed at any moment: DEL restores, nothing is lost or stuck", async () => {
  const any = random();
  await add(hostLocal, call("bystander"));
  for (let round = 0; round < 12; round++) {
    const child = spawn(process.execPath, [writer, dataDir, `k${round}`, "100000"], { stdio: "ignore" });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const before = reserved().length;
    for (let waited = 0; reserved().length === before && waited < 10_000; waited += 2) await sleep(2);
    await sleep(any.below(40));
    child.kill("SIGKILL");
    await ended;
    const left = (await store.list("mynet")).filter(({ owner: { containerId } }) => containerId !== "bystander");
    assert.ok(left.every(({ owner: { containerId } }) => containerId.startsWith(`k${round}-`)),
      `seed ${any.seed}: every file is whole`);
    for (const { owner: { containerId } } of left) await del(hostLocal, call(containerId));
    assert.equal(reserved(), ["10.0.0.2"], `seed ${any.seed}, round ${round}`);
  }
  await rejects(add(hostLocal, call("bystander")), 102);
});

race.run();

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const interchange = suite("host-local, theirs and ours");
interchange.before.each(prepare);
interchange.after.each(cleanUp);
const both = existsSync(reference) ? interchange : interchange.skip;
if (both === interchange.skip) console.error(`Skipped: ${reference} is not installed (package ` +
  "containernetworking-plugins)");

both("ours gives up what theirs took", async () => {
  await runReference("ADD", "a");
  await add(hostLocal, call("b"));
  await runReference("ADD", "c");
  assert.equal(reserved(), ["10.0.0.2", "10.0.0.3", "10.0.0.4"], "each goes on from the other's cursor");
  await check(hostLocal, call("a"));
  await rejects(add(hostLocal, call("c")), 102);
  for (const id of ["a", "b", "c"]) await del(hostLocal, call(id));
  assert.equal(reserved(), []);
});

both("theirs gives up what ours took, and finds it", async () => {
  await add(hostLocal, call("a"));
  await runReference("CHECK", "a");
  await assertFails(runReference("ADD", "a"));
  await runReference("DEL", "a");
  assert.equal(reserved(), []);
  await assertFails(runReference("CHECK", "a"));
  await add(hostLocal, call("a"));
  assert.equal(reserved(), ["10.0.0.3"]);
});

both("print the same files for the same steps", async () => {
  const conf = { type: "host-local", dataDir, ranges: [[{ subnet: "192.168.1.0/29" }, { subnet: "192.168.2.0/30" }],
    [{ subnet: "2001:db8:0:0:1::/80" }, { subnet: "fd00::/64" }]] };
  const ours = join(dataDir, "ours");
  const theirs = join(dataDir, "theirs");
  const any = random();
  const held: string[] = [];
  for (let step = 0; step < 40; step++) {
    if (held.length > 0 && any.once(3)) {
      const id = held.splice(any.below(held.length), 1)[0] ?? "";
      await del(hostLocal, { containerId: id, conf: { ipam: { ...conf, dataDir: ours } } });
      await runReference("DEL", id, { ...conf, dataDir: theirs });
    } else {
      const id = `c${step}`;
      const [mineOk, theirsOk] = [
        await add(hostLocal, { containerId: id, conf: { ipam: { ...conf, dataDir: ours } } }).then(() => true,
          () => false),
        await runReference("ADD", id, { ...conf, dataDir: theirs }).then(() => true, () => false),
      ];
      assert.is(mineOk, theirsOk, `seed ${any.seed}, step ${step}`);
      if (mineOk) held.push(id);
    }
    assert.equal(filesOf(ours), filesOf(theirs), `seed ${any.seed}, step ${step}`);
  }
});

function filesOf(directory: string): Record<string, string> {
  const network = join(directory, "mynet");
  if (!existsSync(network)) return {};
  return Object.fromEntries(readdirSync(network).sort().map((name) => [name,
    readFileSync(join(network, name), "utf8")]));
}

async function assertFails(work: Promise<unknown>): Promise<void> {
  assert.ok(await work.then(() => false, () => true), "it fails");
}

interchange.run();
