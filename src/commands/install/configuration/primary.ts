/**
 * The cluster's own network: the configuration the runtime would use if we were not there, which becomes our default
 * network.
 */
import { join } from "node:path";
import { CniError, compareVersions, parseJsonObject } from "../../../cni/index.ts";
import { multiplexerTypes } from "../../../mux/index.ts";
import type { JsonObject } from "../../../schema/index.ts";
import { isJsonObject } from "../../../schema/index.ts";
import { CommandError } from "../../errors.ts";
import type { NodeFiles } from "../node/files.ts";
import { byBytes } from "../node/files.ts";
import type { Move } from "../node/state.ts";

export interface Primary {
  /** The file's name, as it was before anybody renamed it. */
  readonly name: string;
  /** Where it is now, as this process sees it. */
  readonly path: string;
  readonly json: JsonObject;
  readonly networkName: string;
  readonly cniVersion: string;
}

/** There is none that could be used, now: worth another look when the directory changes. */
export class PrimaryError extends CommandError {}

export interface PrimarySearch {
  /** Where to look, as this process sees it. */
  readonly directory: string;
  /** The one name to take; undefined: the first. */
  readonly wanted: string | undefined;
  /** Files that were renamed by us: they count under their old names. */
  readonly renamed: readonly Move[];
  /** Our own file's name without its extension. */
  readonly ours: string;
}

/**
 * The wanted file, or the first .conf or .conflist by bytes of its name that is neither ours nor a Multus's.
 *
 * @throws PrimaryError when there is none, or it cannot be used
 */
export function findPrimary(search: PrimarySearch, files: NodeFiles): Primary {
  const found = candidates(search, files).find(({ name }) => search.wanted === undefined || name === search.wanted);
  if (found === undefined) throw new PrimaryError(`Cannot find the primary configuration: ${missing(search)}`);
  return readPrimary(found.name, found.path, files);
}

function missing({ directory, wanted }: PrimarySearch): string {
  return wanted === undefined
    ? `${directory} has no .conf or .conflist file besides ours and Multus's, expected the cluster's network plugin ` +
      "to write one"
    : `${directory} has no file "${wanted}", expected the one --multus-master-cni-file-name names`;
}

interface Candidate {
  readonly name: string;
  readonly path: string;
}

function candidates({ directory, renamed, ours }: PrimarySearch, files: NodeFiles): readonly Candidate[] {
  const names = files.names(directory);
  const present = names.map((name) => ({ name, path: join(directory, name) }));
  // One that its owner has written again is newer than the one we renamed.
  const before = renamed
    .filter(({ from, to }) => !names.includes(from) && names.includes(to))
    .map(({ from, to }) => ({ name: from, path: join(directory, to) }));
  return [...present, ...before]
    .filter(({ name }) => /\.(conf|conflist)$/.test(name) && !isOwnName(name, ours) && !name.startsWith("00-multus"))
    .filter(({ path }) => !isMultiplexer(readObject(path, files)))
    .sort((a, b) => byBytes(a.name, b.name));
}

export function isOwnName(name: string, ours: string): boolean {
  return name === `${ours}.conf` || name === `${ours}.conflist`;
}

/** Whether a configuration would lead back to us, or to a Multus. */
export function isMultiplexer(json: JsonObject | undefined): boolean {
  return pluginsOf(json).some(({ type }) => multiplexerTypes.has(String(type)));
}

/** The plugin objects of a single configuration or of a list. */
export function pluginsOf(json: JsonObject | undefined): readonly JsonObject[] {
  if (json === undefined) return [];
  const { plugins } = json;
  return typeof json["type"] === "string" && json["type"] !== ""
    ? [json]
    : Array.isArray(plugins)
      ? plugins.filter(isJsonObject)
      : [];
}

/** Undefined for what is no JSON object, or not there. */
export function readObject(path: string, files: NodeFiles): JsonObject | undefined {
  const text = files.read(path);
  try {
    return text === undefined ? undefined : parseJsonObject(text, path);
  } catch (error) {
    if (error instanceof CniError) return undefined;
    throw error;
  }
}

function readPrimary(name: string, path: string, files: NodeFiles): Primary {
  const json = readObject(path, files);
  const refuse = (problem: string): never => {
    throw new PrimaryError(`Cannot use the primary configuration ${path}: ${problem}`);
  };
  if (json === undefined) return refuse("it is no JSON object, expected a CNI configuration");
  if (isMultiplexer(json))
    return refuse("it is a multiplexer's own, expected the configuration of the cluster's network");
  const { name: networkName, cniVersion } = json;
  if (typeof networkName !== "string" || networkName === "") return refuse("name is missing, expected a string");
  if (!isVersion(cniVersion))
    return refuse(`cniVersion is ${JSON.stringify(cniVersion) ?? "missing"}, expected a version as "1.0.0"`);
  if (typeof pluginsOf(json)[0]?.["type"] !== "string")
    return refuse("it has neither type nor plugins, expected one of them");
  return { name, path, json, networkName, cniVersion };
}

function isVersion(value: unknown): value is string {
  return typeof value === "string" && /^\d+\.\d+\.\d+$/.test(value) && compareVersions(value, "0.1.0") >= 0;
}

/**
 * What the runtime is to send: every capability that is true, at the top or in a plugin. In byte order, so that the
 * same configuration gives the same text.
 */
export function capabilitiesOf(json: JsonObject): Readonly<Record<string, true>> {
  const { plugins } = json;
  const objects = [json, ...(Array.isArray(plugins) ? plugins.filter(isJsonObject) : [])];
  const entries = objects.flatMap(({ capabilities }) => isJsonObject(capabilities) ? Object.entries(capabilities) : []);
  const names = entries.filter(([, on]) => on === true).map(([name]) => name);
  return Object.fromEntries([...new Set(names)].sort().map((name) => [name, true]));
}
