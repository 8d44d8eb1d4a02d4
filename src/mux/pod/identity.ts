import { CniError, code } from "../../cni/index.ts";
import type { Cluster, Pod, PodKey } from "../../kube/index.ts";
import type { ArgPairs } from "../networks/args.ts";

/** The pod CNI_ARGS name; undefined when they do not name one in full, as runtimes without a cluster do. */
export function podKeyOf(args: ArgPairs): PodKey | undefined {
  const given = new Map(args);
  const namespace = given.get("K8S_POD_NAMESPACE") ?? "", name = given.get("K8S_POD_NAME") ?? "";
  return namespace === "" || name === "" ? undefined : { namespace, name };
}

/**
 * The pod as the API has it; undefined when the API has none. Where that is allowed, as a watch has told of it last, if
 * the runtime's UID says that it is that pod.
 *
 * A pod of the same name with another UID came after the one that the runtime is about: its annotations are not for
 * this container. Static pods are the exception, as what the API has of them is an image the kubelet made, with a UID
 * of its own.
 *
 * @throws CniError 11 for another UID, or when the API cannot tell
 */
export async function findPod(
  cluster: Pick<Cluster, "getPod" | "assumed">,
  key: PodKey,
  args: ArgPairs,
  { mayAssume }: { readonly mayAssume: boolean } = { mayAssume: false },
): Promise<Pod | undefined> {
  const uid = new Map(args).get("K8S_POD_UID") ?? "";
  const assumed = mayAssume && uid !== "" ? cluster.assumed.pod(key, uid) : undefined;
  if (assumed !== undefined) return assumed;
  const pod = await cluster.getPod(key);
  if (pod === undefined || uid === "" || pod.isStatic || pod.uid === uid) return pod;
  throw new CniError(
    code.tryAgainLater,
    `Cannot use pod "${key.namespace}/${key.name}": the runtime's has UID ${uid}, the API's has ${pod.uid}, expected ` +
      "the same pod",
  );
}
