import { readdirSync } from "node:fs";
import { join } from "node:path";
import { CniError, code } from "../cni/index.ts";
import { isIdentifier, isInterfaceName } from "../net/index.ts";
import { errnoOf, isAbsent, readText, removeIfPresent } from "../os/index.ts";
import type { Multiplexer } from "./multiplexer.ts";
import { parseMultiplexer } from "./multiplexer.ts";
import { writeIntoDirectory } from "./private-directory.ts";

/** What names one cached attachment. */
export interface ResultKey {
  readonly networkName: string;
  readonly containerId: string;
  readonly ifName: string;
}

/** One attachment as the CNI library caches it: enough to DEL it without anything else. */
export interface CachedAttachment extends ResultKey {
  /** "" when the ADD had none. */
  readonly netns: string;
  /** CNI_ARGS as pairs, in order. */
  readonly cniArgs: readonly (readonly [string, string])[];
  readonly capabilityArgs: Readonly<Record<string, unknown>>;
  /**
   * The network's configuration, byte for byte as ADD used it; "" in entries of old libraries, which kept only a
   * result.
   */
  readonly confText: string;
  /** The final result as JSON, in the configuration's version; undefined when no ADD completed. */
  readonly result: unknown;
  /** Which multiplexed attachment it is part of; entries of other programs do not say. */
  readonly multiplexer?: Multiplexer;
  /** The configuration is the node's own. */
  readonly trusted?: boolean;
}

const kind = "cniCacheV1";
/** A configuration in base64, capability arguments and a result: some of each are a few kilobytes. */
const resultBytesMax = 16 * 1024 * 1024;

/**
 * Caches an attachment under `<cniDir>/results`, whole or not at all.
 *
 * @throws CniError 5 naming the path
 * @see CNI library, "cniCacheV1": one line of JSON, file 0600, directory 0700
 */
export function saveResult(cniDir: string, entry: CachedAttachment): void {
  const json = {
    kind,
    containerId: entry.containerId,
    config: Buffer.from(entry.confText).toString("base64"),
    ifName: entry.ifName,
    networkName: entry.networkName,
    ...(entry.netns === "" ? {} : { netns: entry.netns }),
    ...(entry.cniArgs.length === 0 ? {} : { cniArgs: entry.cniArgs }),
    ...(Object.keys(entry.capabilityArgs).length === 0 ? {} : { capabilityArgs: entry.capabilityArgs }),
    ...(entry.result === undefined ? {} : { result: entry.result }),
    ...(entry.multiplexer === undefined
      ? {}
      : { polynic: { ...entry.multiplexer, ...(entry.trusted === true ? { trusted: true } : {}) } }),
  };
  writeIntoDirectory(resultsDirectory(cniDir), fileName(entry), JSON.stringify(json));
}

/**
 * The cached attachment, or undefined when there is none. A file of another kind is taken for a bare result, as old
 * libraries wrote it.
 *
 * @throws CniError 6 when the file is no JSON object, 5 when it cannot be read
 */
export function loadResult(cniDir: string, key: ResultKey): CachedAttachment | undefined {
  const path = join(resultsDirectory(cniDir), fileName(key));
  const text = readIfPresent(path);
  if (text === undefined) return undefined;
  const json = parseObject(text, path);
  return parseEntry(json) ?? { ...key, netns: "", cniArgs: [], capabilityArgs: {}, confText: "", result: json };
}

