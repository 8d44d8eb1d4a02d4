// The pinned Node runtime as it is shipped, and the flags it is started with.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync, realpathSync, existsSync, mkdtempSync, rmSync, copyFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { pinnedNode } from "./setup.mjs";

/**
 * Flags of the shipped runtime.
 *
 * - no-rehash-snapshot: keeps the hash seed V8's own start-up snapshot was built with; drawing a new one and hashing
 *   everything again takes a sixth of a bare start. The price, predictable hashes, matters to a server that strangers
 *   can fill with chosen keys; this process reads one bounded configuration and exits. A flag of V8, so a code cache is
 *   valid either with it or without: see scripts/code-cache.mjs and src/bin/start.cjs.
 * - min-semi-space-size=16, in MiB: room for everything a run allocates, so that none stops to collect garbage; one
 *   collection costs a millisecond in the middle of an ADD. Memory is taken as it is used. A flag of V8 too.
 * - wasm-tiering-budget, three times V8's own: a module that runs once, or the hash of its file, is not worth
 * optimising; to
 *   begin with that stops it for up to a millisecond where the machine has other work. What runs for long still is
 *   optimised.
 * - v8-pool-size=1: one helper thread instead of four; nothing here lives long enough to be optimised in the
 * background.
 * - disable-sigusr1: a stray SIGUSR1 must not open a debugger in a process that runs as root.
 */
export const nodeFlags = [
  "--no-rehash-snapshot",
  "--min-semi-space-size=16",
  "--wasm-tiering-budget=40000000",
  "--v8-pool-size=1",
  "--disable-sigusr1",
];

/**
 * Flags of the daemon's runtime: it lives long and reads what others send, so it has a hash seed of its own. V8 refuses
 * the code caches under these, which costs its start 30 ms.
 *
 * - max-semi-space-size=4, in MiB: of what a call allocates nearly nothing outlives it, so a little room is emptied
 *   often. After 250 ADD and DEL of three networks it stands at 83 MiB; after 500 with V8's own 16 at 137.
 * - v8-pool-size=1, disable-sigusr1: as above.
 */
export const daemonFlags = ["--max-semi-space-size=4", "--v8-pool-size=1", "--disable-sigusr1"];

/** Puts the runtime, stripped where binutils are at hand, and the one library small systems lack into `directory`. */
export function shipRuntime(directory) {
  writeWhole(join(directory, "node"), stripped(realpathSync(pinnedNode)), 0o755);
  const libatomic = sharedObjects().find((path) => basename(path) === "libatomic.so.1");
  if (libatomic !== undefined)
    writeWhole(join(directory, "fallback", "libatomic.so.1"), readFileSync(libatomic), 0o644);
}

/** The licences of what is shipped beside our own code, as [name, file]. */
export const runtimeLicence = ["node", join(dirname(realpathSync(pinnedNode)), "..", "LICENSE")];

function stripped(path) {
  const directory = mkdtempSync(join(tmpdir(), "polynic-build-"));
  const copy = join(directory, "node");
  try {
    copyFileSync(path, copy);
    execFileSync("strip", [copy], { stdio: "ignore" });
    return readFileSync(copy);
  } catch {
    return readFileSync(path);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** One write of the whole file: the kernel then caches it in large folios, and every start takes fewer page faults. */
function writeWhole(path, bytes, mode) {
  writeFileSync(path, bytes, { mode });
}

/** Shared libraries the runtime was loaded with. */
function sharedObjects() {
  const report = "process.stdout.write(JSON.stringify(process.report.getReport().sharedObjects))";
  return JSON.parse(execFileSync(pinnedNode, ["-e", report], { encoding: "utf8" })).filter(existsSync);
}
