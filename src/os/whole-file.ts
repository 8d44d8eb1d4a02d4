/**
 * Files of ours: written whole or not at all, read without following links, made with their directories.
 *
 * Nothing waits for the disk. A power cut ends the containers and all the kernel holds for them, so a file lost or
 * emptied by it is no more than GC collects anyway; and fsync of content and name would take two flushes a file, 0.4 ms
 * on a virtual disk and ten times that on others, of seven files for three networks.
 */
import {
  closeSync,
  constants,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { errnoOf, naming } from "./errno.ts";

/** How a file is written whole or not at all. */
export interface WholeFileOptions {
  /** Permission bits, before the umask; 0600 when absent. */
  readonly mode?: number;
  /** Directory of the temporary file, on the same file system; the file's own when absent. */
  readonly temporaryDirectory?: string;
}

/**
 * Writes a file so that every reader sees the old content or the new one, whole: temporary file, then rename(2).
 *
 * @throws the file system's error (ENOENT when the directory is missing); the temporary file is gone then
 */
export function writeWholeFile(path: string, content: string | Uint8Array, options: WholeFileOptions = {}): void {
  const temporary = writeTemporary(path, content, options);
  try {
    renameSync(temporary, path);
  } catch (error) {
    discard(temporary);
    throw error;
  }
}

/**
 * Creates a file that must not exist yet, whole or not at all: temporary file, then link(2), which never replaces.
 * O_EXCL and a write would leave an empty file behind when the process dies in between.
 *
 * @returns false when the name is taken; true once the file is there, even when its temporary name cannot be removed
 */
export function createWholeFile(path: string, content: string | Uint8Array, options: WholeFileOptions = {}): boolean {
  const temporary = writeTemporary(path, content, options);
  try {
    linkSync(temporary, path);
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return false;
    throw error;
  } finally {
    discard(temporary);
  }
  return true;
}

/** Deletes temporary files in a directory that a process left when it died: older than a minute. */
export function removeStaleTemporaries(directory: string, countMax = Number.POSITIVE_INFINITY): void {
  const oldest = Date.now() - staleAfterMs;
  for (const name of readdirSync(directory).filter((name) => temporaryPattern.test(name)).slice(0, countMax)) {
    const path = join(directory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat !== undefined && stat.mtimeMs < oldest) removeIfPresent(path);
  }
}

/**
 * Makes a directory and those above it; one that is there is fine, also when another process makes it at this moment.
 */
export function makeDirectory(path: string, mode: number): void {
  // Not by mkdir's "recursive": where the file system refuses with ENOENT, as procfs does, it tries for ever.
  if (isMade(path, mode)) return;
  makeDirectory(dirname(path), mode);
  // What refuses now though all above is there says why by itself.
  if (!isMade(path, mode)) mkdirSync(path, { mode });
}

/** False when the system says that something above is missing. */
function isMade(path: string, mode: number): boolean {
  try {
    mkdirSync(path, { mode });
    return true;
  } catch (error) {
    if (errnoOf(error) === "EEXIST") return true;
    if (errnoOf(error) !== "ENOENT") throw error;
    return false;
  }
}

/**
 * What stands where a file of ours should be is neither waited for, as a pipe would be, nor followed elsewhere, as a
 * link would be.
 */
const oursOnly = constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * The text of a file of ours, which may lie where others can write.
 *
 * @throws the file system's error: ELOOP for a symbolic link, EFBIG when it is longer than the limit
 */
export function readText(path: string, limitBytes: number): string {
  return readBytes(path, limitBytes).toString();
}

/** The same as bytes. */
export function readBytes(path: string, limitBytes: number): Buffer {
  return withFile(path, (fd) => readBounded(fd, path, limitBytes));
}

/** The same with what changes whenever somebody writes the file anew. */
export function readVersioned(path: string, limitBytes: number): { readonly text: string; readonly version: string } {
  return withFile(path, (fd) => {
    const { ino, mtimeNs } = fstatSync(fd, { bigint: true });
    return { text: readBounded(fd, path, limitBytes).toString(), version: `${ino} ${mtimeNs}` };
  });
}

function withFile<T>(path: string, work: (fd: number) => T): T {
  const fd = openSync(path, constants.O_RDONLY | oursOnly);
  try {
    return naming(path, () => work(fd));
  } finally {
    closeSync(fd);
  }
}

const chunkBytes = 8192;

/** Read until a chunk is not filled, which is where a file ends; never more than a byte beyond the limit. */
function readBounded(fd: number, path: string, limitBytes: number): Buffer {
  let bytes = Buffer.allocUnsafe(Math.min(chunkBytes, limitBytes + 1));
  for (let length = 0; ; ) {
    length += readSync(fd, bytes, length, bytes.length - length, null);
    if (length > limitBytes) throw new FileTooLargeError(path, limitBytes);
    if (length < bytes.length) return bytes.subarray(0, length);
    const larger = Buffer.allocUnsafe(Math.min(bytes.length * 4, limitBytes + 1));
    bytes.copy(larger);
    bytes = larger;
  }
}

/** A file of ours that is longer than anything we would have written; an error of the file system like others. */
class FileTooLargeError extends Error {
  override readonly name = "FileTooLargeError";
  readonly code = "EFBIG";

  constructor(path: string, limitBytes: number) {
    super(`EFBIG: ${path} is longer than ${limitBytes} bytes`);
  }
}

/** Writes a file of ours in place, mode 0600, which only a help to ourselves may be: a reader may see half of it. */
export function writeInPlace(path: string, text: string, how: "append" | "replace"): void {
  const flag =
    constants.O_WRONLY | constants.O_CREAT | (how === "append" ? constants.O_APPEND : constants.O_TRUNC) | oursOnly;
  const fd = openSync(path, flag, 0o600);
  try {
    naming(path, () => writeAll(fd, Buffer.from(text)));
  } finally {
    closeSync(fd);
  }
}

/** Of whatever kind: an error costs far more than looking, and a link to nowhere must not pass for nothing. */
export function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (isAbsent(error)) return false;
    throw error;
  }
}

