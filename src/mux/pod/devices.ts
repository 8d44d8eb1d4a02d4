import { CniError, code } from "../../cni/index.ts";
import type { Cluster, Pod } from "../../kube/index.ts";
import type { Log } from "../../plugins/index.ts";

/** Resource names, and the ids of a pod's devices of each, in order. */
export type Devices = ReadonlyMap<string, readonly string[]>;

/** Device ids that the kubelet gave a pod, handed out one after the other as networks of their resource are met. */
export interface DeviceQueue {
  /** The next device of a resource; undefined when the pod has none, or no further one. */
  next(resourceName: string): Promise<string | undefined>;
}

/** @param read  which there are; asked once at most, when a network wants a device */
export function deviceQueue(read: () => Promise<Devices>): DeviceQueue {
  let devices: Promise<Devices> | undefined;
  const handedOut = new Map<string, number>();
  return {
    async next(resourceName) {
      const ids = (await (devices ??= read())).get(resourceName) ?? [];
      const index = handedOut.get(resourceName) ?? 0;
      handedOut.set(resourceName, index + 1);
      return ids[index];
    },
  };
}

/**
 * What dynamic resource allocation gave a pod. A cluster that does not serve it in the version we know, or does not let
 * us ask, has the pod's claims served without us as before, and its networks none of them.
 */
export async function devicesOfClaims(
  cluster: Pick<Cluster, "getAllocatedDevices">, pod: Pod, log: Pick<Log, "warn">,
): Promise<Devices> {
  try {
    return await cluster.getAllocatedDevices(pod);
  } catch (error) {
    if (!(error instanceof CniError) || error.code !== code.cluster) throw error;
    log.warn(`${error.message}; networks get no devices of the claims of pod "${pod.namespace}/${pod.name}"`);
    return new Map();
  }
}

/** Both, each device once. */
export function together(some: Devices, more: Devices): Devices {
  const all = new Map(some);
  for (const [resource, ids] of more) all.set(resource, [...new Set([...all.get(resource) ?? [], ...ids])]);
  return all;
}

export function noDevice(network: string, resourceName: string): CniError {
  return new CniError(
    code.tryAgainLater,
    `Cannot use network "${network}": the kubelet has allocated no further device of resource "${resourceName}" to ` +
      "the pod, expected one for every network of that resource",
  );
}
