/**
 * CNI plugins as values, one file or small folder each. What they touch is handed to them; nothing here opens anything.
 * `builtIn` holds those that come with polynic, by type.
 */
import { bridge } from "./bridge/index.ts";
import { hostDevice } from "./host-device/index.ts";
import { hostLocal } from "./host-local/index.ts";
import { loopback } from "./loopback/index.ts";
import { macvlan } from "./macvlan/index.ts";
import type { Plugin } from "./contract/plugin.ts";
import { portmap } from "./portmap/index.ts";
import { staticPlugin } from "./static/index.ts";
import { wasm } from "./wasm/index.ts";

export { normaliseRangeSets } from "./host-local/ranges.ts";
export type {
  AddContext, Attachment, DelContext, GcRequest, Handles, Log, Plugin, PluginConf, PluginRequest, Step, StepRequest,
  Teardown, Undo, ValidAttachment,
} from "./contract/plugin.ts";
export { goneModule, wasmIpam, wasmPolicy } from "./wasm/index.ts";

const plugins: readonly Plugin[] = [bridge, hostDevice, hostLocal, loopback, macvlan, portmap, staticPlugin, wasm];

/** The plugins that run in-process, by type. */
export const builtIn: ReadonlyMap<string, Plugin> = new Map(plugins.map((plugin) => [plugin.type, plugin]));
