import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, extname, join } from "node:path";
import type { JsonObject, NetworkPlugin } from "../cni/index.ts";
import { CniError, code, parseJsonObject, parseNetworkList, parseNetworkPlugin, requireNetworkName } from "../cni/index.ts";
import { isIdentifier } from "../net/index.ts";
import { toCniError } from "./cni-error.ts";
import type { MuxConfig } from "./config.ts";
import type { Delegate } from "./delegate.ts";
import { parseDelegate } from "./delegate.ts";

/** Looks a network up that is named without a "/" where a cluster keeps them; throws when it is not to be had there. */
export type FindInCluster = (name: string) => Promise<Delegate>;

/**
 * The networks of a configuration in order, the default one first: those written inside it, or `clusterNetwork` and
 * `defaultNetworks`, looked up in the cluster if there is one and in files. The order names their interfaces.
 *
 * @throws CniError 7 for a configuration that is refused or not there, 5 and 6 for a file that cannot be read
 */
export async function configuredDelegates(config: MuxConfig, find?: FindInCluster): Promise<readonly Delegate[]> {
  const defaultVersion = config.cniVersion;
  const inline = config.delegates.map((json, index) => parseDelegate(json, { subject: `delegates[${index}] of network "${config.name}"`, defaultVersion, trusted: true }));
  const delegates = [...inline];
  const references = config.clusterNetwork === "" ? [] : [config.clusterNetwork, ...config.defaultNetworks];
  // One after the other: networks of one resource take its devices in this order.
  for (const reference of references) delegates.push(await resolveReference(reference, config, find));
  return delegates;
}

/** The same with the auxiliary chain at their end: the networks of a container that is no pod. */
export async function resolveDelegates(config: MuxConfig, find?: FindInCluster): Promise<readonly Delegate[]> {
  return [...await configuredDelegates(config, find), ...auxiliaryChain(config)];
}

const listExtension = ".conflist", pluginExtensions = [".conf", ".json"];
const configExtensions = [...pluginExtensions, listExtension];

/** Whether a cluster may know it; everything else is a path. */
export function isReferenceByName(reference: string): boolean {
  return reference !== "" && !reference.includes("/");
}

/** A name is looked for in the cluster and in confDir; anything with a "/" is a directory or a file. */
async function resolveReference(reference: string, config: MuxConfig, find: FindInCluster | undefined): Promise<Delegate> {
  if (isReferenceByName(reference)) return find === undefined ? findByName(reference, config) : await findAnywhere(reference, config, find);
  if (statSync(reference, { throwIfNoEntry: false })?.isDirectory()) return readNetworkFile(firstFileIn(reference), config);
  return readNetworkFile(reference, config);
}

/** Whatever keeps the cluster from answering, a file of the node will do. */
async function findAnywhere(name: string, config: MuxConfig, find: FindInCluster): Promise<Delegate> {
  try {
    return await find(name);
  } catch (inCluster) {
    try {
      return findByName(name, config);
    } catch (inFiles) {
      const { code: number, message } = toCniError(inCluster);
      throw new CniError(number, `${toCniError(inFiles).message}; in the cluster: ${message}`, { cause: inCluster });
    }
  }
}

/** Files are read in order of their names up to the match; one that cannot be read ends the search. */
export function findByName(name: string, config: Pick<MuxConfig, "confDir" | "cniVersion">): Delegate {
  const files = configFilesIn(config.confDir);
  if (files.length === 0) throw refusal(name, `there is no configuration file in ${config.confDir}, expected one with that CNI name`);
  for (const file of files) {
    const delegate = readNetworkFile(file, config);
    if (delegate.network.name === name) return delegate;
  }
  throw refusal(name, `no configuration file in ${config.confDir} has that CNI name`);
}

function firstFileIn(directory: string): string {
  const files = configFilesIn(directory);
  const first = files[0];
  if (first === undefined || files.every((file) => extname(file) === ".json")) {
    throw refusal(directory, "the directory holds no .conf or .conflist file, expected at least one");
  }
  return first;
}

function readNetworkFile(file: string, config: Pick<MuxConfig, "cniVersion">): Delegate {
  if (statSync(file, { throwIfNoEntry: false })?.isFile() !== true) throw refusal(file, "it is no regular file, expected a CNI configuration");
  const json = parseJsonObject(readText(file), file);
  const source = { subject: file, defaultVersion: config.cniVersion, fromFile: true, trusted: true };
  if (extname(file) === listExtension) return parseDelegate(withFolder(json, file), source);
  parseNetworkPlugin(json, file);
  return parseDelegate(json, source);
}

/** A list with the plugins of `<directory>/<network name>/*.conf` appended, unless it says to load inlined ones only. */
function withFolder(json: JsonObject, file: string): JsonObject {
  const list = parseNetworkList(json, file);
  requireNetworkName(list.name);
  const folder = list.loadOnlyInlinedPlugins ? [] : folderPlugins(join(dirname(file), list.name));
  return folder.length === 0 ? json : { ...json, plugins: [...list.plugins, ...folder] };
}

/** With `auxiliaryCNIChainName`, a last network whose plugins are the files of that folder beside the cluster network's file. */
export function auxiliaryChain(config: MuxConfig): readonly Delegate[] {
  const name = config.auxiliaryChainName;
  if (name === "") return [];
  if (!config.clusterNetwork.includes("/")) {
    throw new CniError(code.invalidConfig, `Cannot find the chain auxiliaryCNIChainName "${name}": clusterNetwork is "${config.clusterNetwork}", expected a path, whose directory the chain's folder is in`);
  }
  if (!isIdentifier(name)) throw new CniError(code.invalidConfig, `Cannot use auxiliaryCNIChainName "${name}": expected a network's name`);
  const directory = statSync(config.clusterNetwork, { throwIfNoEntry: false })?.isDirectory() ? config.clusterNetwork : dirname(config.clusterNetwork);
  const plugins = folderPlugins(join(directory, name));
  if (plugins.length === 0) return [];
  const json = { cniVersion: config.cniVersion, name, plugins: [{ type: "passthru" }, ...plugins] };
  return [{ ...parseDelegate(json, { subject: join(directory, name), defaultVersion: config.cniVersion, fromFile: true, trusted: true }), auxiliary: true }];
}

function folderPlugins(folder: string): readonly NetworkPlugin[] {
  return filesIn(folder, [".conf"]).map((file) => parseNetworkPlugin(parseJsonObject(readText(file), file), file));
}

function configFilesIn(directory: string): readonly string[] {
  return filesIn(directory, configExtensions);
}

/** Regular files by byte order of their names; a missing directory has none. */
function filesIn(directory: string, extensions: readonly string[]): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => extensions.includes(extname(name))).sort().map((name) => join(directory, name))
      .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true);
  } catch (error) {
    if (error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR")) return [];
    throw new CniError(code.ioFailure, `Cannot list configuration files in ${directory}: ${String(error)}`, { cause: error });
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot read the configuration file ${file}: ${String(error)}`, { cause: error });
  }
}

function refusal(reference: string, problem: string): CniError {
  return new CniError(code.invalidConfig, `Cannot find network "${reference}": ${problem}`);
}
