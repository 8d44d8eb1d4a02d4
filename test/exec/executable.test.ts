// src/exec/executable.ts against small shell scripts: what is found, how a run ends, what a plugin's words become.
import { chmodSync, closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CniError } from "../../src/cni/index.ts";
import type { ExecutableCall } from "../../src/exec/index.ts";
import { findExecutable, runExecutable } from "../../src/exec/index.ts";
import { errnoOf } from "../../src/os/index.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { until } from "../helpers/netns.ts";
import { isRunning } from "../helpers/processes.ts";

const directory = mkdtempSync(join(tmpdir(), "polynic-exec-"));
const empty = join(directory, "empty");
mkdirSync(join(empty, "folder"), { recursive: true });

function script(name: string, body: string, mode = 0o755): string {
  const file = join(directory, name);
  writeFileSync(file, `#!/bin/sh\n${body}\n`);
  chmodSync(file, mode);
  return file;
}

function call(file: string, changes: Partial<ExecutableCall> = {}): ExecutableCall {
  return { file, type: "probe", command: "ADD", containerId: "c1", netns: "/n", ifName: "net1", args: "A=1;B=2=3",
    path: ["/a", "/b"], stdin: "{}", env: process.env, tell: () => {}, ...changes };
}

async function refusal(promise: Promise<unknown>): Promise<CniError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("Cannot observe a refusal: the call succeeded");
}

const find = suite("findExecutable");
find("takes the first regular file, executable or not", () => {
  const plain = script("plain", "", 0o644);
  assert.is(findExecutable("plain", [empty, directory]), plain);
});
find("passes over a directory that cannot be looked into", () => {
  const plain = script("plain", "", 0o644);
  assert.is(findExecutable("plain", ["/".padEnd(5000, "a"), plain, directory]), plain);
});
find("refuses what is no plain name, a directory, and what is nowhere", () => {
  for (const [type, directories] of [["", [directory]], ["../plain", [empty]], [".", [directory]], ["folder", [empty]],
    ["nowhere", [directory]], ["plain", []], ["plain", [""]]] as const) {
    assert.is(findExecutable(type, directories), undefined, type);
  }
});
find.run();

const run = suite("runExecutable");
run("hands over stdin and every CNI_* variable, and returns stdout", async () => {
  const file = script("echo-all",
    'echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS $CNI_ARGS $CNI_IFNAME $CNI_PATH"; cat');
  assert.is(await runExecutable(call(file, { stdin: '{"x":1}' })), 'ADD c1 /n A=1;B=2=3 net1 /a:/b\n{"x":1}');
});
run("sets variables that are empty, whatever our own are", async () => {
  const file = script("empty-netns", 'echo "${CNI_NETNS-unset}:${CNI_ARGS-unset}"');
  assert.is(await runExecutable(call(file, { netns: "", args: "" })), ":\n");
});
run("tells everything it runs that it is inside, so that no multiplexer starts there", async () => {
  const file = script("inside", 'echo "$POLYNIC_INSIDE"');
  assert.is(await runExecutable(call(file, { type: "inside" })), "inside\n");
});
run("survives a plugin that does not read its stdin", async () => {
  const file = script("deaf", "exit 0");
  assert.is(await runExecutable(call(file, { stdin: "x".repeat(300_000) })), "");
});

const failures: readonly { name: string; body: string; code: number; says: RegExp; details?: string; mode?: number }[] = [
  { name: "error-object", body: 'echo \'{"code":1234,"msg":"no","details":"because"}\'; exit 1', code: 1234,
    says: /^no$/, details: "because" },
  { name: "error-without-code", body: 'echo \'{"msg":"no"}\'; exit 1', code: 999, says: /^no$/ },
  { name: "stderr-only", body: "echo broken >&2; exit 3", code: 112,
    says: /"probe".*for ADD: it ended with status 3 and said: "broken"/ },
  { name: "nothing-at-all", body: "exit 1", code: 112, says: /it ended with status 1$/ },
  { name: "nonsense", body: "echo what; exit 1", code: 112, says: /printed "what\\n", expected a CNI error object/ },
  { name: "killed", body: "kill -9 $$", code: 112, says: /it was ended by SIGKILL/ },
  { name: "not-executable", body: "exit 0", mode: 0o644, code: 112, says: /could not be started \(EACCES\)/ },
];
for (const row of failures) {
  run(`turns ${row.name} into an error`, async () => {
    const error = await refusal(runExecutable(call(script(row.name, row.body, row.mode))));
    assert.is(error.code, row.code);
    assert.match(error.message, row.says);
    assert.is(error.details, row.details);
  });
}
for (const [how, body, code] of [
  ["in its error", 'echo \'{"code":999,"msg":"stat /x: no such file or directory"}\'; exit 1', "ENOENT"],
  ["on stderr", "echo 'cat: /x: No such file'; echo 'open /x: no such file or directory' >&2; exit 1", undefined],
  ["on stderr alone", "echo 'open /x: no such file or directory' >&2; exit 1", "ENOENT"],
  ["not at all", 'echo \'{"code":999,"msg":"busy"}\'; exit 1', undefined],
] as const) {
  run(`knows by its errno that a plugin misses a file when it says so ${how}`, async () => {
    const error = await refusal(runExecutable(call(script(`missing-${how.replaceAll(" ", "-")}`, body))));
    assert.is(error.cause === undefined ? undefined : errnoOf(error.cause), code);
  });
}
run("ends a plugin that runs too long", async () => {
  const error = await refusal(runExecutable(call(script("slow", "exec sleep 60"), { timeoutMs: 200 })));
  assert.is(error.code, 112);
  assert.match(error.message, /still running after 200 ms/);
});
for (const [title, last, timeoutMs, says] of [
  ["has ended", "echo '{}'", waitLimitMs, undefined],
  ["has failed", "echo broken >&2; exit 3", waitLimitMs, /said: "broken"/],
  ["had to be ended", "exec sleep 1000", 2000, /still running after 2000 ms/],
] as const) {
  run(`does not wait for a process that keeps the streams of a plugin which ${title}`, async () => {
    const running = runExecutable(call(script("leaves-a-child", `sleep 1000 &\necho $! >"$0.child"\n${last}`),
      { timeoutMs }));
    if (says === undefined) assert.is(await running, "{}\n");
    else assert.match((await refusal(running)).message, says);
    const child = Number(readFileSync(join(directory, "leaves-a-child.child"), "utf8"));
    // Still there: it was not waited for. One that had to be ended takes with it what it started.
    if (timeoutMs === waitLimitMs) process.kill(child, "SIGKILL");
    else await until("what it started to end", () => !isRunning(child));
  });
}
run("tries again while the file is being written", async () => {
  const file = script("busy", "echo ran");
  const writer = openSync(file, "r+");
  setTimeout(() => closeSync(writer), 200);
  assert.is(await runExecutable(call(file)), "ran\n");
});
run.after(() => rmSync(directory, { recursive: true }));
run.run();
