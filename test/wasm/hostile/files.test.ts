// Files that are not what their names say, for the commands a person types, and the requests a node keeps of modules
// that failed.
import { execFileSync } from "node:child_process";
import {
  chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { installModule, openModules, readLock } from "../../../src/wasm/index.ts";
import { throws } from "../../helpers/errors.ts";
import { moduleCommand } from "../../helpers/module-command.ts";
import { describedModule, plant } from "../../helpers/modules.ts";
import { builtModules } from "../../helpers/wasm.ts";

let directory = "";
const file = (name: string): string => join(directory, name);
const prepare = (): void => { directory = mkdtempSync(join(tmpdir(), "polynic-files-")); };
const cleanUp = (): void => rmSync(directory, { recursive: true });

const commands = suite("polynic module");
commands.before.each(prepare);
commands.after.each(cleanUp);

/** A command, what is at "there", and what it says; all exit 1 and show no stack. */
const strange: readonly (readonly [string, readonly string[], () => void, RegExp])[] = [
  ["inspect of a pipe", ["inspect", "there"], () => void execFileSync("mkfifo", [file("there")]), /it is no file/],
  ["install of a pipe", ["install", "there", "--dir", "modules"], () => void execFileSync("mkfifo", [file("there")]),
    /it is no file/],
  ["inspect of a directory", ["inspect", "there"], () => mkdirSync(file("there")), /it is no file/],
  ["inspect of an endless device", ["inspect", "/dev/zero"], () => {}, /it is no file/],
  ["inspect of a link to nothing", ["inspect", "there"], () => symlinkSync("nothing", file("there")),
    /not there or not readable/],
  ["run with a frame that is not there", ["run", "test.wasm", "--frame", "nothing"], () => {},
    /not there or not readable, expected a recorded request/],
  ["run with a frame that is a pipe", ["run", "test.wasm", "--frame", "there"],
    () => void execFileSync("mkfifo", [file("there")]), /it is no file/],
  ["run with an endless frame", ["run", "test.wasm", "--frame", "/dev/zero"], () => {}, /it is no file/],
];
for (const [title, words, make, message] of strange) {
  commands(`${title} ends at once, in a line`, () => {
    writeFileSync(file("test.wasm"), describedModule());
    make();
    const { status, stderr } = moduleCommand(directory, ...words);
    assert.is(status, 1, stderr);
    assert.match(stderr, message);
    assert.is(stderr.trim().split("\n").length, 1, stderr);
  });
}

commands("install writes over no link that waits in its way", async () => {
  writeFileSync(file("precious"), "mine");
  for (const name of ["test.wasm", "modules.lock.json"]) symlinkSync("precious", file(`${name}.${process.pid}.new`));
  await installModule({ directory, bytes: describedModule() });
  assert.is(readFileSync(file("precious"), "utf8"), "mine");
  assert.equal(Object.keys(readLock(directory)), ["test"]);
});
for (const [title, call, code, fuel] of [["traps", [0x00], 144, "[1-9]\\d*"],
  ["uses up its fuel", [0x03, 0x40, 0x0c, 0, 0x0b, 0x42, 0], 143, "50,000,000"]] as const) {
  commands(`run tells the fuel and memory of a module that ${title}`, () => {
    writeFileSync(file("test.wasm"), describedModule({ call }));
    writeFileSync(file("state.json"), JSON.stringify({ ranges: [[{ subnet: "10.0.0.0/24" }]] }));
    const { status, stdout, stderr } = moduleCommand(directory, "run", "test.wasm", "--state", "state.json");
    assert.equal([status, stderr], [1, ""]);
    assert.match(stdout, new RegExp(`"code": ${code}`));
    assert.match(stdout, new RegExp(`^fuel {4}${fuel} of 50,000,000\nmemory {2}128 KiB of 16\\.0 MiB\ntime {4}`, "m"));
  });
}
commands.run();

const kept = suite("a request a module failed at");
kept.before.each(prepare);
kept.after.each(cleanUp);

const request = { attachment: { containerId: "c", ifName: "eth0", network: "n", mac: null }, config: {}, mine: [] };
const trap = () => describedModule({ call: [0x00] }, { ops: ["release"] });

/** Calls a module that traps; gives what was logged. */
async function failing(recordings: string, bytes = trap(), code = 144): Promise<readonly string[]> {
  const lines: string[] = [];
  plant(directory, "test", bytes);
  const module = await openModules(builtModules, { directory, recordings,
    log: (line) => lines.push(line) }).load({ module: "test", trusted: true });
  throws(() => module.release(request), code);
  return lines;
}

kept("is in a directory of our own, and fails there again", async () => {
  const recordings = file("recordings");
  const [line = ""] = await failing(recordings);
  const [name = ""] = readdirSync(recordings);
  assert.is(line, `module "test": its request is kept in ${join(recordings, name)}`);
  assert.equal([statSync(recordings).mode & 0o777, statSync(join(recordings, name)).mode & 0o777], [0o700, 0o600]);
  const { status, stdout } = moduleCommand(directory, "run", "test.wasm", "--frame", join("recordings", name));
  assert.is(status, 1);
  assert.match(stdout, /"code": 144/);
  assert.match(stdout, /^fuel {4}[1-9]\d* of 50,000,000\nmemory {2}128 KiB of 16\.0 MiB\ntime/m,
    "what it took until then");
});

kept("says itself which op it is", async () => {
  await failing(file("recordings"), describedModule({ answer: '{"hold":7}' }, { ops: ["release"] }), 145);
  const { stdout } = moduleCommand(directory, "run", "test.wasm", "--frame",
    join("recordings", readdirSync(file("recordings"))[0] ?? ""));
  assert.match(stdout, /"hold": 7/);
  assert.match(stdout, /^fuel {4}\d+ of 50,000,000\nmemory {2}128 KiB of 16\.0 MiB\ntime/m);
});

kept("is not kept for a refusal of the module's own", async () => {
  assert.equal(await failing(file("recordings"), describedModule({ answer: '{"error":{"code":100,"msg":"full"}}' },
    { ops: ["release"] }), 100), []);
});

kept("is one of sixteen at most", async () => {
  mkdirSync(file("recordings"), { mode: 0o700 });
  for (let i = 0; i < 16; i++) writeFileSync(join(file("recordings"), String(i)), "");
  assert.match((await failing(file("recordings")))[0] ?? "", /holds 16 already/);
  assert.is(readdirSync(file("recordings")).length, 16);
});

for (const [title, make] of [
  ["others can enter", () => { mkdirSync(file("recordings")); chmodSync(file("recordings"), 0o755); }],
  ["is a link", () => { mkdirSync(file("real"), { mode: 0o700 }); symlinkSync("real", file("recordings")); }],
] as const) {
  kept(`is not kept where the directory ${title}, and the call ends as it would`, async () => {
    make();
    assert.match((await failing(file("recordings")))[0] ?? "", /Cannot record the request/);
    assert.equal(readdirSync(file("recordings")), []);
  });
}
kept.run();
