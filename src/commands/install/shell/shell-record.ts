/** What was written below a prefix, so that it is known again among the files of others: by name and digest. */
import { createHash } from "node:crypto";
import { isJsonObject } from "../../../schema/index.ts";
import { CommandError } from "../../errors.ts";
import type { NodeFiles } from "../node/files.ts";
import { parsedRecord } from "../node/state.ts";

export const shellFolder = "share/polynic";
export const shellRecordName = `${shellFolder}/shell.json`;

export interface WrittenFile {
  /** Below the prefix. */
  readonly name: string;
  readonly sha256: string;
}

export interface ShellRecord {
  /** While one is replaced it stands here with both of its contents. */
  readonly written: readonly WrittenFile[];
  /** Directories that were not there before, below the prefix. */
  readonly directories: readonly string[];
}

export const emptyRecord: ShellRecord = { written: [], directories: [] };

const formatVersion = 1;

export function digestOf(content: string): string {
  return createHash("sha256").update(content).digest("hex");
}

export function printShellRecord(record: ShellRecord): string {
  return `${JSON.stringify({ version: formatVersion, ...record }, null, 2)}\n`;
}

/** @throws CommandError when it is there and is not one of ours */
export function readShellRecord(path: string, files: NodeFiles): ShellRecord | undefined {
  const text = files.read(path);
  if (text === undefined) return undefined;
  const { version, written, directories } = parsedRecord(text, path);
  const isUnderstood = version === formatVersion
    && Array.isArray(directories) && directories.every(isBelow)
    && Array.isArray(written)
    && written.every((one) => isJsonObject(one) && isBelow(one["name"]) && typeof one["sha256"] === "string");
  if (!isUnderstood)
    throw new CommandError(`Cannot read ${path}: it is no record of version ${formatVersion}, expected what polynic ` +
      "install --shell has written");
  // Each entry has been looked at.
  return { written: written as readonly WrittenFile[], directories: directories as readonly string[] };
}

/** What is listed here is deleted some day, by root. */
function isBelow(name: unknown): boolean {
  return typeof name === "string" && /^share(?:\/[^/\0]+)*$/.test(name) &&
    !name.split("/").some((part) => part === "." || part === "..");
}
