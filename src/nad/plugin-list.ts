import type { JsonObject } from "../cni/index.ts";

/** The plugins of a configuration that is a list; undefined for a single plugin, which has a type even beside `plugins`. */
export function pluginList(conf: JsonObject): readonly unknown[] | undefined {
  const single = Object.entries(conf).some(([key, value]) => key.toLowerCase() === "type" && value !== null && value !== "");
  const { plugins } = conf;
  return !single && Array.isArray(plugins) ? plugins : undefined;
}
