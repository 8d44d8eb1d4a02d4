// npm test: installs what it needs, checks types, builds, runs every suite, and ends with one line that counts.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { fetchNewerKernel, fetchNewerPlugins, fetchNewerRuntime } from "./newer-packages.mjs";
import { installPackages, installPrograms, pinnedNode, root, run } from "./setup.mjs";

/** All suites together; a hanging test must not hang whoever waits for the answer. */
const suiteLimitMs = 14 * 60_000;

installPrograms(["node", "judges", "certificates", "reference", "kernel", "runtime"]);
installPackages();
fetchNewerPlugins();
fetchNewerRuntime();
fetchNewerKernel();
run("npm", ["run", "--silent", "build"]);
run("npm", ["run", "--silent", "check"]);

const pattern = process.argv[2] ?? "\\.test\\.ts$";
const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` };
const uvu = spawn(pinnedNode, [join(root, "node_modules", "uvu", "bin.js"), "test", pattern], {
  cwd: root, env, stdio: ["ignore", "pipe", "inherit"],
});
const timer = setTimeout(() => {
  console.error(`Stopped: the suites took longer than ${suiteLimitMs / 60_000} minutes`);
  uvu.kill("SIGKILL");
}, suiteLimitMs);

let output = "";
uvu.stdout.setEncoding("utf8").on("data", (text) => {
  output += text;
  process.stdout.write(text);
});
uvu.on("close", (status) => {
  clearTimeout(timer);
  const total = figure("Total"), passed = figure("Passed"), skipped = figure("Skipped");
  const failed = Math.max(total - passed, status === 0 ? 0 : 1);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  // A run that found no test proves nothing.
  process.exit(status === 0 && failed === 0 && passed > 0 ? 0 : 1);
});

/** A figure of uvu's summary; it is printed once, in colour, at the end. */
function figure(name) {
  const plain = output.replace(/\x1b\[[0-9;]*m/g, "");
  const matches = [...plain.matchAll(new RegExp(`^ *${name}: +(\\d+)`, "gm"))];
  return Number(matches.at(-1)?.[1] ?? 0);
}
