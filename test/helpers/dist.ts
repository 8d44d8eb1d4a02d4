/** The installable tree that tests of the executable run. */
import { spawnSync } from "node:child_process";
import { readFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { hangLimitMs } from "./limits.ts";

/** Found to be newer than what it is built from: hundreds of files are looked at for that, once a process. */
let current: string | undefined;

const root = join(import.meta.dirname, "..", "..");

/**
 * dist/, built first when it is missing or older than what it is built from; POLYNIC_DIST names another tree instead.
 *
 * @throws Error with the build's output when it fails
 */
export function builtDist(): string {
  const given = process.env["POLYNIC_DIST"];
  if (given !== undefined) return given;
  return current ??= builtNow();
}

function builtNow(): string {
  const dist = join(root, "dist");
  if (changedAt(join(dist, "lib", "polynic", "polynic.js")) > newestSource()) return dist;
  const build = spawnSync(process.execPath, [join(root, "scripts", "build.mjs")],
    { encoding: "utf8", timeout: hangLimitMs });
  if (build.status !== 0) throw new Error(`Cannot build dist/: ${build.stdout}${build.stderr}`);
  return dist;
}

/** What the tree's launcher starts the runtime with. */
export function runtimeFlags(dist: string): readonly string[] {
  const launcher = readFileSync(join(dist, "lib", "polynic", "launcher"), "utf8");
  const command = /^exec "\$lib\/node" (.+) "\$lib\/start\.cjs"/m.exec(launcher);
  return command?.[1]?.split(" ") ?? [];
}

function newestSource(): number {
  const folders = ["src", "scripts", "wasm-plugins"].map((folder) => join(root, folder));
  const files = folders.flatMap((folder) => readdirSync(folder,
    { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)));
  return Math.max(...[join(root, "package-lock.json"), ...files].map(changedAt));
}

/** Milliseconds since the epoch; 0 for what is not there. */
function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
