// npm test: installs what it needs, checks types, builds, runs every suite, and ends with one line that counts.
// npm test -- PATTERN runs the test files whose path below test/ the regular expression matches.
import { fork } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { fetchNewerKernel, fetchNewerPlugins, fetchNewerRuntime } from "./newer-packages.mjs";
import { installPackages, installPrograms, pinnedNode, root, run } from "./setup.mjs";

/**
 * A process that has not ended a single test for so long hangs, and must not hang whoever waits for the answer: longer
 * than any limit in test/helpers/limits.ts, and no measure of speed.
 */
const silenceLimitMs = 25 * 60_000;

/** Most suites wait for what they started on the same processors, and each process holds a hundred MB. */
const workersMax = 4;

/** These take longest, so they come first: whoever is last works alone. */
const slowFirst = ["e2e/", "deploy/", "commands/", "plugins/", "wasm/"];

installPrograms([
  "node", "judges", "certificates", "reference", "kernel", "runtime", "podman", "firewalld", "dnsmasq", "dhcpd", "kea",
  "etcd", "bash", "zsh", "fish", "manuals",
  // What only the long form of the suites with real runtimes takes.
  ...(process.env.POLYNIC_RUNTIMES === "long" ? ["docker", "buildah", "dnsname"] : []),
]);
installPackages();
fetchNewerPlugins();
fetchNewerRuntime();
fetchNewerKernel();
run("npm", ["run", "--silent", "build"]);
run("npm", ["run", "--silent", "check"]);

/** Types stripped and compiled code of what every suite's own process loads again: half of its start. */
const compileCache = join(root, "build", "compile-cache");

/** What a process writes on both streams when a file is done, see test-worker.mjs. */
const endMark = "\x04";

const running = new Set();
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, () => {
    for (const worker of running) worker.kill();
    process.exit(1);
  });
}

const waiting = testFiles(new RegExp(process.argv[2] ?? "", "i"));
const sum = { passed: 0, failed: 0, skipped: 0 };
const workers = Math.min(workersMax, availableParallelism(), waiting.length);
await Promise.all(Array.from({ length: workers }, work));
console.log(`${sum.passed} passed, ${sum.failed} failed, ${sum.skipped} skipped`);
// A run that found no test proves nothing.
process.exit(sum.failed === 0 && sum.passed > 0 ? 0 : 1);

function testFiles(pattern) {
  const rank = (name) => slowFirst.findIndex((folder) => name.startsWith(folder)) >>> 0;
  return readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".test.ts") && pattern.test(name))
    .sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : 1));
}

/** Runs waiting files in one process, or in another one where a file has ended it. */
async function work() {
  let worker = startWorker();
  for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
    const { output, seconds, total = 0, passed = 0, skipped = 0, broken } = await worker.run(name);
    sum.passed += passed;
    sum.failed += total - passed + (broken === undefined ? 0 : 1);
    sum.skipped += skipped;
    console.log(`${name}  ${seconds.toFixed(1)} s\n${output}`);
    if (broken !== undefined) console.log(`   FAIL  ${name}\n    ${broken}\n`);
    if (worker.ended) worker = startWorker();
  }
  worker.kill();
}

/** A process for test files, in a group of its own so that it does not leave behind what it started. */
function startWorker() {
  const color = process.stdout.isTTY ? { FORCE_COLOR: "1" } : {};
  const child = fork(join(import.meta.dirname, "test-worker.mjs"), {
    cwd: root,
    execPath: pinnedNode,
    execArgv: [],
    env: { ...process.env, ...color, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, NODE_COMPILE_CACHE: compileCache },
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    detached: true,
  });
  const worker = { ended: false, run: runNext, kill: () => process.kill(-child.pid, "SIGKILL") };
  running.add(worker);
  let heard = () => {}, finish = () => {};
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text) => heard(text));
  child.on("message", (counts) => finish(counts));
  child.on("close", (status, signal) => {
    worker.ended = true;
    running.delete(worker);
    finish({ broken: `Its process ended before the file did (status ${status}, signal ${signal})` });
  });

  /** A file's counts and all that was written of it, both streams to their end marks. */
  async function runNext(name) {
    const start = Date.now();
    let output = "", timer;
    const counts = await new Promise((resolve) => {
      let counted;
      const settle = () => {
        if (worker.ended || (counted !== undefined && output.split(endMark).length > 2)) resolve(counted);
      };
      heard = (text) => {
        output += text;
        clearTimeout(timer);
        timer = setTimeout(() => {
          output += `\nStopped: nothing was heard for ${silenceLimitMs / 60_000} minutes\n`;
          worker.kill();
        }, silenceLimitMs);
        settle();
      };
      finish = (known) => {
        counted ??= known;
        settle();
      };
      heard("");
      child.send({ file: join(root, "test", name) });
    });
    clearTimeout(timer);
    return { ...counts, output: output.replaceAll(endMark, ""), seconds: (Date.now() - start) / 1000 };
  }
  return worker;
}
