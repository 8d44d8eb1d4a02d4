import type { JsonObject } from "../schema/index.ts";

/**
 * The plugins of a configuration that is a list; undefined for a single plugin, which has a type even beside `plugins`.
 */
export function pluginList(conf: JsonObject): readonly unknown[] | undefined {
  const { plugins } = conf;
  return !hasPluginType(conf) && Array.isArray(plugins) ? plugins : undefined;
}

/** Whether a configuration is a single plugin's: its keys match in any case; a list has no type, or an empty one. */
export function hasPluginType(conf: JsonObject): boolean {
  return Object.entries(conf).some(([key, value]) => key.toLowerCase() === "type" && value !== null && value !== "");
}
