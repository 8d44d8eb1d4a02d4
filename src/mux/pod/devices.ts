import { CniError, code } from "../../cni/index.ts";

/** Device ids that the kubelet gave a pod, handed out one after the other as networks of their resource are met. */
export interface DeviceQueue {
  /** The next device of a resource; undefined when the pod has none, or no further one. */
  next(resourceName: string): Promise<string | undefined>;
}

/** @param read  the kubelet's answer, resource names to ids; asked once at most, when a network wants a device */
export function deviceQueue(read: () => Promise<ReadonlyMap<string, readonly string[]>>): DeviceQueue {
  let devices: Promise<ReadonlyMap<string, readonly string[]>> | undefined;
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

export function noDevice(network: string, resourceName: string): CniError {
  return new CniError(
    code.tryAgainLater,
    `Cannot use network "${network}": the kubelet has allocated no further device of resource "${resourceName}" to ` +
      "the pod, expected one for every network of that resource",
  );
}
