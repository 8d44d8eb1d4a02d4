import { accessSync, constants, existsSync, statSync, statfsSync } from "node:fs";
import { dirname, join } from "node:path";
import { CniError, code, messageOf } from "../cni/index.ts";
import type { World } from "../os/index.ts";
import { errnoOf, makeDirectory, realWorld, removeStaleTemporaries, writeWholeFile } from "../os/index.ts";

/**
 * Writes `<directory>/<name>` whole, mode 0600; the directory is made (0700) when it turns out to be missing.
 *
 * @throws CniError 5 naming the path
 */
export function writeIntoDirectory(directory: string, name: string, content: string): void {
  const path = join(directory, name);
  try {
    writeMakingDirectory(directory, path, content);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
  if (Math.random() < tidyingChance) tidy(directory);
}

/** Killed calls are few, and not every runtime ever asks for GC. */
const tidyingChance = 1 / 16, temporariesAtOnce = 64;

/** What other calls left is no reason for this one to fail. */
function tidy(directory: string): void {
  try {
    removeStaleTemporaries(directory, temporariesAtOnce);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
  }
}

/** For DEL, which writes nothing as a rule: the same in a data directory and in its results. */
export function tidyNowAndThen(cniDir: string, { random }: Pick<World, "random"> = realWorld): void {
  if (random() < tidyingChance) for (const directory of [cniDir, join(cniDir, "results")]) tidy(directory);
}

/**
 * Deletes what writes that were killed left in a data directory and in its results; nobody would ever look at it again.
 */
export function removeInterruptedWrites(cniDir: string): void {
  for (const directory of [cniDir, join(cniDir, "results")]) {
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true) removeStaleTemporaries(directory);
  }
}

function writeMakingDirectory(directory: string, path: string, content: string): void {
  try {
    writeWholeFile(path, content);
  } catch (error) {
    if (errnoOf(error) !== "ENOENT") throw error;
    makeDirectory(directory, 0o700);
    writeWholeFile(path, content);
  }
}

/** PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC and CGROUP2_SUPER_MAGIC (linux/magic.h): root may, and cannot. */
const kernelsOwn: ReadonlySet<number> = new Set([0x9fa0, 0x62656572, 0x27e0eb, 0x63677270]);

/** Why nothing can be written below a directory. What is missing would be made: the nearest that is there counts. */
export function whyNotWritable(directory: string): string | undefined {
  if (!existsSync(directory) && dirname(directory) !== directory) return whyNotWritable(dirname(directory));
  try {
    if (!statSync(directory).isDirectory()) return `${directory} is no directory`;
    accessSync(directory, constants.W_OK | constants.X_OK);
    const isKernels = kernelsOwn.has(statfsSync(directory).type);
    return isKernels ? `${directory} is the kernel's, where nobody makes files` : undefined;
  } catch (cause) {
    return `${directory} is not writable: ${errnoOf(cause) ?? "unknown error"}`;
  }
}
