import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../../src/os/index.ts";
import { ProgramError } from "../../src/os/process.ts";
import { throws } from "../helpers/errors.ts";
import { waitLimitMs } from "../helpers/limits.ts";
import { until } from "../helpers/netns.ts";

const run = suite("runProgram");
const timeoutMs = waitLimitMs;
const env = { PATH: process.env["PATH"] };

run("hands over stdin, arguments and environment, and returns what was printed", () => {
  assert.equal(runProgram("cat", ["-"], { input: "grüße\n", timeoutMs, env }), { status: 0, stdout: "grüße\n", stderr: "" });
  assert.equal(
    runProgram("sh", ["-c", "echo $1 $A; echo oops >&2", "sh", "one"],
      { env: { A: "two", PATH: process.env["PATH"], B: undefined }, timeoutMs }),
    { status: 0, stdout: "one two\n", stderr: "oops\n" },
  );
});

run("returns the status, or 128 and the signal", () => {
  assert.is(runProgram("sh", ["-c", "exit 3"], { timeoutMs, env }).status, 3);
  assert.is(runProgram("sh", ["-c", "kill -KILL $$"], { timeoutMs, env }).status, 137);
});

run("takes output of any size", () => {
  const { stdout } = runProgram("head", ["-c", "3000000", "/dev/zero"], { timeoutMs, env });
  assert.is(stdout.length, 3_000_000);
});

run("lets a program end when its reader does", () => {
  assert.is(runProgram("sh", ["-c", "yes | head -n 1"], { timeoutMs, env }).stdout, "y\n");
});

run("says why a program cannot be started", () => {
  assert.is(throws(() => runProgram("no-such-program", [], { timeoutMs, env }), "ENOENT").message,
    'Cannot start "no-such-program": kernel said ENOENT (No such file or directory)');
  throws(() => runProgram("/etc/passwd", [], { timeoutMs, env }), "EACCES");
});

run("kills a program and its children at the time limit", async () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-process-")), file = join(directory, "child");
  // Its limit is long enough for a shell to start one, and the shell waits until it is killed.
  assert.throws(() => runProgram("sh", ["-c", `sleep 1000 & echo $! >${file}; wait`], { timeoutMs: 2000, env }),
    (error: unknown) => error instanceof ProgramError);
  const stat = `/proc/${readFileSync(file, "utf8").trim()}/stat`;
  // It may wait for a parent of its own to take notice: Z, a zombie.
  await until("the child to end", () => !existsSync(stat) || readFileSync(stat, "utf8").includes(") Z "));
  rmSync(directory, { recursive: true });
});

run("kills a program that prints too much", () => {
  assert.throws(() => runProgram("yes", [], { timeoutMs, env, outputBytesMax: 100_000 }), /it printed more than it may/);
});
run.run();
