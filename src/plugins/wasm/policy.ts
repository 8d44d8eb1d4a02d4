import type { Result } from "../../cni/index.ts";
import { CniError, allVersions, code, readConf } from "../../cni/index.ts";
import type { LoadedModule } from "../../wasm/index.ts";
import type { Handles, Plugin, PluginRequest } from "../contract/plugin.ts";
import {
  facts,
  macOf,
  podOf,
  referenceOf,
  refuseOtherConfig,
  refuseOtherKind,
  refuseUnmetNeeds,
  wasmSchema,
} from "./conf.ts";

/**
 * A step of a chain that a WASM module decides: it looks at the result so far and lets it pass, changes what the node's
 * configuration lets it change, or refuses the attachment.
 *
 * ADD     asks the module about prevResult.
 * CHECK   asks again: it must still pass. Changes are not made, since nothing is.
 * STATUS  whether the module can be used.
 * DEL, GC have nothing to do.
 */
export function wasmPolicy(type: string): Plugin {
  return {
    type,
    versions: allVersions,
    prepare: async (request, handles) =>
      refuseUnmetNeeds(await usableModule(request, handles), needed(request, handles)),
    add: async (request, context) => await review(request, context),
    async del() {},
    check: async (request, handles) => void await review(request, handles),
    status: async (request, handles) => void await usableModule(request, handles),
    async gc() {},
  };
}

async function review(request: PluginRequest, handles: Handles): Promise<Result> {
  const { prevResult } = request;
  const module = await usableModule(request, handles);
  if (prevResult === undefined) {
    throw new CniError(
      code.invalidConfig,
      `Cannot use module "${module.name}" in network "${request.conf.name}": prevResult is missing, expected a ` +
        "plugin before it in the list",
    );
  }
  const conf = readConf(wasmSchema, request.conf);
  const { mac, ...others } = needed(request, handles);
  refuseUnmetNeeds(module, { mac, ...others });
  return module.review({ ...facts(request, mac), config: conf.config ?? {}, prevResult });
}

/** What a module may need to know, as far as it is known. */
function needed({ attachment, conf }: PluginRequest, { modules }: Handles): Parameters<typeof refuseUnmetNeeds>[1] {
  return { pod: podOf(attachment.args), mac: macOf(readConf(wasmSchema, conf), attachment), node: modules.node };
}

async function usableModule(request: PluginRequest, { modules }: Handles): Promise<LoadedModule> {
  const conf = readConf(wasmSchema, request.conf);
  const module = await modules.load(referenceOf(conf, request));
  refuseOtherKind(module, "policy");
  await refuseOtherConfig(module, conf.config ?? {}, "", request.conf.name);
  return module;
}
