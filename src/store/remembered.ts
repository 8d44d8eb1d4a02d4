import { existsSync, lstatSync } from "node:fs";
import type { Address } from "../net/index.ts";
import { formatAddress, isAddress, parseAddress } from "../net/index.ts";
import { readBytes, writeInPlace, writeWholeFile } from "../os/index.ts";

/** Some 1,500 lines; half of them go when there are more. */
const bytesMax = 128 * 1024;
/** A reader allows for the line that was too much. */
const readBytesMax = 2 * bytesMax;
/** A name longer than names are is not worth a line. */
const lineBytesMax = 1024;

/**
 * What owner keys of one network had when they gave it up last, newest at the end: a file beside the index, of which
 * any part may be lost. Whoever is forgotten gets another address.
 *
 *   <address>[,<address>...] <owner key as a JSON string>
 */
export function readRemembered(path: string, ownerKey: string): readonly Address[] {
  const text = readIfPossible(path);
  const end = text?.lastIndexOf(` ${JSON.stringify(ownerKey)}\n`) ?? -1;
  if (text === undefined || end < 0) return [];
  const start = text.subarray(0, end).lastIndexOf("\n") + 1;
  return text.toString("latin1", start, end).split(",").filter(isAddress).map(parseAddress);
}

/** Adds a line, in place: the directory is there. */
export function remember(path: string, ownerKey: string, addresses: readonly Address[]): void {
  const line = `${addresses.map(formatAddress).join(",")} ${JSON.stringify(ownerKey)}\n`;
  if (Buffer.byteLength(line) > lineBytesMax) return;
  const bytes = lstatSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (bytes + line.length <= bytesMax) {
    writeInPlace(path, line, "append");
    return;
  }
  const text = readIfPossible(path) ?? Buffer.alloc(0);
  const half = text.indexOf("\n", Math.max(0, text.length - bytesMax / 2)) + 1;
  writeWholeFile(path, Buffer.concat([text.subarray(half), Buffer.from(line)]));
}

function readIfPossible(path: string): Buffer | undefined {
  if (!existsSync(path)) return undefined;
  try {
    return readBytes(path, readBytesMax);
  } catch {
    return undefined;
  }
}
