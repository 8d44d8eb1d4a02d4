import { closeSync, constants, openSync } from "node:fs";
import { tryFileLock } from "./libc.ts";
import type { FileLockMode } from "./libc.ts";

/** A lock that is held; closing it, or the end of the process, frees it. */
export interface FileLock {
  close(): void;
}

export interface FileLockOptions {
  /** How long to wait for others; 5000 when absent. */
  readonly timeoutMs?: number;
  /** "exclusive" when absent. */
  readonly mode?: FileLockMode;
}

/** Somebody else held the lock for longer than we wait. */
export class FileLockError extends Error {
  override readonly name = "FileLockError";
  readonly path: string;

  constructor(path: string, timeoutMs: number) {
    super(`Cannot lock "${path}": another process has held it for ${timeoutMs} ms, expected it to be free by then`);
    this.path = path;
  }
}

/**
 * Takes flock(2) on a file or directory, the lock the reference plugins use, and waits for others for a bounded time.
 * A missing file is made, with mode 0750 as theirs.
 *
 * @throws FileLockError when the time is over; the system's error when the path cannot be opened
 */
export function lockFile(path: string, { timeoutMs = 5_000, mode = "exclusive" }: FileLockOptions = {}): FileLock {
  const fd = openOrCreate(path);
  try {
    const limit = process.hrtime.bigint() + BigInt(Math.round(timeoutMs * 1e6));
    // Holders work for less than a millisecond as a rule: look again soon at first, then seldom.
    for (let waitMs = 0.25; !tryFileLock(fd, mode); waitMs = Math.min(waitMs * 2, 20)) {
      if (process.hrtime.bigint() >= limit) throw new FileLockError(path, timeoutMs);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, waitMs);
    }
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  let open = true;
  return {
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

function openOrCreate(path: string): number {
  try {
    // Nothing is made where a symbolic link points, and a pipe is not waited for.
    return openSync(path, constants.O_RDONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o750);
  } catch (error) {
    // Directories, and links to them, cannot be opened so. Node's file errors carry the errno's name as `code`.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EISDIR" && code !== "ELOOP") throw error;
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }
}
