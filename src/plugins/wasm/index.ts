import type { Plugin } from "../plugin.ts";
import { longForm } from "./conf.ts";
import { wasmIpam } from "./ipam.ts";
import { wasmPolicy } from "./policy.ts";

export { wasmIpam } from "./ipam.ts";
export { wasmPolicy } from "./policy.ts";

/**
 * wasm: the long form of naming a module, which says which file it must be.
 *
 * In `ipam` the module decides about addresses, as a step of a chain about results: see ipam.ts and policy.ts.
 */
export const wasm: Plugin = {
  type: longForm,
  versions: wasmIpam(longForm).versions,
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
