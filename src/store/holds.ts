import { dirname } from "node:path";
import type { Address } from "../net/index.ts";
import { formatAddress, isAddress, parseAddress, sameAddress } from "../net/index.ts";
import { errnoOf, makeDirectory, readText, removeIfPresent, writeWholeFile } from "../os/index.ts";

/** An address kept for whoever had it last: free for that owner key, taken for all others. */
export interface HeldAddress {
  readonly address: Address;
  /** See `LeaseStore`. */
  readonly ownerKey: string;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

/**
 * The addresses of one network that are held, oldest first: a file beside the index, since a held address must look
 * free to programs that know nothing of holds. A damaged line holds nothing, nor does a file that cannot be read:
 * whoever lost a hold gets another address, whereas nobody would get one, and none would be released, if this were an
 * error.
 *
 *   <address> <until, milliseconds since 1970> <owner key as a JSON string>
 */
export function readHolds(path: string, nowMs: number): readonly HeldAddress[] {
  return readIfPossible(path)
    .split("\n")
    .map(parseLine)
    .filter((hold) => hold !== undefined)
    .filter(({ untilMs }) => untilMs > nowMs);
}

export function writeHolds(path: string, holds: readonly HeldAddress[]): void {
  if (holds.length === 0) {
    removeIfPresent(path);
    return;
  }
  makeDirectory(dirname(path), 0o755);
  writeWholeFile(
    path,
    holds
      .map(({ address, untilMs, ownerKey }) => `${formatAddress(address)} ${untilMs} ${JSON.stringify(ownerKey)}\n`)
      .join(""),
  );
}

/** The holds without those of the addresses. */
export function withoutAddresses(holds: readonly HeldAddress[], addresses: readonly Address[]): readonly HeldAddress[] {
  return holds.filter((hold) => !addresses.some((address) => sameAddress(address, hold.address)));
}

function readIfPossible(path: string): string {
  try {
    return readText(path);
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
