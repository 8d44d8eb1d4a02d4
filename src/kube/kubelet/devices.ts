import { statSync } from "node:fs";
import { CniError, code, messageOf } from "../../cni/index.ts";
import type { Pod, PodKey } from "../objects/pod.ts";
import { told } from "../objects/pod.ts";
import { readCheckpoint } from "./checkpoint.ts";
import type { ContainerResources, PodResources } from "./pod-resources.ts";

/** Where the kubelet tells which devices it gave to whom. */
export interface DeviceSources {
  readonly socket?: string;
  readonly checkpoint?: string;
  /** To connect to the socket and be answered. */
  readonly limitMs?: number;
  /** Hears of a device that is left out, and why. */
  readonly skipped?: (problem: string) => void;
}

const defaultSocket = "/var/lib/kubelet/pod-resources/kubelet.sock";
const defaultCheckpoint = "/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint";
const defaultLimitMs = 10_000;
/** What the kubelet's own clients allow for an answer. */
const answerBytesMax = 16 * 1024 * 1024;

/**
 * The devices the kubelet allocated to a pod: resource name to ids, those of all its containers, in the order of their
 * text and each once, as containers that run one after the other may share a device. Dynamically allocated ones stand
 * under the name of their claim. The pod-resources socket is asked; a kubelet without one has a checkpoint file, which
 * knows pods by UID.
 *
 * @returns an empty map for a pod the kubelet gave nothing, or does not know
 * @throws CniError 4 for a pod without a name, 11 when the socket gives no answer, 5 or 6 when there is no source or it
 *   cannot be read
 */
export async function devicesOfPod(
  pod: Pick<Pod, "namespace" | "name" | "uid">,
  {
    socket = defaultSocket,
    checkpoint = defaultCheckpoint,
    limitMs = defaultLimitMs,
    skipped = () => {},
  }: DeviceSources = {},
): Promise<ReadonlyMap<string, readonly string[]>> {
  if (pod.namespace === "" || pod.name === "") throw unnamed(pod, "expected a namespace and a name");
  if (isThere(socket, pod)) return inOrder(await idsFromSocket(pod, { socket, limitMs, skipped }));
  if (pod.uid === "")
    throw unnamed(pod, `its UID is empty, expected the one in the kubelet's checkpoint ${checkpoint}`);
  const entries = readCheckpoint(checkpoint);
  if (entries === undefined) {
    throw new CniError(
      code.ioFailure,
      `Cannot look up the devices of ${told(pod)}: there is neither the kubelet's socket ${socket} nor its ` +
        `checkpoint ${checkpoint}, expected one of them`,
    );
  }
  return inOrder(
    entries.filter(({ podUid }) => podUid === pod.uid).map(({ resourceName, deviceIds }) => [resourceName, deviceIds]),
  );
}

/** Ids of one resource; there may be several of the same. */
type Ids = readonly [resourceName: string, ids: readonly string[]];

async function idsFromSocket(
  pod: PodKey,
  { socket, limitMs, skipped }: Required<Omit<DeviceSources, "checkpoint">>,
): Promise<readonly Ids[]> {
  const { listPodResources } = await import("./pod-resources.ts");
  let pods: readonly PodResources[];
  try {
    pods = await listPodResources({ socket, limitMs, bytesMax: answerBytesMax });
  } catch (error) {
    const reason = messageOf(error);
    throw new CniError(
      code.tryAgainLater,
      `Cannot look up the devices of ${told(pod)}: the kubelet's socket ${socket} gave no answer but ${reason}, ` +
        `expected its list of pod resources within ${limitMs} ms`,
      { cause: error },
    );
  }
  return pods.filter(({ namespace, name }) => namespace === pod.namespace && name === pod.name)
    .flatMap(({ containers }) => containers)
    .flatMap((container) => idsOf(container, skipped));
}

function idsOf({ devices, dynamicResources }: ContainerResources, skipped: (problem: string) => void): readonly Ids[] {
  const claimed = dynamicResources.map(({ claimName, claimResources }): Ids => {
    const names = claimResources.flatMap(({ cdiDevices }) => cdiDevices).map(({ name }) => name);
    return [claimName, names.flatMap((name) => deviceOf(name) ?? skip(name, claimName, skipped))];
  });
  return [...devices.map(({ resourceName, deviceIds }): Ids => [resourceName, deviceIds]), ...claimed];
}

/** The device in a qualified name of the Container Device Interface: "0000:03:02.1" in "vendor.com/vf=0000:03:02.1". */
function deviceOf(name: string): string | undefined {
  const [kind, device, ...more] = name.split("=");
  return kind === "" || device === undefined || device === "" || more.length > 0 ? undefined : device;
}

function skip(name: string, claim: string, skipped: (problem: string) => void): readonly string[] {
  skipped(`Cannot use device ${JSON.stringify(name)} of claim "${claim}": expected vendor/class=device`);
  return [];
}

function inOrder(ids: readonly Ids[]): ReadonlyMap<string, readonly string[]> {
  const sets = new Map<string, Set<string>>();
  for (const [resourceName, some] of ids) {
    const known = sets.get(resourceName) ?? new Set();
    sets.set(resourceName, known);
    for (const id of some) known.add(id);
  }
  return new Map(Array.from(sets, ([resourceName, known]) => [resourceName, [...known].sort()]));
}

function isThere(socket: string, pod: PodKey): boolean {
  try {
    return statSync(socket, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw new CniError(
      code.ioFailure,
      `Cannot look up the devices of ${told(pod)}: the kubelet's socket ${socket} cannot be looked at: ` +
        `${String(error)}`,
      { cause: error },
    );
  }
}

function unnamed(pod: PodKey, problem: string): CniError {
  return new CniError(code.invalidEnvironment, `Cannot look up the devices of ${told(pod)}: ${problem}`);
}
