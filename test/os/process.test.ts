// src/os/process.ts: how programs are started, fed, listened to and ended.
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ProgramResult } from "../../src/os/process.ts";
import { ProgramError, findProgram, runProgram } from "../../src/os/index.ts";
import { rejects } from "../helpers/errors.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { until } from "../helpers/netns.ts";
import { isRunning, zombies } from "../helpers/processes.ts";

const timeoutMs = waitLimitMs;
const env = { PATH: process.env["PATH"] };
const options = { timeoutMs, env };
const shell = (text: string, more: object = {}): Promise<ProgramResult> =>
  runProgram("/bin/sh", ["-c", text], { ...options, ...more });
const ended = { status: 0, signal: undefined, stdout: "", stderr: "" };

async function limited(running: Promise<unknown>): Promise<ProgramError> {
  try {
    await running;
  } catch (error) {
    if (error instanceof ProgramError) return error;
    throw error;
  }
  throw new Error("it did not exceed a limit");
}

const run = suite("runProgram");

run("hands over stdin, arguments and the environment it is given, and returns what was printed", async () => {
  const input = "grüße\n";
  assert.equal(await runProgram("/bin/cat", ["-"], { ...options, input }), { ...ended, stdout: input });
  const said = await runProgram("/bin/sh", ["-c", 'echo "$1 $A ${B-unset} ${HOME-unset}"; echo oops >&2', "sh", "one"],
    { timeoutMs, env: { ...env, A: "two", B: undefined } });
  assert.equal(said, { ...ended, stdout: "one two unset unset\n", stderr: "oops\n" });
});
run("gives it streams that it can open by their names, as a shell does", async () => {
  const text = 'cat /dev/stdin; echo a >/dev/stdout; echo b >/dev/stdout; echo c >/dev/stderr; echo d >/dev/stderr';
  assert.equal(await shell(text, { input: "in\n" }), { ...ended, stdout: "in\na\nb\n", stderr: "c\nd\n" });
  assert.is((await shell("[ -p /dev/stdin ] && [ -p /dev/stdout ] && [ -p /dev/stderr ]")).status, 0);
});
run("gives it none of our own descriptors", async () => {
  const file = openSync(import.meta.filename, "r");
  const { stdout } = await shell("ls -l /proc/$$/fd");
  closeSync(file);
  assert.not(stdout.includes(import.meta.filename));
  assert.match(stdout, /2 -> pipe/);
});
run("returns the status, or 128 and the signal with its name", async () => {
  assert.is((await shell("exit 3")).status, 3);
  assert.equal(await shell("kill -KILL $$"), { ...ended, status: 137, signal: "SIGKILL" });
});
run("starts it with SIGPIPE as it is by default, which ends whoever writes to nobody", async () => {
  assert.equal(await shell("kill -PIPE $$; echo alive"), { ...ended, status: 141, signal: "SIGPIPE" });
});
run("takes and gives more than a pipe holds", async () => {
  const input = "0123456789abcdef".repeat(500_000);
  assert.equal(await runProgram("/bin/cat", [], { ...options, input }), { ...ended, stdout: input });
});
run("does not mind a program that reads nothing, or closes what it could say", async () => {
  assert.equal(await shell("exit 0", { input: "x".repeat(3_000_000) }), ended);
  assert.equal(await shell("exec >&- 2>&-; sleep 0.05"), ended);
});
run("runs many at once, and none waits for another", async () => {
  const statuses = await Promise.all(Array.from({ length: 40 }, async (_, index) =>
    (await shell(`sleep 0.1; exit ${index}`)).status));
  assert.equal(statuses, Array.from({ length: 40 }, (_, index) => index));
});
run("lets everything else go on meanwhile", async () => {
  let ticks = 0;
  const directory = mkdtempSync(join(tmpdir(), "polynic-process-")), gate = join(directory, "gate");
  const ticking = setInterval(() => { if (++ticks === 5) writeFileSync(gate, ""); }, 1);
  await shell(`while ! [ -e ${gate} ]; do sleep 0.01; done`);
  clearInterval(ticking);
  assert.ok(ticks >= 5);
  rmSync(directory, { recursive: true });
});
run("says why a program cannot be started, and leaves nothing open", async () => {
  const before = readdirSync("/proc/self/fd").length;
  assert.is((await rejects(runProgram("/no/such/program", [], options), "ENOENT")).message,
    'Cannot start "/no/such/program": kernel said ENOENT (No such file or directory)');
  await rejects(runProgram("/etc/passwd", [], options), "EACCES");
  await shell("true");
  assert.is(readdirSync("/proc/self/fd").length, before);
});
run("ends it with what it started at the time limit, and keeps what it had said", async () => {
  // Its limit is long enough for a shell to start one, and the shell waits until it is killed.
  const error = await limited(shell("sleep 1000 & echo $!; wait", { timeoutMs: 2_000 }));
  assert.is(error.message, 'Cannot run "/bin/sh": it was still running after 2000 ms and was ended');
  await until("what it started to end", () => !isRunning(Number(error.stdout)));
});
run("lets it tidy up first where it is given time for that", async () => {
  const error = await limited(shell("trap 'echo tidied; exit' TERM; echo begun; while :; do sleep 0.01; done",
    { timeoutMs: 2_000, graceMs: waitLimitMs }));
  assert.is(error.stdout, "begun\ntidied\n");
  await limited(shell("trap '' TERM; while :; do sleep 0.01; done", { timeoutMs: 100, graceMs: 100 }));
});
run("ends one that prints too much, without keeping it", async () => {
  const error = await limited(runProgram("/usr/bin/yes", [], { ...options, outputBytesMax: 100_000 }));
  assert.match(error.problem, /it printed more than 100000 bytes/);
});
run("does not wait for what it left running with its streams", async () => {
  const { stdout } = await shell("sleep 1000 & echo $!");
  process.kill(Number(stdout), "SIGKILL");
});
run("leaves no zombie behind", async () => {
  await Promise.all([shell("exit 0"), limited(shell("sleep 1000", { timeoutMs: 50 }))]);
  await until("every child is reaped", () => zombies().length === 0);
});
run.run();

const finding = suite("findProgram");
finding("takes the first executable file on the path, and looks nowhere relative", () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-program-"));
  writeFileSync(join(directory, "plain"), "");
  writeFileSync(join(directory, "tool"), "", { mode: 0o755 });
  assert.is(findProgram("tool", ["/nowhere", ".", directory]), join(directory, "tool"));
  assert.is(findProgram("plain", [directory]), undefined);
  assert.is(findProgram("tool", ["", "relative"]), undefined);
  rmSync(directory, { recursive: true });
});
finding.run();
