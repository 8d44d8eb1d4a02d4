import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";

export interface OwnFileOptions {
  readonly limitBytes: number;
  /** Names it in messages: `module "sticky"`. */
  readonly subject: string;
}

/**
 * The bytes of a file that only root or we ourselves can have written; undefined when it is not there. Read once, so
 * that what is hashed is what is run.
 *
 * @throws CniError 140 when it is a link, no regular file, writable by others, somebody else's or larger than the limit
 */
export function readOwnFile(
  path: string,
  { limitBytes, subject }: OwnFileOptions,
): Uint8Array<ArrayBuffer> | undefined {
  const refused = (what: string, cause?: unknown) =>
    new CniError(code.moduleNotFound, `Cannot use ${subject}: ${path} ${what}`, cause === undefined ? {} : { cause });
  let file: number;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (cause) {
    const errno = cause instanceof Error && "code" in cause ? cause.code : undefined;
    if (errno === "ENOENT" || errno === "ENOTDIR") return undefined;
    throw refused(
      errno === "ELOOP" ? "is a symbolic link, expected a file" : `cannot be opened: ${String(errno)}`,
      cause,
    );
  }
  try {
    const { mode, size, uid } = fstatSync(file);
    if ((mode & constants.S_IFMT) !== constants.S_IFREG) throw refused("is no regular file");
    const foreign = whyForeign({ mode, uid });
    if (foreign !== undefined) throw refused(foreign);
    if (size > limitBytes) throw refused(`is ${size} bytes long, expected at most ${limitBytes}`);
    return readWhole(file, size);
  } catch (cause) {
    if (cause instanceof CniError) throw cause;
    throw new CniError(code.ioFailure, `Cannot read ${path}: ${String(cause)}`, { cause });
  } finally {
    closeSync(file);
  }
}

/**
 * Refuses a directory in which others could put other files, old ones of ours as well, in place of what is there. The
 * sticky bit is no help: it lets them add files. One that is not there is nobody's.
 *
 * @param act  what cannot be done: `Cannot use the installed modules`
 * @throws CniError 140
 */
export function refuseForeignDirectory(directory: string, act: string): void {
  const facts = statSync(directory, { throwIfNoEntry: false });
  const foreign = facts === undefined ? undefined : whyForeign(facts);
  if (foreign !== undefined) throw new CniError(code.moduleNotFound, `${act}: directory ${directory} ${foreign}`);
}

function whyForeign({ mode, uid }: { readonly mode: number; readonly uid: number }): string | undefined {
  if (uid !== 0 && uid !== process.geteuid?.()) return `belongs to user ${uid}, expected root or the user this runs as`;
  return (mode & 0o022) === 0
    ? undefined
    : `has mode ${(mode & 0o7777).toString(8)}, expected one that neither group nor others can write`;
}

/** A file that changes while it is read is its digest's problem. */
function readWhole(file: number, size: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const count = readSync(file, bytes, length, size - length, length);
    if (count === 0) break;
    length += count;
  }
  return bytes.subarray(0, length);
}
