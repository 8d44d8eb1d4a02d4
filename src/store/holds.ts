import { existsSync } from "node:fs";
import { dirname } from "node:path";
import type { HeldAddress } from "../ipam/index.ts";
import { formatAddress, isAddress, parseAddress } from "../net/index.ts";
import { errnoOf, makeDirectory, readText, removeIfPresent, writeWholeFile } from "../os/index.ts";

/** About 80,000 holds. */
const holdsBytesMax = 8 * 1024 * 1024;

/**
 * The addresses of one network that are held, oldest first: a file beside the index, since a held address must look
 * free to programs that know nothing of holds. A damaged line holds nothing, nor does a file that cannot be read:
 * whoever lost a hold gets another address, whereas nobody would get one, and none would be released, if this were an
 * error.
 *
 *   <address> <until, milliseconds since 1970> <owner key as a JSON string>
 */
export function readHolds(path: string, nowMs: number): readonly HeldAddress[] {
  // Missing is the usual case, and an error costs far more than looking.
  if (!existsSync(path)) return [];
  return readIfPossible(path)
    .split("\n")
    .map(parseLine)
    .filter((hold) => hold !== undefined)
    .filter(({ untilMs }) => untilMs > nowMs);
}

/** The oldest go when there are more than a reader would take. */
export function writeHolds(path: string, holds: readonly HeldAddress[]): void {
  if (holds.length === 0) {
    removeIfPresent(path);
    return;
  }
  const lines = holds.map(
    ({ address, untilMs, ownerKey }) => `${formatAddress(address)} ${untilMs} ${JSON.stringify(ownerKey)}\n`,
  );
  makeDirectory(dirname(path), 0o755);
  writeWholeFile(path, newest(lines, holdsBytesMax));
}

/** As many whole lines from the end as fit. */
function newest(lines: readonly string[], bytesMax: number): string {
  let bytes = 0;
  const from = lines.findLastIndex((line) => (bytes += Buffer.byteLength(line)) > bytesMax);
  return lines.slice(from + 1).join("");
}

function readIfPossible(path: string): string {
  try {
    return readText(path, holdsBytesMax);
  } catch (error) {
    if (errnoOf(error) === undefined) throw error;
    return "";
  }
}

function parseLine(line: string): HeldAddress | undefined {
  const [, text = "", until = "", key = ""] = /^(\S+) (\d{1,16}) (".*")$/.exec(line) ?? [];
  if (!isAddress(text)) return undefined;
  try {
    const ownerKey: unknown = JSON.parse(key);
    return typeof ownerKey === "string" ? { address: parseAddress(text), untilMs: Number(until), ownerKey } : undefined;
  } catch {
    return undefined;
  }
}
