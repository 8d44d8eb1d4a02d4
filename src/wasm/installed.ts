import { join } from "node:path";
import { CniError, code, isJsonObject } from "../cni/index.ts";
import type { ConfigCheck } from "./config-check.ts";
import { loadConfigCheck } from "./config-check.ts";
import type { CallLimits } from "./limits.ts";
import { fileLimits } from "./limits.ts";
import type { ModuleKind } from "./metadata.ts";
import { moduleName } from "./metadata.ts";
import { readOwnFile } from "./own-file.ts";
import type { PreparedModule } from "./prepare.ts";
import { prepareModule } from "./prepare.ts";
import { sameDigest, sha256Hex } from "./sha256.ts";

/**
 * Installed modules: `<name>.wasm`, `<name>.schema.js` (the config check, where the module has a schema), and
 * `modules.lock.json`, which pins both by their digests. A file without its entry is not installed.
 */
export const defaultModuleDir = "/opt/cni/modules";

/** One installed module, as the lock has it. */
export interface LockEntry {
  /** Of the module's file, 64 hex digits. */
  readonly sha256: string;
  readonly version: string;
  readonly kind: ModuleKind;
  /** Of the config check's file; absent when the module has no schema. */
  readonly configSha256?: string;
}

export type ModuleLock = Readonly<Record<string, LockEntry>>;

const lockLimitBytes = 1024 * 1024;
export const schemaLimitBytes = 256 * 1024;

export function lockPath(directory: string): string {
  return join(directory, "modules.lock.json");
}

export function modulePath(directory: string, name: string): string {
  return join(directory, `${name}.wasm`);
}

export function configCheckPath(directory: string, name: string): string {
  return join(directory, `${name}.schema.js`);
}

/**
 * The modules installed in a directory; none when it has no lock.
 *
 * @throws CniError 140 when others could have written the lock, 6 when it is damaged
 */
export function readLock(directory: string): ModuleLock {
  const path = lockPath(directory);
  const bytes = readOwnFile(path, { limitBytes: lockLimitBytes, subject: "installed modules" });
  if (bytes === undefined) return {};
  const damaged = (what: string, cause?: unknown) => new CniError(code.decodingFailure, `Cannot read ${path}: ${what}`, cause === undefined ? {} : { cause });
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw damaged("it is not JSON", cause);
  }
  if (!isJsonObject(json)) throw damaged("it is no object");
  const entries = Object.entries(json).map(([name, entry]): [string, LockEntry] => {
    if (!moduleName.test(name) || !isEntry(entry)) throw damaged(`entry ${JSON.stringify(name)} is none of a module`);
    return [name, entry];
  });
  // Without a prototype: a lookup finds entries only.
  return Object.assign(Object.create(null) as Record<string, LockEntry>, Object.fromEntries(entries));
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

export const digest = /^[0-9a-f]{64}$/;

function isEntry(value: unknown): value is LockEntry {
  if (!isJsonObject(value)) return false;
  const { sha256, version, kind, configSha256 } = value;
  return typeof sha256 === "string" && digest.test(sha256) && typeof version === "string"
    && (kind === "ipam" || kind === "merge" || kind === "policy")
    && (configSha256 === undefined || (typeof configSha256 === "string" && digest.test(configSha256)));
}
