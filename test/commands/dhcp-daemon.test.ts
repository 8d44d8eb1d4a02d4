// src/commands/dhcp-daemon: its options as the reference's daemon has them, and times in Go's words.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parseDuration } from "../../src/commands/dhcp-daemon/duration.ts";
import { UsageError } from "../../src/commands/errors.ts";
import { runExecutable } from "../helpers/executable.ts";

const durations = suite("parseDuration");
for (const [text, ms] of [
  ["10s", 10_000], ["500ms", 500], ["1m30s", 90_000], ["1.5h", 5_400_000], [".5s", 500], ["2000000ns", 2],
] as const) {
  durations(`reads ${text}`, () => assert.is(parseDuration("timeout", text), ms));
}
for (const text of ["", "10", "s", "-1s", "1 s", "1d", "0s", "1s2"]) {
  durations(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseDuration("timeout", text),
    (error: unknown) => error instanceof UsageError && error.message.includes(`--timeout ${JSON.stringify(text)}`)));
}
durations.run();

const command = suite("dhcp daemon");
command("is polynic dhcp-daemon by another name, whatever CNI_COMMAND says", () => {
  const { status, stdout } = runExecutable({ name: "dhcp", args: ["daemon", "-help"], env: { CNI_COMMAND: "ADD" } });
  assert.is(status, 0);
  assert.match(stdout, /^polynic dhcp-daemon \[OPTION\.\.\.\]/);
});
command("takes options behind one dash or two, and says what it does not know", () => {
  const args = ["daemon", "-broadcast", "--timeout=x", "-resendmax", "1s"];
  const { status, stderr } = runExecutable({ name: "dhcp", args });
  assert.equal([status, stderr.includes('--timeout "x"')], [2, true], stderr);
  assert.is(runExecutable({ name: "dhcp", args: ["daemon", "-hostpref", "/x"] }).status, 2);
});
command("refuses a relative pidfile", () => {
  const { status, stderr } = runExecutable({ name: "polynic", args: ["dhcp-daemon", "--pidfile", "a.pid"] });
  assert.equal([status, stderr.includes('pidfile "a.pid": expected an absolute path')], [1, true], stderr);
});
command.run();
