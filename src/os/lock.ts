import { closeSync, constants, existsSync, fstatSync, futimesSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { errnoOf } from "./errno.ts";
import { SystemCallError, tryFileLock } from "./libc.ts";
import { makeDirectory } from "./whole-file.ts";

/** A lock that is held; closing it, or the end of the process, frees it. Closing it again does nothing. */
export interface Lock {
  close(): void;
}

export interface LockOptions {
  /** The longest wait for others, of this process and of others together. */
  readonly timeoutMs: number;
  /** The mode of the lock's directory where it has to be made; absent: a missing one is an error. */
  readonly directoryMode?: number;
  /** One that has held the file for so long is stuck, and not waited for. For a file that all take with this option. */
  readonly stuckMs?: number;
}

/** Others had the lock for longer than we wait. Whatever else goes wrong with a lock is the system's own error. */
export class LockError extends Error {
  override readonly name = "LockError";
  readonly path: string;

  constructor(path: string, heldMs: number) {
    super(`Cannot lock "${path}": others have held it for ${heldMs} ms, expected it to be free by then`);
    this.path = path;
  }
}

/** Does something under a lock, see `takeLock`. */
export async function withLock<T>(path: string, options: LockOptions, work: () => T | Promise<T>): Promise<T> {
  const lock = await takeLock(path, options);
  try {
    return await work();
  } finally {
    lock.close();
  }
}

/**
 * As `withLock`; where the file cannot be locked `told` is told why, and the work waits for others of this process
 * only.
 */
export async function withLockIfPossible<T>(
  path: string,
  options: LockOptions,
  told: (why: Error) => void,
  work: () => T | Promise<T>,
): Promise<T> {
  const deadlineMs = nowMs() + options.timeoutMs;
  const leave = await turn(path, deadlineMs, options.timeoutMs);
  let file: Lock | undefined;
  try {
    try {
      file = await lockFile(path, deadlineMs, options);
    } catch (why) {
      if (!(why instanceof LockError) && errnoOf(why) === undefined) throw why;
      told(why as Error); // both are
    }
    return await work();
  } finally {
    file?.close();
    leave();
  }
}

/**
 * Takes a lock on a path: in this process in the order of asking, then flock(2) on the file, the lock the reference
 * plugins use. Nothing else of this process stops while it waits. Among processes whoever looks first has it, and
 * those who have come together look equally often.
 *
 * A missing file is made, with mode 0750 as theirs. Where it cannot be made, for want of room or because a link leads
 * nowhere, the nearest directory that is there is locked instead: what DEL frees must not wait for room.
 *
 * @throws LockError when the time is over; the system's error when the path cannot be opened
 */
export async function takeLock(path: string, options: LockOptions): Promise<Lock> {
  const deadlineMs = nowMs() + options.timeoutMs;
  const leave = await turn(path, deadlineMs, options.timeoutMs);
  try {
    const file = await lockFile(path, deadlineMs, options);
    return once(() => {
      file.close();
      leave();
    });
  } catch (error) {
    leave();
    throw error;
  }
}

/** Who of this process waits for each path, in order; an entry is there as long as somebody has the lock or waits. */
const queues = new Map<string, (() => void)[]>();

/** Waits for those of this process who came earlier; the function it gives lets the next one go on. */
async function turn(path: string, deadlineMs: number, timeoutMs: number): Promise<() => void> {
  const queue = queues.get(path);
  if (queue === undefined) queues.set(path, []);
  else {
    await new Promise<void>((resolve, reject) => {
      const next = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        queue.splice(queue.indexOf(next), 1);
        reject(new LockError(path, timeoutMs));
      }, leftMs(deadlineMs));
      queue.push(next);
    });
  }
  return () => {
    const next = queues.get(path)?.shift();
    if (next === undefined) queues.delete(path);
    else next();
  };
}

