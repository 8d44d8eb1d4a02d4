import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { CniError, code } from "../../cni/index.ts";
import { refuseForeignDirectory } from "../../os/index.ts";
import { sha256Hex } from "../code/sha256.ts";
import { defaultLimits } from "../limits.ts";
import { compileConfigSchema } from "./config-check.ts";
import { configCheckPath, loadInstalled, modulePath, schemaLimitBytes } from "./load.ts";
import type { LockEntry, ModuleLock, PreparedEntry } from "./lock.ts";
import { lockPath, readLock, removedPath } from "./lock.ts";
import { moduleName } from "./metadata.ts";
import { prepareModule, preparedBytes } from "./prepare.ts";
import { preparedBy, preparedLimitBytes, preparedPath, readPrepared } from "./prepared.ts";

/** Does something while nobody else changes the modules of a directory. */
export type Exclusively = <T>(directory: string, work: () => T) => Promise<T>;

/** For who knows that nobody else does. */
const alone: Exclusively = async (_, work) => work();

export interface InstallRequest {
  readonly directory: string;
  readonly bytes: Uint8Array;
  /** Absent: the name in its metadata. */
  readonly name?: string;
  /** Why a name may not be taken: `it is built in`; undefined when it may. */
  readonly whyTaken?: (name: string) => string | undefined;
  /** Absent: nobody else is there. */
  readonly exclusively?: Exclusively;
}

/**
 * Installs a module: looks it over as a call would, compiles its schema, writes the files whole, and the lock last,
 * with what was made of the module under the default limits. An older one of that name is replaced.
 *
 * @throws CniError 142 when it is refused, 7 for a name that is taken, 140 when others can write the directory, 5 when
 *   we cannot
 */
export async function installModule({
  directory,
  bytes,
  name: wanted,
  whyTaken = () => undefined,
  exclusively = alone,
}: InstallRequest): Promise<LockEntry & { readonly name: string }> {
  const { metadata } = prepareModule(wanted ?? "the file", bytes);
  const name = wanted ?? metadata.name;
  if (!moduleName.test(name))
    throw new CniError(
      code.invalidConfig,
      `Cannot install module ${JSON.stringify(name)}: expected a name of lower-case letters, digits and dashes`,
    );
  const taken = whyTaken(name);
  if (taken !== undefined)
    throw new CniError(code.invalidConfig, `Cannot install module "${name}": ${taken}, expected another name`);
  const check =
    metadata.configSchema === undefined ? undefined : encode(await compileConfigSchema(name, metadata.configSchema));
  if (check !== undefined && check.length > schemaLimitBytes)
    throw new CniError(
      code.moduleRefused,
      `Cannot install module "${name}": the check of its configSchema takes ${check.length} bytes, expected at most ` +
        `${schemaLimitBytes}`,
    );
  const { version, kind } = metadata;
  const metered = preparedBytes(name, bytes, defaultLimits);
  const prepared = metered.length > preparedLimitBytes ? undefined : preparedEntry(metered);
  const entry = {
    sha256: sha256Hex(bytes), version, kind,
    ...(check === undefined ? {} : { configSha256: sha256Hex(check) }), ...(prepared === undefined ? {} : { prepared }),
  };
  await writing(directory, async () => {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    refuseForeignDirectory(directory, `Cannot install module "${name}"`);
    await exclusively(directory, () => {
      const lock = readLock(directory);
      writeWhole(modulePath(directory, name), bytes);
      if (check !== undefined) writeWhole(configCheckPath(directory, name), check);
      if (prepared !== undefined) writeWhole(preparedPath(directory, name), metered);
      writeLock(directory, { ...lock, [name]: entry });
      if (check === undefined) rmSync(configCheckPath(directory, name), { force: true });
      rmSync(removedPath(directory, name), { force: true });
      if (prepared === undefined) rmSync(preparedPath(directory, name), { force: true });
    });
  });
  return { ...entry, name };
}

/** Removes a module; false when none of that name is installed. */
export async function removeModule({
  directory,
  name,
  exclusively = alone,
}: {
  readonly directory: string;
  readonly name: string;
  readonly exclusively?: Exclusively;
}): Promise<boolean> {
  // Nothing is written, nor locked, where nothing is installed.
  if (readLock(directory)[name] === undefined) return false;
  return await writing(directory, () => exclusively(directory, () => {
    const { [name]: entry, ...others } = readLock(directory);
    if (entry === undefined) return false;
    writeWhole(removedPath(directory, name), encode(""));
    writeLock(directory, others);
    for (const path of [modulePath, configCheckPath, preparedPath]) rmSync(path(directory, name), { force: true });
    return true;
  }));
}

function preparedEntry(metered: Uint8Array): PreparedEntry {
  return { by: preparedBy, sha256: sha256Hex(metered), memoryPages: defaultLimits.memoryPages };
}

/** Every installed module, and why it could not be used, or what of it has changed, where that is so. */
export async function verifyInstalled(
  directory: string,
): Promise<readonly { readonly name: string; readonly entry: LockEntry; readonly problem?: CniError }[]> {
  const entries = Object.entries(readLock(directory)).sort(([a], [b]) => (a < b ? -1 : 1));
  return await Promise.all(entries.map(async ([name, entry]) => {
    try {
      (await (await loadInstalled(directory, name, entry)).configCheck())({});
      if (entry.prepared !== undefined) readPrepared(directory, name, entry.prepared);
      return { name, entry };
    } catch (error) {
      if (!(error instanceof CniError)) throw error;
      return { name, entry, problem: error };
    }
  }));
}

function writeLock(directory: string, lock: ModuleLock): void {
  const sorted = Object.fromEntries(Object.entries(lock).sort(([a], [b]) => (a < b ? -1 : 1)));
  writeWhole(lockPath(directory), encode(`${JSON.stringify(sorted, null, 2)}\n`));
}

/** Whole or absent: a container may be starting at this moment. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const temporary = `${path}.${process.pid}.new`;
  try {
    // Never over what is there: a link of that name would lead somewhere else.
    rmSync(temporary, { force: true });
    writeFileSync(temporary, bytes, { mode: 0o644, flush: true, flag: "wx" });
    renameSync(temporary, path);
  } finally {
    if (existsSync(temporary)) rmSync(temporary);
  }
}

async function writing<T>(directory: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof CniError) throw cause;
    throw new CniError(code.ioFailure, `Cannot write to module directory ${directory}: ${String(cause)}`, { cause });
  }
}

function encode(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
