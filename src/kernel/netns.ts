import { closeSync, fstatSync, openSync, statfsSync, statSync, writeSync } from "node:fs";
import { enterNetworkNamespace, leaveForNewNetworkNamespace, SystemCallError } from "../os/index.ts";

/**
 * Network namespaces. A namespace belongs to a thread, and Node has several: its worker pool inherits the namespace of
 * the moment it starts, or stays outside it, and both are silent. So a namespace is entered only for one synchronous
 * call on this thread, which opens what it needs (a socket remembers where it was opened) and comes back.
 */
export interface Netns {
  /** As given; "" for the namespace this process runs in. */
  readonly path: string;
  readonly fd: number;
}

/** Runs a synchronous piece of work inside the namespace; /proc/sys/net shows that of the calling thread. */
export type Inside = <T>(work: () => T extends PromiseLike<unknown> ? never : T) => T;

/** CNI_NETNS or another path that cannot be used as a network namespace. */
export class NetnsError extends Error {
  override readonly name = "NetnsError";
  readonly path: string;
  /** Nothing is there any more, as opposed to something else being there. */
  readonly gone: boolean;

  constructor(path: string, problem: string, options: { gone: boolean; cause?: unknown }) {
    super(`Cannot open network namespace "${path}": ${problem}`, { cause: options.cause });
    this.path = path;
    this.gone = options.gone;
  }
}

/** Where a thread finds the namespace it is in. */
const ownPath = "/proc/thread-self/ns/net";
/** linux/magic.h; /proc/PID/ns/net was a file of procfs before it was one of nsfs. */
const NSFS_MAGIC = 0x6e73_6673;
const PROC_SUPER_MAGIC = 0x9fa0;

export function openOwnNetns(): Netns {
  return { path: "", fd: openSync(ownPath, "r") };
}

/** @throws NetnsError when nothing is there, or nothing that is a namespace (`gone`), or it cannot be looked at */
export function openNetns(path: string): Netns {
  try {
    const other = kindOfOther(path);
    if (other !== undefined)
      throw new NetnsError(path, `it is ${other}, expected a namespace (nsfs)`, { gone: true });
    return { path, fd: openSync(path, "r") };
  } catch (error) {
    if (error instanceof NetnsError) throw error;
    // Node's file errors carry the errno's name as `code`.
    const { code } = error as NodeJS.ErrnoException;
    if (nothing.has(code ?? "")) {
      throw new NetnsError(path, "nothing is there", { gone: true, cause: error });
    }
    throw new NetnsError(path, `the system said ${code}`, { gone: false, cause: error });
  }
}

/** ESRCH: /proc/PID/ns/net of a process that ended a moment ago. */
const nothing: ReadonlySet<string> = new Set(["ENOENT", "ESRCH", "ENOTDIR", "ELOOP", "ENAMETOOLONG"]);

/** A namespace that lasts as long as it is open. */
export function openNewNetns(host: Netns): Netns {
  leaveForNewNetworkNamespace();
  try {
    return openOwnNetns();
  } finally {
    returnTo(host);
  }
}

/**
 * What is there in place of a namespace, in words, most often the file that it was mounted on: with the mount it is
 * gone. Undefined where a namespace is, or nothing.
 */
export function leftoverOfNetns(path: string): string | undefined {
  try {
    return kindOfOther(path);
  } catch {
    return undefined; // what is wrong there is told by whoever opens it
  }
}

function kindOfOther(path: string): string | undefined {
  const { type } = statfsSync(path);
  if (type === NSFS_MAGIC || type === PROC_SUPER_MAGIC) return undefined;
  const facts = statSync(path);
  if (facts.isFile()) return "an ordinary file";
  if (facts.isDirectory()) return "a directory";
  return facts.isFIFO() ? "a pipe" : facts.isSocket() ? "a socket" : "a device";
}

export function closeNetns(netns: Netns): void {
  closeSync(netns.fd);
}

/**
 * Whether `path` names the namespace this process runs in; false when nothing is there.
 *
 * @param home  that namespace, where it is open: looking at it takes a fifth of looking it up
 */
export function isOwnNetns(path: string, home?: Pick<Netns, "fd">): boolean {
  const own = home === undefined ? statSync(ownPath) : fstatSync(home.fd);
  const other = statSync(path, { throwIfNoEntry: false });
  return other !== undefined && own.ino === other.ino && own.dev === other.dev;
}

/** Runs `work` inside `container`, then returns to `host`. The type refuses a promise; the file comment says why. */
export function inNetns<T>(container: Netns, host: Netns, work: () => T extends PromiseLike<unknown> ? never : T): T {
  try {
    enterNetworkNamespace(container.fd);
  } catch (error) {
    // setns says EINVAL to namespaces of other kinds, and EPERM to whoever is not root.
    const errno = error instanceof SystemCallError ? error.errnoName : "";
    const problem = `it cannot be entered, expected ${errno === "EPERM" ? "to be run as root" : "a network namespace"}`;
    throw new NetnsError(container.path, problem, { gone: errno === "EINVAL", cause: error });
  }
  try {
    return work();
  } finally {
    returnTo(host);
  }
}

function returnTo(host: Netns): void {
  try {
    enterNetworkNamespace(host.fd);
  } catch (error) {
    // Whatever ran next would change the container's network believing it is the host's.
    writeSync(2, `polynic: cannot return to the host's network namespace, stopping at once: ${String(error)}\n`);
    process.abort();
  }
}
