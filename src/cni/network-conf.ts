import type { JsonObject } from "../schema/index.ts";
import { foldedKey, isJsonObject } from "../schema/index.ts";
import type { ConfParts } from "./conf.ts";
import { confSchema, readConf } from "./conf.ts";
import { CniError, code } from "./errors.ts";
import type { WireResult } from "./result/printing.ts";
import { chooseVersion } from "./version.ts";

/** A network: the plugins that make it, in order, as their authors wrote them. */
export interface NetworkConf {
  readonly name: string;
  /** The version chosen from `cniVersion` and `cniVersions`; "" when neither is there. */
  readonly cniVersion: string;
  readonly plugins: readonly NetworkPlugin[];
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  /** Plugins from the network's folder must not be appended. */
  readonly loadOnlyInlinedPlugins: boolean;
}

/** One plugin object of a network: `type` is a plain name, everything else untouched. */
export type NetworkPlugin = ConfParts["network-list#/definitions/plugin"];

/**
 * A network list as JSON. `plugins` may be missing unless the list says that only inlined plugins count; it is
 * empty here then, until `finishNetwork` has appended those of the network's folder.
 *
 * @param subject  names it in messages: a path, or `network "blue"`
 * @throws CniError 7 naming the key, 6 for an entry of `cniVersions` that is no version
 */
export function parseNetworkList(json: JsonObject, subject?: string): NetworkConf {
  const options = subject === undefined ? {} : { subject };
  const list = readConf(listSchema, json, options);
  const only = isOn(list.loadOnlyInlinedPlugins);
  if (list.plugins === undefined && only) {
    throw new CniError(
      code.invalidConfig,
      `Cannot read ${subject ?? `network "${list.name}"`}: plugins is missing, ` +
        "expected a list of at least 1 entries as loadOnlyInlinedPlugins is true",
    );
  }
  return {
    name: list.name,
    cniVersion: chooseVersion(list.cniVersion ?? "", list.cniVersions, subject ?? `network "${list.name}"`),
    plugins: list.plugins ?? [],
    disableCheck: isOn(list.disableCheck),
    disableGC: isOn(list.disableGC),
    loadOnlyInlinedPlugins: only,
  };
}

/**
 * A single plugin object as a network of one, with its name and version.
 *
 * @throws CniError 7 when `type` or `name` is missing
 */
export function parseSinglePlugin(json: JsonObject, subject?: string): NetworkConf {
  const plugin = parseNetworkPlugin(json, subject);
  const { name, cniVersion = "" } = plugin;
  if (typeof name !== "string" || name === "") {
    throw new CniError(
      code.invalidConfig,
      `Cannot read ${subject ?? "the network configuration"}: name is missing, expected a string`,
    );
  }
  // The schema lets cniVersion be text only.
  return {
    name,
    cniVersion: String(cniVersion),
    plugins: [plugin],
    disableCheck: false,
    disableGC: false,
    loadOnlyInlinedPlugins: false,
  };
}

/** One plugin object, as files of a network's folder hold it; throws CniError 7 when `type` is missing. */
export function parseNetworkPlugin(json: JsonObject, subject?: string): NetworkPlugin {
  return readConf(pluginSchema, json, subject === undefined ? {} : { subject });
}

/**
 * The list with the plugins of its folder appended, unless it wants its own only.
 *
 * @throws CniError 7 when no plugin is left
 */
export function finishNetwork(list: NetworkConf, folder: readonly NetworkPlugin[], subject?: string): NetworkConf {
  const plugins = list.loadOnlyInlinedPlugins ? list.plugins : [...list.plugins, ...folder];
  if (plugins.length === 0) {
    throw new CniError(
      code.invalidConfig,
      `Cannot read ${subject ?? `network "${list.name}"`}: it has no plugin, ` +
        "expected at least one in plugins or in the network's folder",
    );
  }
  return { ...list, plugins };
}

/** What a runtime puts into the configuration of one plugin for one request. */
export interface RequestParts {
  readonly network: Pick<NetworkConf, "name" | "cniVersion">;
  readonly plugin: NetworkPlugin;
  /** ADD, DEL, CHECK: the result so far. */
  readonly prevResult?: WireResult | undefined;
  /** ADD, DEL, CHECK: what the runtime supplies; only what the plugin declares `true` in `capabilities` reaches it. */
  readonly capabilityArgs?: JsonObject | undefined;
  /** GC: undefined when the runtime gave no list. */
  readonly validAttachments?: readonly { readonly containerID: string; readonly ifname: string }[] | undefined;
}

/** The configuration of one request; the plugin's own keys, unknown ones included, are passed on as they are. */
export type RequestConf = { readonly cniVersion: string; readonly name: string; readonly type: string } & JsonObject;

/**
 * A plugin's object with `name` and `cniVersion` of the network and what belongs to the request.
 *
 * A `runtimeConfig` in the file is left in place when no capability matches, else replaced whole.
 */
export function requestConf(parts: RequestParts): RequestConf {
  const { network, plugin, prevResult, capabilityArgs = {}, validAttachments } = parts;
  const runtimeConfig = enabledArgs(plugin, capabilityArgs);
  const injected: Record<string, unknown> = {
    name: network.name,
    cniVersion: network.cniVersion,
    ...(prevResult === undefined ? {} : { prevResult }),
    ...(Object.keys(runtimeConfig).length === 0 ? {} : { runtimeConfig }),
    // Twice: readers older than the specification's name know the second.
    ...(validAttachments === undefined
      ? {}
      : { "cni.dev/valid-attachments": validAttachments, "cni.dev/attachments": validAttachments }),
  };
  // Other spellings of an injected key would be the same key to a plugin that reads them in any case.
  const injectedNames = new Set(Object.keys(injected).map(foldedKey));
  const own = Object.entries(plugin).filter(([key]) => !injectedNames.has(foldedKey(key)));
  // `type` is the plugin's own, name and cniVersion are injected.
  return { ...Object.fromEntries(own), ...injected } as RequestConf;
}

/** The capability arguments a plugin asked for. */
export function enabledArgs(plugin: NetworkPlugin, capabilityArgs: JsonObject): JsonObject {
  const key = Object.keys(plugin).findLast((name) => name.toLowerCase() === "capabilities");
  const capabilities = key === undefined ? undefined : plugin[key];
  if (!isJsonObject(capabilities)) return {};
  return Object.fromEntries(
    Object.entries(capabilityArgs).filter(
      ([name, value]) =>
        Object.hasOwn(capabilities, name) && capabilities[name] === true && value !== undefined && value !== null,
    ),
  );
}

const listSchema = confSchema("network-list");
const pluginSchema = confSchema("network-plugin");

/** Text is `true` or `false` in any case: the schema has seen to it. */
function isOn(value: ConfParts["network-list#/definitions/switch"] | undefined): boolean {
  return value === true || (typeof value === "string" && value.toLowerCase() === "true");
}
