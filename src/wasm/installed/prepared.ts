/**
 * What the verifier and the meter made of an installed module: its code with fuel counted and its metadata, as a
 * built-in module's file has it. It saves looking the module over again at every start, half of what its call takes.
 *
 * It is worth what the lock says of it, nothing by itself: made by this very verifier and meter, for that much memory,
 * with that digest. Whatever does not hold, the module is looked over as if the file was not there.
 */
import { join } from "node:path";
import { CniError } from "../../cni/index.ts";
import type { BuiltInModule } from "../call/sandbox.ts";
import { compileModule } from "../call/sandbox.ts";
import type { CallLimits } from "../limits.ts";
import { fileLimits } from "../limits.ts";
import type { LockEntry, PreparedEntry } from "./lock.ts";
import { MetadataError, metadataOf } from "./metadata.ts";
import { pinned } from "./pinned.ts";

/**
 * Stands for everything that decides what is refused and what metered code looks like: with another one, files made
 * before are of no use. The first 16 digits of the sources' digest; a test says what it should be.
 */
export const preparedBy = "7c89f31f1bf50e1a";

/** A module that comes out larger is looked over each time. */
export const preparedLimitBytes = fileLimits.hardBytes;

export function preparedPath(directory: string, name: string): string {
  return join(directory, `${name}.metered.wasm`);
}

/** The module as it was prepared; undefined when there is nothing that may be used for these limits. */
export function loadPrepared(
  directory: string,
  name: string,
  { prepared }: LockEntry,
  limits: CallLimits,
): BuiltInModule | undefined {
  if (prepared === undefined || prepared.by !== preparedBy || prepared.memoryPages !== limits.memoryPages)
    return undefined;
  try {
    const compiled = compileModule(name, readPrepared(directory, name, prepared));
    return compiled.metered ? { metadata: metadataOf(compiled.module), compiled: { ...compiled, limits } } : undefined;
  } catch (error) {
    if (error instanceof CniError || error instanceof MetadataError) return undefined;
    throw error;
  }
}

/** @throws CniError 140, 141 */
export function readPrepared(directory: string, name: string, { sha256 }: PreparedEntry): Uint8Array<ArrayBuffer> {
  return pinned(`the metered code of module "${name}"`, preparedPath(directory, name), sha256, preparedLimitBytes);
}
