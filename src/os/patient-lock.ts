import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf, makeDirectory } from "./whole-file.ts";

/** flock(2) on a file, made when missing; throws an error without an errno when it is not had in time. */
export type LockFile = (path: string, options: { readonly timeoutMs: number }) => { close(): void };

/** No file can be made, and what is there can still be read and deleted. */
const noRoom: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS"]);

/**
 * Takes a lock file, which is made with its directory when missing. Where there is no room for it, the nearest
 * directory that is there is locked instead: what DEL frees must not wait for room.
 *
 * @throws what `lockFile` throws; the system's error when the directory cannot be made
 */
export function takeLock(
  lockFile: LockFile,
  path: string,
  { timeoutMs, mode }: { readonly timeoutMs: number; readonly mode: number },
): { close(): void } {
  try {
    return lockMakingDirectory(lockFile, path, { timeoutMs, mode });
  } catch (error) {
    if (!noRoom.has(errnoOf(error) ?? "")) throw error;
    return lockFile(nearestDirectory(path), { timeoutMs });
  }
}

function lockMakingDirectory(
  lockFile: LockFile,
  path: string,
  { timeoutMs, mode }: { readonly timeoutMs: number; readonly mode: number },
): { close(): void } {
  try {
    return lockFile(path, { timeoutMs });
  } catch (error) {
    // It is missing once in a node's life.
    if (errnoOf(error) !== "ENOENT") throw error;
    makeDirectory(dirname(path), mode);
    return lockFile(path, { timeoutMs });
  }
}

function nearestDirectory(path: string): string {
  const above = dirname(path);
  return above === path || existsSync(above) ? above : nearestDirectory(above);
}
