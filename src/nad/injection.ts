import { CniError, code } from "../cni/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import { pluginList } from "./plugin-list.ts";
import { shown } from "./refusal.ts";

/** The configuration with the device under both names plugins look for: in itself, or in every plugin of a list. */
export function withDevice(conf: JsonObject, deviceId: string): JsonObject {
  return mapPlugins(conf, (plugin) => ({
    ...without(plugin, ["deviceid", "pcibusid"]),
    deviceID: deviceId,
    pciBusID: deviceId,
  }));
}

/**
 * The configuration with a selection's `cni-args` in `args.cni`, in itself or in every plugin of a list; of equal keys
 * the selection's wins.
 *
 * @throws CniError 7 when `args` or `args.cni` is there and no object
 */
export function withCniArgs(conf: JsonObject, cniArgs: JsonObject): JsonObject {
  return mapPlugins(conf, (plugin) => {
    const args = objectAt(plugin, "args", "args");
    const cni = objectAt(args, "cni", "args.cni");
    return { ...without(plugin, ["args"]), args: { ...without(args, ["cni"]), cni: { ...cni, ...cniArgs } } };
  });
}

function mapPlugins(conf: JsonObject, change: (plugin: JsonObject) => JsonObject): JsonObject {
  const plugins = pluginList(conf);
  if (plugins === undefined) return change(conf);
  // What is no object is refused where the list is read.
  return { ...conf, plugins: plugins.map((plugin) => isJsonObject(plugin) ? change(plugin) : plugin) };
}

/** Other spellings of a key would be the same key to a plugin that reads them in any case. */
function without(object: JsonObject, lowerKeys: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([key]) => !lowerKeys.includes(key.toLowerCase())));
}

function objectAt(owner: JsonObject, lowerKey: string, path: string): JsonObject {
  const [, value] = Object.entries(owner).findLast(([key]) => key.toLowerCase() === lowerKey) ?? [];
  if (value === undefined || value === null) return {};
  if (isJsonObject(value)) return value;
  throw new CniError(
    code.invalidConfig,
    `Cannot add cni-args to a configuration: ${path} is ${shown(value)}, expected an object`,
  );
}
