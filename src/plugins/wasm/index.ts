import { allVersions } from "../../cni/index.ts";
import type { IpamUse, Plugin, PluginRequest } from "../contract/plugin.ts";
import { longForm } from "./long-form.ts";

/** A plugin whose addresses a WASM module chooses: see ipam.ts. */
export function wasmIpam(type: string): Plugin {
  return latePlugin(type, "provider", async () => (await import("./foreign.ts")).wasmIpam(type));
}

/** A plugin that is a WASM module's review of the result so far: see policy.ts. */
export function wasmPolicy(type: string): Plugin {
  return latePlugin(type, "none", async () => (await import("./foreign.ts")).wasmPolicy(type));
}

/**
 * A type that was a module's, or may be: the modules installed cannot be read. What asks for it fails, and what takes
 * away does not wait for it: as a step of a chain it has nothing to take away, and addresses are known by their owner.
 */
export function goneModule(type: string, why: Error): Plugin {
  const refuse = async (): Promise<never> => await Promise.reject(why);
  const isStep = (request: PluginRequest) => request.conf.type === type;
  return {
    type,
    versions: allVersions,
    step() {
      throw why;
    },
    check: refuse,
    status: refuse,
    del: async (request, context) => (isStep(request) ? undefined : await wasmIpam(type).del(request, context)),
    gc: async (request, handles) => (isStep(request) ? undefined : await wasmIpam(type).gc(request, handles)),
  };
}

/**
 * wasm: the long form of naming a module, which says which file it must be.
 *
 * In `ipam` the module decides about addresses, as a step of a chain about results: see ipam.ts and policy.ts.
 */
export const wasm: Plugin = {
  type: longForm,
  versions: allVersions,
  step: (request, handles) => meant(request.conf.type).step(request, handles),
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
function latePlugin(type: string, ipam: IpamUse, load: () => Promise<Plugin>): Plugin {
  return {
    type,
    versions: allVersions,
    ipam,
    step: async (request, handles) => await (await load()).step(request, handles),
    del: async (request, context) => await (await load()).del(request, context),
    check: async (request, handles) => await (await load()).check(request, handles),
    status: async (request, handles) => await (await load()).status(request, handles),
    gc: async (request, handles) => await (await load()).gc(request, handles),
  };
}