/** Removes a cached attachment; missing is fine. */
export function removeResult(cniDir: string, key: ResultKey): void {
  const path = join(resultsDirectory(cniDir), fileName(key));
  try {
    removeIfPresent(path);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot remove the cached result ${path}: ${String(error)}`, { cause: error });
  }
}

/** Every well-formed entry, or those of one container, by file name; what cannot be read as one is left out. */
export function listResults(cniDir: string, containerId?: string): readonly CachedAttachment[] {
  const directory = resultsDirectory(cniDir);
  return namesIn(directory, (name) => containerId === undefined || name.indexOf(`-${containerId}-`, 1) > 0)
    .flatMap((name) => {
      const entry = entryOrNothing(join(directory, name));
      return entry === undefined || (containerId !== undefined && entry.containerId !== containerId) ? [] : [entry];
    });
}

function resultsDirectory(cniDir: string): string {
  return join(cniDir, "results");
}

/** `<network>-<container>-<ifname>`; none of the three can hold a "/". */
function fileName({ networkName, containerId, ifName }: ResultKey): string {
  if (!isIdentifier(networkName) || !isIdentifier(containerId) || !isInterfaceName(ifName)) {
    throw new CniError(
      code.invalidConfig,
      `Cannot name a cached result of network "${networkName}", container "${containerId}", interface "${ifName}": ` +
        "expected three well-formed names",
    );
  }
  return `${networkName}-${containerId}-${ifName}`;
}

/** NAME_MAX of Linux's file systems. */
const nameBytesMax = 255;

/**
 * For ADD, before there is a result to cache.
 *
 * @throws CniError 7 where the file's name would be longer than names can be
 */
export function refuseLongResultName(key: ResultKey): void {
  const length = fileName(key).length, tooMuch = length - nameBytesMax;
  if (tooMuch <= 0) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use a network name of ${key.networkName.length} characters: the name of its cached result would have ` +
      `${length}, expected at most ${Math.max(1, key.networkName.length - tooMuch)}`,
  );
}

function entryOrNothing(path: string): CachedAttachment | undefined {
  try {
    const text = readIfPresent(path);
    return text === undefined ? undefined : parseEntry(parseObject(text, path));
  } catch {
    return undefined;
  }
}

function parseEntry(json: Readonly<Record<string, unknown>>): CachedAttachment | undefined {
  const { networkName, containerId, ifName } = json;
  if (
    json["kind"] !== kind ||
    typeof networkName !== "string" ||
    typeof containerId !== "string" ||
    typeof ifName !== "string"
  )
    return undefined;
  if (!isIdentifier(networkName) || !isIdentifier(containerId) || !isInterfaceName(ifName)) return undefined;
  const ours = json["polynic"], multiplexer = parseMultiplexer(ours);
  return {
    networkName, containerId, ifName,
    netns: typeof json["netns"] === "string" ? json["netns"] : "",
    cniArgs: Array.isArray(json["cniArgs"]) ? json["cniArgs"].filter(isPair) : [],
    capabilityArgs: isObject(json["capabilityArgs"]) ? json["capabilityArgs"] : {},
    confText: typeof json["config"] === "string" ? Buffer.from(json["config"], "base64").toString() : "",
    result: json["result"] ?? undefined,
    ...(multiplexer === undefined ? {} : { multiplexer }),
    ...(isObject(ours) && ours["trusted"] === true ? { trusted: true } : {}),
  };
}

function parseObject(text: string, path: string): Readonly<Record<string, unknown>> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new CniError(code.decodingFailure, `Cannot read the cached result ${path}: it is not JSON`, { cause: error });
  }
  if (!isObject(json))
    throw new CniError(code.decodingFailure, `Cannot read the cached result ${path}: expected a JSON object`);
  return json;
}

function readIfPresent(path: string): string | undefined {
  try {
    return readText(path, resultBytesMax);
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw new CniError(code.ioFailure, `Cannot read the cached result ${path}: ${String(error)}`, { cause: error });
  }
}

function namesIn(directory: string, isWanted: (name: string) => boolean): readonly string[] {
  try {
    // Temporary files of an interrupted write start with a dot, which no network's name does.
    return readdirSync(directory).filter((name) => !name.startsWith(".") && isWanted(name)).sort();
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return [];
    throw new CniError(code.ioFailure, `Cannot list the cached results in ${directory}: ${String(error)}`, {
      cause: error,
    });
  }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isPair(value: unknown): value is readonly [string, string] {
  return Array.isArray(value) && value.length === 2 && value.every((part) => typeof part === "string");
}
