import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { fileLimits } from "../../wasm/index.ts";
import { CommandError } from "../command-error.ts";
import { shown } from "./folder.ts";

/**
 * The bytes of a module a person names, of any owner: it is looked at or tried in the sandbox, not trusted.
 *
 * @throws CommandError when it cannot be read, is no file, or larger than any module may be
 */
export function readModuleFile(path: string): Uint8Array<ArrayBuffer> {
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch (cause) {
    throw new CommandError(`Cannot read ${shown(path)}: it is not there or not readable, expected a .wasm file (polynic module build writes one)`, { cause });
  }
  try {
    const facts = fstatSync(fd);
    if (!facts.isFile() || facts.size > fileLimits.hardBytes) throw new CommandError(`Cannot use ${shown(path)}: it is ${facts.isFile() ? `${facts.size} bytes long` : "no file"}, expected a .wasm file of at most ${fileLimits.hardBytes} bytes`);
    const bytes = new Uint8Array(facts.size);
    const read = readSync(fd, bytes);
    return bytes.subarray(0, read).slice();
  } finally {
    closeSync(fd);
  }
}
