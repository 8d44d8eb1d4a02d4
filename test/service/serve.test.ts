// src/service/serve.ts: one call in, one answer out, and nothing of the process that serves it in between.
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ServedCall } from "../../src/service/index.ts";
import { serve } from "../../src/service/index.ts";
import { filesOf, roomOf, shown, textOf } from "../helpers/sources.ts";

const directory = mkdtempSync(join(tmpdir(), "polynic-serve-"));
const status = { CNI_COMMAND: "STATUS", CNI_PATH: directory, PATH: process.env["PATH"] };

/** STATUS of a multiplexer whose one network is an executable in `directory`. */
function call(type: string, changes: Partial<ServedCall> = {}, conf: object = {}): ServedCall {
  return { name: "polynic", env: status, ...changes, stdin: JSON.stringify({ cniVersion: "1.1.0", name: "pods",
    type: "polynic", cniDir: directory, delegates: [{ cniVersion: "1.1.0", name: "one", type }], ...conf }) };
}

function script(name: string, body: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${body}\n`);
  chmodSync(join(directory, name), 0o755);
}

const served = suite("serve");
served("answers with status, text and log lines, and writes nowhere itself", async () => {
  script("talker", "echo said by the plugin >&2");
  assert.equal(await serve(call("talker")), { status: 0, stdout: "", stderr: "said by the plugin\n" });
  const told: string[] = [];
  assert.equal(await serve(call("talker"), { tell: (text) => void told.push(text) }),
    { status: 0, stdout: "", stderr: "" });
  assert.equal(told, ["said by the plugin\n"]);
});
served("puts warnings of the call's own log into its answer", async () => {
  script("quiet", "");
  const { stderr } = await serve(call("quiet", {}, { logLevel: "loud" }));
  assert.match(stderr, /^\S+ \[warning\] Cannot use logLevel "loud".*\n$/);
});
served("gives executed plugins the caller's environment and not the process's", async () => {
  script("lister", 'echo "caller=$FROM_CALLER process=$FROM_PROCESS inside=$POLYNIC_INSIDE" >&2');
  Object.assign(process.env, { FROM_PROCESS: "leaked", POLYNIC_INSIDE: "leaked" });
  try {
    const { stderr } = await serve(call("lister", { env: { ...status, FROM_CALLER: "here" } }));
    assert.is(stderr, "caller=here process= inside=lister\n");
  } finally {
    for (const name of ["FROM_PROCESS", "POLYNIC_INSIDE"]) delete process.env[name];
  }
});
served("prints each of many errors in its own call's version", async () => {
  const versions = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"];
  const answers = await Promise.all(versions.map((cniVersion) =>
    serve(call("none", { env: { ...status, CNI_COMMAND: "ADD", CNI_CONTAINERID: "c1", CNI_NETNS: "/none",
      CNI_IFNAME: "eth0" } }, { cniVersion, delegates: [{ cniVersion, name: "one", type: "none" }] }))));
  assert.equal(answers.map(({ status, stdout }) => [status, JSON.parse(stdout).cniVersion, JSON.parse(stdout).code]),
    versions.map((cniVersion) => [1, cniVersion, 112]));
});
served("does not look at stdin for VERSION, nor before the environment is known to be right", async () => {
  const unread = (env: ServedCall["env"]): ServedCall => ({ name: "bridge", env, get stdin(): string {
    throw new Error("stdin was looked at"); } });
  const version = await serve(unread({ CNI_COMMAND: "VERSION" }));
  assert.equal([version.status, JSON.parse(version.stdout).cniVersion], [0, "1.1.0"]);
  assert.is(JSON.parse((await serve(unread({ CNI_COMMAND: "ADD" }))).stdout).code, 4);
});
served("answers a stdin that cannot be read with an error, and a bug with its stack among the log lines", async () => {
  const { status: ended, stdout, stderr } = await serve({ name: "bridge", env: status, get stdin(): string {
    throw new TypeError("not to be read"); } });
  assert.equal([ended, JSON.parse(stdout).code], [1, 999]);
  assert.match(stderr, /^TypeError: not to be read\n +at /);
});
served("answers with the error of `unanswered` when that comes first", async () => {
  script("sleeper", "exec sleep 5");
  const { status: ended, stdout } = await serve(call("sleeper"), { unanswered: Promise.reject(new Error("no more")) });
  assert.equal([ended, JSON.parse(stdout)], [1, { cniVersion: "1.1.0", code: 999, msg: "no more" }]);
});
served("reads nothing of the process: no environment, arguments, streams or status below it", () => {
  const above = new Set(["bin", "commands", "daemon", "program"]);
  const files = filesOf(["src"], [".ts"]).filter((file) => !above.has(roomOf(file)));
  const names = 'env|argv|exit|exitCode|stdin|stdout|stderr|cwd|chdir|umask|on(?!\\("SIGCHLD")|once';
  const reading = new RegExp(`process\\.(${names})\\b|writeSync\\([12]\\b`);
  assert.ok(files.length > 200);
  // One says why before it ends the process, which then is in a container's namespace and cannot leave it.
  assert.equal(files.filter((file) => reading.test(textOf(file))).map(shown), ["src/kernel/netns.ts"]);
});
served.after(() => rmSync(directory, { recursive: true }));
served.run();
