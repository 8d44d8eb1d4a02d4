import koffi from "koffi";

/** Numbers of errors that are looked for where no name has been made of them yet (asm-generic/errno.h). */
export const errnoNumber = {
  ESRCH: 3,
  EINTR: 4,
  EAGAIN: 11,
  EEXIST: 17,
  ENODEV: 19,
  ENOSPC: 28,
  EPIPE: 32,
  EBADMSG: 74,
  EMSGSIZE: 90,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
} as const;

/** "EEXIST" for 17; numbers without a name stay numbers. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(koffi.os.errno)) {
    // Both names have one number on Linux; the shorter is what the kernel's documentation uses.
    if (value === errno && name !== "EWOULDBLOCK" && name !== "ENOTSUP" && name !== "EDEADLOCK") return name;
  }
  return `errno ${errno}`;
}

/** The errno name of a file system error ("ENOENT"), or undefined for any other value. */
export function errnoOf(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/**
 * Work on a file that is open: what Node says of it then does not name it (`EISDIR: illegal operation on a directory,
 * read`), and does so here, as when a file is opened.
 */
export function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && "syscall" in error && !("path" in error))
      Object.assign(error, { path, message: `${error.message} '${path}'` });
    throw error;
  }
}

/** As root neither happens short of a security module or a read-only mark, and then the words tell enough. */
export function needsRoot(errno: string | undefined): boolean {
  return (errno === "EACCES" || errno === "EPERM") && process.geteuid?.() !== 0;
}
