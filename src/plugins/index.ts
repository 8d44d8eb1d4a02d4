/**
 * CNI plugins as values, one file or small folder each. What they touch is handed to them; nothing here opens anything.
 * `builtIn` holds those that come with polynic, by type.
 */
import type { Plugin } from "./plugin.ts";

export type * from "./plugin.ts";

/** The plugins that run in-process. */
export const builtIn: ReadonlyMap<string, Plugin> = new Map(([] as readonly Plugin[]).map((plugin) => [plugin.type, plugin]));
