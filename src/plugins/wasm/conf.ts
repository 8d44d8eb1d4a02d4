import { schema } from "../../../build/late-schemas/wasm.mjs";
import type { Confs } from "../../cni/index.ts";
import { CniError, code, confSchema, splitArgPairs } from "../../cni/index.ts";
import type { NodeIdentity, Pod } from "../../ipam/index.ts";
import type { AttachmentRequest, LoadedModule, ModuleReference } from "../../wasm/index.ts";
import type { Attachment, StepRequest } from "../contract/plugin.ts";
import { requestedMac } from "../interface/mac.ts";
import { longForm } from "./long-form.ts";

/** A network's configuration as the plugins of modules read it: an `ipam` section, or a step of a chain. */
export type WasmConf = Confs["wasm"];

/** Which module, what for, and how much of the node it may use. */
type ModuleConf = Pick<WasmConf, "module" | "sha256" | "config" | "limits" | "type">;

export const wasmSchema = confSchema(schema);

/**
 * The module a section names: by its type, or by `module` in the long form.
 *
 * @throws CniError 7 when the long form names none
 */
export function referenceOf(section: ModuleConf, request: StepRequest): ModuleReference {
  const { type = "", sha256, limits } = section;
  const module = type === longForm ? section.module : type;
  if (module === undefined || module === "") {
    throw new CniError(
      code.invalidConfig,
      `Cannot read network "${request.conf.name}": module is missing beside type "${longForm}", expected the name of ` +
        "an installed module",
    );
  }
  return { module, sha256, limits, trusted: request.trusted === true };
}

/**
 * Refuses a configuration that the module's own schema refuses, before anything of the module runs.
 *
 * @param where  the section's path: "ipam.", or "" for a step
 * @throws CniError 7 naming the key
 */
export async function refuseOtherConfig(
  module: LoadedModule,
  config: object,
  where: string,
  network: string,
): Promise<void> {
  const problem = await module.checkConfig(config);
  if (problem === undefined) return;
  const key = problem.startsWith("it ") ? `${where}config${problem.slice(2)}` : `${where}config.${problem}`;
  throw new CniError(code.invalidConfig, `Cannot read network "${network}" for module "${module.name}": ${key}`);
}

/** The same for a module of another kind than the place asks for. */
export function refuseOtherKind({ name, metadata }: LoadedModule, kind: LoadedModule["metadata"]["kind"]): void {
  if (metadata.kind !== kind)
    throw new CniError(
      code.invalidConfig,
      `Cannot use module "${name}": it is of kind ${metadata.kind}, expected one of kind ${kind}`,
    );
}

/**
 * What a module needs to know of a container and is not told by the runtime is a reason to refuse before it is asked.
 */
export function refuseUnmetNeeds(
  { name, metadata }: LoadedModule,
  facts: { readonly pod: Pod | undefined; readonly mac: string | null; readonly node: NodeIdentity },
): void {
  const { pod, mac, node } = facts;
  const missing = [
    ...(pod === undefined ? ["pod: CNI_ARGS holds no K8S_POD_NAMESPACE and K8S_POD_NAME"] : []),
    ...(mac === null
      ? ["mac: no MAC is asked for, expected one in mac, args.cni.mac, runtimeConfig.mac or CNI_ARGS"]
      : []),
    ...(node.name === "" ? ["node: it has no name, expected nodeName in the node's configuration"] : []),
  ].find((text) => metadata.needs.some((need) => text.startsWith(`${need}:`)));
  if (missing !== undefined) throw new CniError(code.invalidConfig, `Cannot use module "${name}": it needs ${missing}`);
}

/** The pod of CNI_ARGS, as far as the runtime told; undefined without namespace and name. */
export function podOf(args: string): Pod | undefined {
  const pairs = new Map(splitArgPairs(args));
  const namespace = pairs.get("K8S_POD_NAMESPACE") ?? "", name = pairs.get("K8S_POD_NAME") ?? "";
  return namespace === "" || name === "" ? undefined : { namespace, name, uid: pairs.get("K8S_POD_UID") ?? "" };
}

/** The MAC the interface is asked to have; what the kernel draws by itself is not known yet. */
export function macOf(conf: Partial<WasmConf>, attachment: Attachment): string | null {
  const pairs = splitArgPairs(attachment.args)
    .filter(([key]) => key === "MAC")
    .map(([key, value]) => `${key}=${value}`);
  return (
    requestedMac({
      configured: conf.args?.cni?.mac ?? conf.mac,
      args: pairs.join(";"),
      runtimeConfig: conf.runtimeConfig?.mac,
      stronger: "configured",
    }) ?? null
  );
}

/** What each op is told of the container. */
export function facts(
  { attachment, conf }: StepRequest,
  mac: string | null,
): Pick<AttachmentRequest, "attachment" | "pod"> {
  const { containerId, ifName, args } = attachment;
  return { attachment: { containerId, ifName, network: conf.name, mac }, pod: podOf(args) };
}