async function lockFile(path: string, deadlineMs: number, options: LockOptions): Promise<Lock> {
  const fd = openLock(path, options.directoryMode), beganMs = nowMs();
  try {
    for (let looks = 0; !tryLock(fd, path); looks++) {
      if (nowMs() >= deadlineMs) throw new LockError(path, options.timeoutMs);
      if (options.stuckMs !== undefined && heldMs(fd, nowMs() - beganMs) > options.stuckMs)
        throw new LockError(path, options.stuckMs);
      await pause(looks, nowMs() - beganMs, deadlineMs);
    }
    if (options.stuckMs !== undefined) markTaken(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return once(() => closeSync(fd));
}

/** As `tryFileLock`; what the system says against it names the file. */
function tryLock(fd: number, path: string): boolean {
  try {
    return tryFileLock(fd);
  } catch (error) {
    throw error instanceof SystemCallError ? new SystemCallError(`lock "${path}"`, error.errno) : error;
  }
}

/** Most work under a lock takes less than a millisecond. */
const firstPausesMs = [1, 3];
/**
 * Later looks of many who wait are spread, and the rarer the longer one has waited: a hundred processes that look every
 * ten milliseconds leave whoever has the lock no processor to be done with it.
 */
const laterPauseMs = { least: 10, ofWaited: 0.1, most: 100 };

async function pause(looks: number, waitedMs: number, deadlineMs: number): Promise<void> {
  const wantedMs = pauseMs(looks, waitedMs, Math.random());
  await new Promise((resolve) => setTimeout(resolve, Math.min(wantedMs, leftMs(deadlineMs))));
}

/**
 * How long who has looked so often, and waited for so long, waits before the next look.
 * @param chance  from 0 to 1
 */
export function pauseMs(looks: number, waitedMs: number, chance: number): number {
  const { least, ofWaited, most } = laterPauseMs;
  return firstPausesMs[looks] ?? Math.min(Math.max(least, ofWaited * waitedMs), most) * (0.5 + chance);
}

/** Since when somebody has it stands in a file's time of change. A directory is not ours to mark. */
function markTaken(fd: number): void {
  if (fstatSync(fd).isDirectory()) return;
  const seconds = Date.now() / 1000;
  try {
    futimesSync(fd, seconds, seconds);
  } catch {
    return; // read-only: nobody is waited for there for long
  }
}

/** Whoever took the lock at this moment is about to mark it. */
const markingMs = 200;

/** For how long the lock has been somebody's, as far as one can tell who has waited for it for `waitedMs`. */
function heldMs(fd: number, waitedMs: number): number {
  const facts = fstatSync(fd);
  if (facts.isDirectory() || waitedMs < markingMs) return waitedMs;
  // A clock that was set back makes it a time to come, which says as little as one long ago.
  return Math.abs(Date.now() - facts.mtimeMs);
}

/** No file can be made, and what is there can still be read and deleted. */
const noRoom: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT", "EROFS"]);

function openLock(path: string, directoryMode: number | undefined): number {
  try {
    return openOrCreate(path, directoryMode);
  } catch (error) {
    if (!noRoom.has(errnoOf(error) ?? "") && !isDangling(path, error)) throw error;
    return openSync(nearestDirectory(path), constants.O_RDONLY);
  }
}

function openOrCreate(path: string, directoryMode: number | undefined): number {
  try {
    // Nothing is made where a symbolic link points, and a pipe is not waited for.
    return openSync(path, constants.O_RDONLY | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NONBLOCK, 0o750);
  } catch (error) {
    const errno = errnoOf(error);
    // It is missing once in a node's life.
    if (errno === "ENOENT" && directoryMode !== undefined) {
      makeDirectory(dirname(path), directoryMode);
      return openOrCreate(path, undefined);
    }
    // Directories, and links to them, cannot be opened so.
    if (errno !== "EISDIR" && errno !== "ELOOP") throw error;
    return openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  }
}

/** The name is a link that leads nowhere. */
function isDangling(path: string, error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === "ELOOP" || (errno === "ENOENT" && existsSync(dirname(path)));
}

function nearestDirectory(path: string): string {
  const above = dirname(path);
  return above === path || existsSync(above) ? above : nearestDirectory(above);
}

function once(work: () => void): Lock {
  let done = false;
  return {
    close() {
      if (!done) work();
      done = true;
    },
  };
}

function leftMs(deadlineMs: number): number {
  return Math.max(deadlineMs - nowMs(), 0);
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
