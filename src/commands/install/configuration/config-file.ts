import { compareVersions } from "../../../cni/index.ts";
import type { JsonObject } from "../../../schema/index.ts";

/** What a generated configuration is made from. */
export interface ConfigParts {
  readonly cniVersion: string;
  readonly name: string;
  readonly capabilities: Readonly<Record<string, true>>;
  /** The multiplexer's keys, those that are to be said. */
  readonly keys: JsonObject;
  /** As the node's processes know it; undefined: no API access. */
  readonly kubeconfig: string | undefined;
  readonly networks: { readonly delegates: readonly JsonObject[] } | { readonly clusterNetwork: string };
}

/** From this version on runtimes want a list (CNI specification 1.0.0). */
const listsSince = "1.0.0";

/**
 * Our configuration: a list from 1.0.0 on, a single plugin before. Keys are those that Multus's entry point writes;
 * ours is `mergeResults`, off because a pod's own addresses are its default network's (multi-network specification,
 * 4.1).
 *
 * @param stem  the file's name without its extension
 */
export function configFile(parts: ConfigParts, stem: string): { readonly name: string; readonly text: string } {
  const { cniVersion, name, capabilities, keys, kubeconfig, networks } = parts;
  const plugin = {
    type: "polynic",
    ...(Object.keys(capabilities).length === 0 ? {} : { capabilities }),
    ...keys,
    mergeResults: false,
    ...(kubeconfig === undefined ? {} : { kubeconfig }),
    ...networks,
  };
  const isList = compareVersions(cniVersion, listsSince) >= 0;
  const json = isList ? { cniVersion, name, plugins: [plugin] } : { cniVersion, name, ...plugin };
  return { name: `${stem}.${isList ? "conflist" : "conf"}`, text: `${JSON.stringify(json, null, 2)}\n` };
}
