/**
 * What installing does to a node's file system, one system call's worth in each function. Everything goes through
 * these, so that a test can end the process between any two of them and look at what is left.
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  accessSync,
  chmodSync,
  closeSync,
  constants,
  copyFileSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import { errnoOf, naming, readBoundedText } from "../../../os/index.ts";
import { readNamedFile } from "../../../program/index.ts";
import { CommandError, whyFailed } from "../../errors.ts";

export interface NodeFiles {
  /**
   * The text of a file; undefined when there is none.
   *
   * @throws CommandError for what is no regular file, or longer than any that is read here
   */
  read(path: string): string | undefined;
  /** The same of one that a person names, which may be a pipe that a shell has put there. */
  readGiven(path: string): string | undefined;
  /** SHA-256 of a regular file of any length, in hexadecimal. */
  digest(path: string): string;
  /** Names in a directory in byte order; none when there is no such directory. */
  names(directory: string): readonly string[];
  /** What stands there, links not followed; undefined: nothing. */
  kind(path: string): Kind | undefined;
  /** When it was last changed, in milliseconds since the epoch; 0 for what is not there. */
  changedAt(path: string): number;
  linkTarget(path: string): string;
  /** Where a path leads, all links followed; undefined: nowhere. */
  realPath(path: string): string | undefined;
  /** Why nothing can be made or removed in a directory, as the errno's name; undefined: it can. */
  refusal(directory: string): string | undefined;
  makeDirectory(path: string, mode: number): void;
  /**
   * Makes a new file, on the disk when this returns; half of it may be there when it throws. Whatever the umask, it has
   * the permissions that it is given: others read it.
   */
  create(path: string, content: string, mode: number): void;
  /** The same with another file's content and permissions. */
  copy(from: string, to: string): void;
  /** A second name for the same file. */
  link(from: string, to: string): void;
  symlink(target: string, path: string): void;
  /** Replaces what stands at `to` in one go. */
  rename(from: string, to: string): void;
  /** Removes a file, a link or an empty directory. */
  remove(path: string): void;
  /** Names made, changed and removed in this directory so far survive a power cut. */
  sync(directory: string): void;
  /** Runs systemctl to its end, however that is. */
  systemctl(words: readonly string[]): Ended;
}

export interface Ended {
  readonly status: number;
  /** On stderr, without its end of line. */
  readonly said: string;
}

export type Kind = "file" | "directory" | "link" | "other";

/** The machine's own file system. */
export const nodeFiles: NodeFiles = {
  read: (path) => orAbsent(() => boundedText(path), undefined),
  readGiven: (path) => orAbsent(() => readNamedFile(path), undefined),
  digest: digestOf,
  names: (directory) => orAbsent(() => readdirSync(directory).sort(byBytes), []),
  kind: (path) => orAbsent(() => kindOf(path), undefined),
  changedAt: (path) => orAbsent(() => lstatSync(path).mtimeMs, 0),
  linkTarget: (path) => readlinkSync(path),
  realPath: (path) => orAbsent(() => realpathSync(path), undefined),
  refusal(directory) {
    try {
      accessSync(directory, constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      return errnoOf(error) ?? "EACCES";
    }
  },
  makeDirectory(path, mode) {
    mkdirSync(path, { mode });
    chmodSync(path, mode);
  },
  create(path, content, mode) {
    const fd = openSync(path, "wx", mode);
    try {
      const bytes = Buffer.from(content);
      naming(path, () => {
        fchmodSync(fd, mode);
        for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
        fsyncSync(fd);
      });
    } finally {
      closeSync(fd);
    }
  },
  copy(from, to) {
    copyFileSync(from, to, constants.COPYFILE_EXCL);
    syncPath(to);
  },
  link: (from, to) => linkSync(from, to),
  symlink: (target, path) => symlinkSync(target, path),
  rename: (from, to) => renameSync(from, to),
  remove(path) {
    if (kindOf(path) === "directory") rmdirSync(path);
    else unlinkSync(path);
  },
  sync: syncPath,
  systemctl(words) {
    const { status, signal, error, stderr } = spawnSync("systemctl", [...words], {
      stdio: ["ignore", "ignore", "pipe"], encoding: "utf8", timeout: systemctlMs,
    });
    if (error !== undefined) throw error;
    return { status: status ?? signalled, said: signal === null ? stderr.trim() : `ended by ${signal}` };
  },
};

/** Far above every configuration, record, token and runtime's settings, which is all that is read here. */
const textBytesMax = 16 * 1024 * 1024;

function boundedText(path: string): string {
  try {
    return naming(path, () => readBoundedText(path, textBytesMax));
  } catch (cause) {
    if (errnoOf(cause) !== undefined) throw cause;
    throw new CommandError(`Cannot read ${path}: ${whyFailed(cause)}, expected a text file`, { cause });
  }
}

const chunkBytes = 1024 * 1024;

/** In pieces: an executable is larger than the memory a DaemonSet is given. */
function digestOf(path: string): string {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK), hash = createHash("sha256");
  try {
    const chunk = new Uint8Array(chunkBytes);
    naming(path, () => {
      for (let bytes = readSync(fd, chunk); bytes > 0; bytes = readSync(fd, chunk))
        hash.update(chunk.subarray(0, bytes));
    });
    return hash.digest("hex");
  } finally {
    closeSync(fd);
  }
}

/** Stopping a daemon waits for what it has begun, see TimeoutStopSec of its unit. */
const systemctlMs = 360_000;
/** As shells say of a program that a signal ended. */
const signalled = 128;

/** File names as bytes compare, which is how runtimes and Multus sort them. */
export function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function syncPath(path: string): void {
  const fd = openSync(path, constants.O_RDONLY);
  try {
    naming(path, () => fsyncSync(fd));
  } finally {
    closeSync(fd);
  }
}

function kindOf(path: string): Kind {
  const facts = lstatSync(path);
  if (facts.isFile()) return "file";
  if (facts.isDirectory()) return "directory";
  return facts.isSymbolicLink() ? "link" : "other";
}

function orAbsent<T>(look: () => T, absent: T): T {
  try {
    return look();
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return absent;
    throw error;
  }
}
