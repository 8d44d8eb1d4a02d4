import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, writeSync } from "node:fs";
import { basename, join } from "node:path";

/** A directory holds so many requests; whoever looks at them takes them away. */
const recordingsLimit = 16;

/**
 * Keeps the request of a call that failed, for `polynic module run --frame`: it holds what the node knows of a pod, so
 * the directory is ours alone. Nothing that goes wrong here is a reason to fail.
 *
 * @returns where it is kept, or why it is not, as a sentence
 */
export function recordFrame(directory: string, module: string, frame: Uint8Array): string {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const facts = lstatSync(directory);
    if (!facts.isDirectory() || facts.uid !== process.geteuid?.() || (facts.mode & 0o077) !== 0)
      return `Cannot record the request in ${directory}: expected a directory that we alone can enter (mode 700)`;
    if (readdirSync(directory).length >= recordingsLimit)
      return `Cannot record the request in ${directory}: it holds ${recordingsLimit} already, expected fewer`;
    const path = join(directory, `${basename(module)}-${Date.now()}-${process.pid}.frame`);
    const file = openSync(path, "wx", 0o600);
    try {
      writeSync(file, frame);
    } finally {
      closeSync(file);
    }
    return `its request is kept in ${path}`;
  } catch (error) {
    return `Cannot record the request in ${directory}: ${String(error)}`;
  }
}
