import { suite } from "uvu";
import * as assert from "uvu/assert";
import { runProgram } from "../../src/os/index.ts";
import { ProgramError } from "../../src/os/process.ts";
import { throws } from "../helpers/errors.ts";

const run = suite("runProgram");
const timeoutMs = 10_000;
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

run("kills a program and its children at the time limit", () => {
  const start = Date.now();
  assert.throws(() => runProgram("sh", ["-c", "sleep 30 & sleep 30"], { timeoutMs: 100, env }),
    (error: unknown) => error instanceof ProgramError);
  assert.ok(Date.now() - start < 5_000);
});

run("kills a program that prints too much", () => {
  assert.throws(() => runProgram("yes", [], { timeoutMs, env, outputBytesMax: 100_000 }), /it printed more than it may/);
});
run.run();
