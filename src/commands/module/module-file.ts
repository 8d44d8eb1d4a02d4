import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { fileLimits } from "../../wasm/index.ts";
import { CommandError } from "../errors.ts";
import { shown } from "./folder.ts";

/**
 * The bytes of a module a person names, of any owner: it is looked at or tried in the sandbox, not trusted.
 *
 * @throws CommandError when it cannot be read, is no file, or larger than any module may be
 */
export function readModuleFile(path: string): Uint8Array<ArrayBuffer> {
  return readBoundedFile(path, fileLimits.hardBytes, "a .wasm file (polynic module build writes one)");
}

/** @throws CommandError when it cannot be read, is no file, or longer than the limit */
export function readBoundedFile(path: string, limitBytes: number, expected: string): Uint8Array<ArrayBuffer> {
  let fd: number;
  try {
    // A pipe is no file, and would keep whoever opens it waiting for a writer.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new CommandError(`Cannot read ${shown(path)}: it is not there or not readable, expected ${expected}`, {
      cause,
    });
  }
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile() || facts.size > limitBytes)
      throw new CommandError(
        `Cannot use ${shown(path)}: it is ${facts.isFile() ? `${facts.size} bytes long` : "no file"}, expected ` +
          `${expected} of at most ${limitBytes} bytes`,
      );
    const bytes = new Uint8Array(facts.size);
    const read = readSync(fd, bytes);
    return bytes.subarray(0, read).slice();
  } finally {
    closeSync(fd);
  }
}
