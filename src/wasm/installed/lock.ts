import { join } from "node:path";
import { CniError, code } from "../../cni/index.ts";
import { readOwnFile, refuseForeignDirectory } from "../../os/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { ModuleKind } from "./metadata.ts";
import { moduleName } from "./metadata.ts";

/** Where modules are installed, unless the node's configuration says another place. */
export const defaultModuleDir = "/opt/cni/modules";

/** One installed module, as the lock has it. */
export interface LockEntry {
  /** Of the module's file, 64 hex digits. */
  readonly sha256: string;
  readonly version: string;
  readonly kind: ModuleKind;
  /** Of the config check's file; absent when the module has no schema. */
  readonly configSha256?: string;
  readonly prepared?: PreparedEntry;
}

/** What the verifier and the meter made of a module when it was installed: see prepared.ts. */
export interface PreparedEntry {
  /** `preparedBy` of the program that made it. */
  readonly by: string;
  /** Of the file, 64 hex digits. */
  readonly sha256: string;
  /** What the memory in it is clamped to, and was held against. */
  readonly memoryPages: number;
}

export type ModuleLock = Readonly<Record<string, LockEntry>>;

const lockLimitBytes = 1024 * 1024;

export function lockPath(directory: string): string {
  return join(directory, "modules.lock.json");
}

/** Tells that a module of that name was installed once: what it was asked for is still to be taken away. */
export function removedPath(directory: string, name: string): string {
  return join(directory, `${name}.removed`);
}

/**
 * The modules installed in a directory; none when it has no lock.
 *
 * @throws CniError 140 when others could have written the lock or put it there, 6 when it is damaged
 */
export function readLock(directory: string): ModuleLock {
  const path = lockPath(directory);
  const bytes = readOwnFile(path, { limitBytes: lockLimitBytes, subject: "installed modules" });
  if (bytes === undefined) return {};
  refuseForeignDirectory(directory, "Cannot use installed modules");
  const damaged = (what: string, cause?: unknown) =>
    new CniError(code.decodingFailure, `Cannot read ${path}: ${what}`, cause === undefined ? {} : { cause });
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

export const digest = /^[0-9a-f]{64}$/;

function isEntry(value: unknown): value is LockEntry {
  if (!isJsonObject(value)) return false;
  const { sha256, version, kind, configSha256, prepared } = value;
  return isDigest(sha256) && typeof version === "string" && (kind === "ipam" || kind === "merge" || kind === "policy")
    && (configSha256 === undefined || isDigest(configSha256)) && (prepared === undefined || isPrepared(prepared));
}

function isPrepared(value: unknown): value is PreparedEntry {
  if (!isJsonObject(value)) return false;
  const { by, sha256, memoryPages } = value;
  return typeof by === "string" && isDigest(sha256) && typeof memoryPages === "number";
}

function isDigest(value: unknown): value is string {
  return typeof value === "string" && digest.test(value);
}
