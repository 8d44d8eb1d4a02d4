import { allVersions } from "../../cni/index.ts";
import type { Plugin } from "../plugin.ts";
import { longForm } from "./long-form.ts";

/** A plugin whose addresses a WASM module chooses: see ipam.ts. */
export function wasmIpam(type: string): Plugin {
  return lateStep(type, async () => (await import("./foreign.ts")).wasmIpam(type));
}

/** A plugin that is a WASM module's review of the result so far: see policy.ts. */
export function wasmPolicy(type: string): Plugin {
  return lateStep(type, async () => (await import("./foreign.ts")).wasmPolicy(type));
}

/**
 * wasm: the long form of naming a module, which says which file it must be.
 *
 * In `ipam` the module decides about addresses, as a step of a chain about results: see ipam.ts and policy.ts.
 */
export const wasm: Plugin = {
  type: longForm,
  versions: allVersions,
  prepare: async (request, handles) => await meant(request.conf.type).prepare?.(request, handles),
  add: async (request, context) => await meant(request.conf.type).add(request, context),
  del: async (request, context) => await meant(request.conf.type).del(request, context),
  check: async (request, handles) => await meant(request.conf.type).check(request, handles),
  status: async (request, handles) => await meant(request.conf.type).status(request, handles),
  gc: async (request, handles) => await meant(request.conf.type).gc(request, handles),
};

/** A plugin that delegates its IPAM hands over its own configuration, type and all. */
function meant(type: string): Plugin {
  return type === longForm ? wasmPolicy(longForm) : wasmIpam(longForm);
}

/** What only networks with modules need is a script of its own, loaded with the first call. */
function lateStep(type: string, load: () => Promise<Plugin>): Plugin {
  return {
    type,
    versions: allVersions,
    prepare: async (request, handles) => await (await load()).prepare?.(request, handles),
    add: async (request, context) => await (await load()).add(request, context),
    del: async (request, context) => await (await load()).del(request, context),
    check: async (request, handles) => await (await load()).check(request, handles),
    status: async (request, handles) => await (await load()).status(request, handles),
    gc: async (request, handles) => await (await load()).gc(request, handles),
  };
}
