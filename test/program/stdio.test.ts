// src/program/stdio.ts: streams that whoever started us made non-blocking are waited for all the same.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readNamedFile } from "../../src/program/index.ts";
import { throws } from "../helpers/errors.ts";

const source = join(import.meta.dirname, "..", "..", "src");
const entry = join(source, "bin", "cni.ts");
const child = pathToFileURL(join(source, "os", "child.ts")).href;
/** Between what the test waits for and the moment when the executable has to wait itself. */
const headStartMs = 1_000;

interface Ran {
  readonly status: number | null;
  readonly stdout: string;
}

/** Runs it with `before` in front; once that has said that it is there, and some time after, `then` is done. */
async function run(before: string, then: (running: ReturnType<typeof spawn>) => void): Promise<Ran> {
  const code = `import { writeSync } from "node:fs"; import { doNotWait } from ${JSON.stringify(child)};
    ${before} writeSync(2, "there");`;
  const running = spawn(process.execPath, ["--import", `data:text/javascript,${encodeURIComponent(code)}`, entry,
    "bridge"], { env: { CNI_COMMAND: "STATUS", CNI_PATH: "/nowhere" } });
  const ended = new Promise<number | null>((resolve) => running.once("close", resolve));
  await new Promise((resolve) => running.stderr.once("data", resolve));
  await new Promise((resolve) => setTimeout(resolve, headStartMs));
  let stdout = "";
  running.stdout.on("data", (chunk: Buffer) => { stdout += chunk.toString(); });
  then(running);
  return { status: await ended, stdout };
}

const test = suite("streams that do not block");
test("stdin that comes late is waited for", async () => {
  const ran = await run("doNotWait(0);", ({ stdin }) => {
    stdin?.write('{"cniVersion":');
    setTimeout(() => stdin?.end('"9.9.9","name":"one","type":"bridge"}'), headStartMs);
  });
  assert.equal([ran.status, JSON.parse(ran.stdout).code], [1, 1], ran.stdout);
});
test("stdout that is full is waited for", async () => {
  // JSON may have any white space before it.
  const fill = 'doNotWait(1); try { for (;;) writeSync(1, " ".repeat(4096)); } catch {}';
  const ran = await run(`${fill} try { for (;;) writeSync(1, " "); } catch {}`, ({ stdin }) => stdin?.end("{"));
  assert.equal([ran.status, JSON.parse(ran.stdout).code], [1, 6]);
});
test.run();

const named = suite("readNamedFile");
named("reads a pipe that a shell has put there to its end", () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-stdio-")), pipe = join(directory, "pipe");
  execFileSync("mkfifo", [pipe]);
  spawn("sh", ["-c", 'echo one > "$0"', pipe], { stdio: "ignore" });
  assert.is(readNamedFile(pipe), "one\n");
  rmSync(directory, { recursive: true });
});
named("stops at what does not end", () => {
  assert.is(throws(() => readNamedFile("/dev/zero"), 5).message,
    "Cannot read /dev/zero: it is longer than 16777216 bytes");
});
named.run();
