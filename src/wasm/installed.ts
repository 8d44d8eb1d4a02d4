import { join } from "node:path";
import { CniError, code } from "../cni/index.ts";
import type { ConfigCheck } from "./config-check.ts";
import { loadConfigCheck } from "./config-check.ts";
import type { CallLimits } from "./limits.ts";
import { fileLimits } from "./limits.ts";
import type { LockEntry } from "./lock.ts";
import { readOwnFile } from "./own-file.ts";
import type { PreparedModule } from "./prepare.ts";
import { prepareModule } from "./prepare.ts";
import { sameDigest, sha256Hex } from "./sha256.ts";

/**
 * Files of installed modules: `<name>.wasm` and `<name>.schema.js` (the config check, where the module has a schema), which
 * the lock pins by their digests.
 */
export const schemaLimitBytes = 256 * 1024;

export function modulePath(directory: string, name: string): string {
  return join(directory, `${name}.wasm`);
}

export function configCheckPath(directory: string, name: string): string {
  return join(directory, `${name}.schema.js`);
}

/** A module that may be called, with its configuration's check. */
export interface UsableModule extends PreparedModule {
  /** Absent: the schema, if there is one, is not compiled yet. */
  readonly configCheck?: ConfigCheck;
}

/**
 * An installed module: read once, held against its pin, verified, metered and compiled.
 *
 * @throws CniError 140, 141, 142
 */
export function loadInstalled(directory: string, name: string, entry: LockEntry, limits?: CallLimits): UsableModule {
  const file = modulePath(directory, name);
  const bytes = pinned(`module "${name}"`, file, entry.sha256, fileLimits.hardBytes);
  const prepared = prepareModule(name, bytes, limits, entry.sha256);
  const { configSha256 } = entry;
  if (configSha256 === undefined) return prepared;
  const path = configCheckPath(directory, name);
  // Read at once, so that a damaged installation is told at once; its code is made when it is needed.
  const text = new TextDecoder().decode(pinned(`the config check of module "${name}"`, path, configSha256, schemaLimitBytes));
  return { ...prepared, configCheck: (config) => loadConfigCheck(text)(config) };
}

/**
 * The bytes of a file that only root or we can have written and that has the digest it should have.
 *
 * @throws CniError 140, 141
 */
export function pinned(subject: string, path: string, sha256: string, limitBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = readOwnFile(path, { limitBytes, subject });
  if (bytes === undefined) throw new CniError(code.moduleNotFound, `Cannot find ${subject}: ${path} is not there`);
  const found = sha256Hex(bytes);
  if (sameDigest(found, sha256)) return bytes;
  throw new CniError(code.moduleDigest, `Cannot use ${subject}: ${path} has the digest ${found}, expected ${sha256}`);
}
