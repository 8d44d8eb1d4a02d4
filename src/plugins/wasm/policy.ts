import type { Result } from "../../cni/index.ts";
import { CniError, allVersions, code, readConf } from "../../cni/index.ts";
import type { LoadedModule } from "../../wasm/index.ts";
import type { Handles, Plugin, StepRequest } from "../contract/plugin.ts";
import type { WasmConf } from "./conf.ts";
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
    ipam: "none",
    async step(request, handles) {
      const review = await readReview(request, handles);
      return { add: async (prevResult) => review(prevResult) };
    },
    async del() {},
    check: async (request, handles) => void (await readReview(request, handles))(request.prevResult),
    status: async (request, handles) =>
      void await usableModule(readConf(wasmSchema, request.conf), request, handles),
    async gc() {},
  };
}

/** The review that a configuration asks for, of a result that is yet to come. */
async function readReview(
  request: StepRequest,
  handles: Handles,
): Promise<(prevResult: Result | undefined) => Result> {
  const { attachment } = request;
  const conf = readConf(wasmSchema, request.conf);
  const module = await usableModule(conf, request, handles);
  const mac = macOf(conf, attachment);
  refuseUnmetNeeds(module, { pod: podOf(attachment.args), mac, node: handles.modules.node });
  return (prevResult) => {
    if (prevResult !== undefined)
      return module.review({ ...facts(request, mac), config: conf.config ?? {}, prevResult });
    throw new CniError(
      code.invalidConfig,
      `Cannot use module "${module.name}" in network "${request.conf.name}": prevResult is missing, expected a ` +
        "plugin before it in the list",
    );
  };
}

async function usableModule(conf: WasmConf, request: StepRequest, { modules }: Handles): Promise<LoadedModule> {
  const module = await modules.load(referenceOf(conf, request));
  refuseOtherKind(module, "policy");
  await refuseOtherConfig(module, conf.config ?? {}, "", request.conf.name);
  return module;
}
