import type { NetworkPlugin } from "../cni/index.ts";
import { enabledArgs } from "../cni/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import { pluginList } from "./plugin-list.ts";
import type { NetworkSelection } from "./selection.ts";

/**
 * The capability arguments (runtimeConfig) a selection asks for, to be laid over those of any network but the default
 * one. Each plugin gets what it declares; keys are the conventions' (CNI CONVENTIONS, "Dynamic plugin specific
 * fields").
 *
 * @param deviceId  of the device the kubelet allocated; goes before the one the selection names itself
 */
export function selectionCapabilities(selection: NetworkSelection, deviceId?: string): JsonObject {
  const { portMappings, bandwidth, ips, mac, infinibandGuid } = selection;
  const args: JsonObject = {
    portMappings, bandwidth, ips, mac, infinibandGUID: infinibandGuid,
    deviceID: deviceId || selection.deviceId,
  };
  return Object.fromEntries(Object.entries(args).filter(([, value]) => value !== undefined && value !== ""));
}

/**
 * Names of arguments that no plugin of the network declares: they would be lost without a word, where the multi-network
 * specification wants an error. A device is not among them, its id is in the configuration itself.
 *
 * @param conf    a single plugin or a list
 * @param wanted  as `selectionCapabilities` gives it
 */
export function undeclaredCapabilities(conf: JsonObject, wanted: JsonObject): readonly string[] {
  const plugins = networkPlugins(conf);
  return Object.keys(wanted).filter((name) => !knownAnyway.has(name) && !declares(plugins, name));
}

/** Whether one of the plugins takes a capability argument. */
export function declares(plugins: readonly NetworkPlugin[], capability: string): boolean {
  return plugins.some((plugin) => Object.hasOwn(enabledArgs(plugin, { [capability]: true }), capability));
}

/** What a plugin may know without declaring it. */
const knownAnyway: ReadonlySet<string> = new Set(["deviceID", "CNIDeviceInfoFile"]);

/** The plugins of a configuration as it stands, one or a list; what is no object is left out. */
export function networkPlugins(conf: JsonObject): readonly NetworkPlugin[] {
  const plugins = pluginList(conf) ?? [conf];
  return plugins.filter(isJsonObject).map((plugin) => ({ ...plugin, type: String(plugin["type"] ?? "") }));
}
