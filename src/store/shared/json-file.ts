import { dirname } from "node:path";
import { CniError, code, messageOf } from "../../cni/index.ts";
import { makeDirectory, readText, writeWholeFile } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** What a file holds; undefined where it is gone meanwhile, is longer than `bytesMax` or holds no object of ours. */
export function readJsonFile(path: string, bytesMax: number): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(readText(path, bytesMax));
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Whole or not at all; its directory, for nobody else, is made when missing.
 *
 * @throws CniError 5 when it cannot be written
 */
export function writeJsonFile(path: string, json: object): void {
  try {
    makeDirectory(dirname(path), 0o700);
    writeWholeFile(path, `${JSON.stringify(json)}\n`);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
}