/** Deletes a file; false when there was none, or can be none of that name. A directory is none of ours. */
export function removeIfPresent(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isAbsent(error) || errnoOf(error) === "EISDIR") return false;
    // A file system that is read-only says so before it looks whether there is anything to delete.
    if (errnoOf(error) === "EROFS" && lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
    throw error;
  }
}

/**
 * Whether a file system error says that there is no such file, and cannot be one: a name may be longer than names can
 * be.
 */
export function isAbsent(error: unknown): boolean {
  return ["ENOENT", "ENOTDIR", "ENAMETOOLONG"].includes(errnoOf(error) ?? "");
}

function writeTemporary(path: string, content: string | Uint8Array, options: WholeFileOptions): string {
  const temporary = `${options.temporaryDirectory ?? dirname(path)}/${temporaryName()}`;
  const fd = openSync(temporary, "wx", options.mode ?? 0o600);
  try {
    naming(path, () => writeAll(fd, typeof content === "string" ? Buffer.from(content) : content));
  } catch (error) {
    closeSync(fd);
    discard(temporary);
    throw error;
  }
  closeSync(fd);
  return temporary;
}

/** One that stays is only litter, which GC removes: what became of the file itself matters more. */
function discard(temporary: string): void {
  try {
    removeIfPresent(temporary);
  } catch {
    return;
  }
}

/** No write takes so long. */
const staleAfterMs = 60_000;
const temporaryPattern = /^\.polynic-[0-9]+-[0-9a-f]+\.tmp$/;

/** A process id alone would not do: writers may live in different PID namespaces. */
function temporaryName(): string {
  const random = Math.floor(Math.random() * 2 ** 48).toString(16);
  return `.polynic-${process.pid}-${random}.tmp`;
}

/** write(2) may take less than it is given. */
function writeAll(fd: number, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
}
