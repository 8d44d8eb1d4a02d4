import { readdirSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import type { NetworkPlugin } from "../../cni/index.ts";
import {
  CniError,
  code,
  messageOf,
  parseJsonObject,
  parseNetworkList,
  parseNetworkPlugin,
  requireNetworkName,
} from "../../cni/index.ts";
import { readBoundedText } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { MuxConf } from "../conf.ts";
import type { Delegate } from "./delegate.ts";
import { parseDelegate } from "./delegate.ts";

const listExtension = ".conflist", pluginExtensions = [".conf", ".json"];
const configExtensions = [...pluginExtensions, listExtension];

/** Files are read in order of their names up to the match; one that cannot be read ends the search. */
export function findByName(name: string, conf: Pick<MuxConf, "confDir" | "cniVersion">): Delegate {
  const files = configFilesIn(conf.confDir);
  if (files.length === 0)
    throw refusal(name, `there is no configuration file in ${conf.confDir}, expected one with that CNI name`);
  for (const file of files) {
    const delegate = readNetworkFile(file, conf);
    if (delegate.network.name === name) return delegate;
  }
  throw refusal(name, `no configuration file in ${conf.confDir} has that CNI name`);
}

/** The file that stands for a directory. */
export function firstFileIn(directory: string): string {
  const files = configFilesIn(directory);
  const first = files[0];
  if (first === undefined || files.every((file) => extname(file) === ".json")) {
    throw refusal(directory, "the directory holds no .conf or .conflist file, expected at least one");
  }
  return first;
}

/** @throws CniError 7 for a configuration that is refused, 5 and 6 for a file that cannot be read */
export function readNetworkFile(file: string, conf: Pick<MuxConf, "cniVersion">): Delegate {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true)
    throw refusal(file, "it is no regular file, expected a CNI configuration");
  const json = parseJsonObject(readText(file), file);
  const source = { subject: file, defaultVersion: conf.cniVersion, fromFile: true, trusted: true };
  if (extname(file) === listExtension) return parseDelegate(withFolder(json, file), source);
  parseNetworkPlugin(json, file);
  return parseDelegate(json, source);
}

/**
 * A list with the plugins of `<directory>/<network name>/*.conf` appended, unless it says to load inlined ones only.
 */
function withFolder(json: JsonObject, file: string): JsonObject {
  const list = parseNetworkList(json, file);
  requireNetworkName(list.name, file);
  const folder = list.loadOnlyInlinedPlugins ? [] : folderPlugins(join(dirname(file), list.name));
  return folder.length === 0 ? json : { ...json, plugins: [...list.plugins, ...folder] };
}

/** The plugins of `<folder>/*.conf`, in order. */
export function folderPlugins(folder: string): readonly NetworkPlugin[] {
  return filesIn(folder, [".conf"]).map((file) => parseNetworkPlugin(parseJsonObject(readText(file), file), file));
}

function configFilesIn(directory: string): readonly string[] {
  return filesIn(directory, configExtensions);
}

/** Regular files by byte order of their names; a missing directory has none. */
function filesIn(directory: string, extensions: readonly string[]): readonly string[] {
  try {
    return readdirSync(directory)
      .filter((name) => extensions.includes(extname(name)))
      .sort()
      .map((name) => join(directory, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
    throw new CniError(code.ioFailure, `Cannot list configuration files in ${directory}: ${String(error)}`, {
      cause: error,
    });
  }
}

/** A definition in a cluster holds at most 1.5 MiB. */
const fileBytesMax = 2 * 1024 * 1024;

function readText(file: string): string {
  try {
    return readBoundedText(file, fileBytesMax);
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot read the configuration file ${file}: ${messageOf(error)}`, {
      cause: error,
    });
  }
}

function refusal(reference: string, problem: string): CniError {
  return new CniError(code.invalidConfig, `Cannot find network "${reference}": ${problem}`);
}
