/** IPAM plugins called with everything real and a store that nodes share. */
import { join } from "node:path";
import type { OpenHandles } from "../../../src/call/index.ts";
import { openHandles } from "../../../src/call/index.ts";
import type { NodeStores } from "../../../src/ipam/index.ts";
import type { AddContext, Plugin, PluginConf, PluginRequest } from "../../../src/plugins/index.ts";
import { builtModules } from "../wasm.ts";

export interface Place {
  /** State of each node is in a directory of it. */
  readonly directory: string;
  readonly warnings: string[];
}

export function handlesOf({ directory, warnings }: Place, node: string, leaseStores: NodeStores = {}): OpenHandles {
  return openHandles({ netns: "", path: [], execute: [], modules: builtModules, leaseStores,
    moduleSettings: { nodeName: node, nodeIndex: null }, stateDir: join(directory, node),
    log: { error() {}, warn: (line) => void warnings.push(line), verbose() {}, debug() {} },
    surroundings: { env: {}, tell() {} } });
}

export interface CallParts {
  readonly trusted?: boolean;
  readonly args?: string;
  readonly ifName?: string;
}

export function requestOf(
  conf: PluginConf, containerId: string, { trusted = true, args = "", ifName = "eth0" }: CallParts = {},
): PluginRequest {
  return { attachment: { containerId, netns: "", ifName, args, path: [] }, conf, trusted, prevResult: undefined };
}

/** The plugin of the configuration's `ipam.type`. */
export function ipamOf(handles: OpenHandles, { conf }: PluginRequest): Plugin {
  const { type } = conf["ipam"] as { readonly type: string }; // as the test has written it
  return handles.plugin(type, conf);
}

/** Every address that is given. */
export async function addAll(
  handles: OpenHandles, request: PluginRequest, plugin = ipamOf(handles, request),
): Promise<readonly string[]> {
  const undo: (() => void | Promise<void>)[] = [];
  // IPAM plugins need no more of a context than these.
  const context = Object.assign(Object.create(handles), {
    undo: { add: (_: string, step: () => void | Promise<void>) => void undo.push(step) }, withoutEffect() {},
  }) as AddContext;
  try {
    const result = await (await plugin.step(request, handles)).add(undefined, context);
    return result.ips.map(({ address, gateway }) => `${address}${gateway === undefined ? "" : ` via ${gateway}`}`);
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

export async function delOf(
  handles: OpenHandles, request: PluginRequest, plugin = ipamOf(handles, request),
): Promise<void> {
  await plugin.del(request, Object.assign(Object.create(handles), { teardown: {} }));
}
