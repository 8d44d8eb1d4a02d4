import { splitArgPairs } from "../../cni/index.ts";
import type { Claimant } from "../../ipam/index.ts";
import type { Attachment } from "../contract/plugin.ts";

/**
 * Who has the addresses of an interface: the container, and the pod it belongs to. Engines without pods give the
 * container's own name as that of a pod without a namespace.
 */
export function ownerOf({ containerId, ifName, args }: Attachment): Claimant {
  const pairs = new Map(splitArgPairs(args));
  const [namespace = "", name = "", uid = ""] = podKeys.map((key) => pairs.get(key));
  return { containerId, ifName, ...(name === "" ? {} : { pod: { namespace, name, uid } }) };
}

const podKeys = ["K8S_POD_NAMESPACE", "K8S_POD_NAME", "K8S_POD_UID"];
