import { join } from "node:path";
import type { CallLimits } from "../limits.ts";
import { defaultLimits, fileLimits } from "../limits.ts";
import type { ConfigCheck } from "./config-check.ts";
import { configCheckOf, loadConfigCheck } from "./config-check.ts";
import type { LockEntry } from "./lock.ts";
import { pinned } from "./pinned.ts";
import type { PreparedModule } from "./prepare.ts";
import { loadPrepared } from "./prepared.ts";

/**
 * Files of installed modules: `<name>.wasm`, `<name>.schema.js` (the config check, where the module has a schema) and
 * `<name>.metered.wasm` (see prepared.ts), which the lock pins by their digests.
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
  /** The check of its configuration, made when it is first asked for. */
  configCheck(): Promise<ConfigCheck>;
}

/**
 * An installed module: each file read once and held against its pin, then as it was prepared, or verified, metered and
 * compiled.
 *
 * @throws CniError 140, 141, 142
 */
export async function loadInstalled(
  directory: string,
  name: string,
  entry: LockEntry,
  limits: CallLimits = defaultLimits,
): Promise<UsableModule> {
  const { sha256, configSha256 } = entry;
  const bytes = pinned(`module "${name}"`, modulePath(directory, name), sha256, fileLimits.hardBytes);
  const known = loadPrepared(directory, name, entry, limits);
  const prepared =
    known !== undefined
      ? { ...known, name, limits, sha256 }
      : (await import("./prepare.ts")).prepareModule(name, bytes, limits, sha256);
  if (configSha256 === undefined) return usable(prepared);
  const path = configCheckPath(directory, name);
  // Read at once, so that a damaged installation is told at once; its code is made when it is needed.
  const text = new TextDecoder().decode(
    pinned(`the config check of module "${name}"`, path, configSha256, schemaLimitBytes),
  );
  return usable(prepared, async () => loadConfigCheck(text));
}

/** A module with its check, which is kept once it is made. */
export function usable(
  module: PreparedModule,
  makeCheck = () => configCheckOf(module.name, module.metadata.configSchema),
): UsableModule {
  let check: ConfigCheck | undefined;
  return { ...module, configCheck: async () => (check ??= await makeCheck()) };
}
