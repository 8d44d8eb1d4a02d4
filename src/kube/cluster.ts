import type { World } from "../os/index.ts";
import { realWorld } from "../os/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { Api, tryTimeoutMs } from "./client/api.ts";
import { Budget } from "./client/budget.ts";
import type { Connections } from "./client/connections.ts";
import type { Environment } from "./client/environment.ts";
import { inClusterAccess, isInCluster, serviceAccountDirectory } from "./client/in-cluster.ts";
import { readKubeconfig } from "./client/kubeconfig.ts";
import { getAllocatedDevices } from "./objects/allocated-devices.ts";
import { getDefinition } from "./objects/definition.ts";
import type { PodEvent } from "./objects/event.ts";
import { recordEvent } from "./objects/event.ts";
import type { ClaimStatus, IpamClaim } from "./objects/ipam-claim.ts";
import { getIpamClaim, setClaimStatus } from "./objects/ipam-claim.ts";
import { getPod, setNetworkStatus } from "./objects/network-status.ts";
import type { Pod, PodKey } from "./objects/pod.ts";
import type { KeptCluster } from "./watch/kept-clusters.ts";

/** What a command asks of the cluster, and tells it. Every method waits and tries again within the deadline. */
export interface Cluster {
  /**
   * undefined: the API says that there is none.
   *
   * @throws CniError 11 when nobody could tell
   */
  getPod(key: PodKey): Promise<Pod | undefined>;
  /** A NetworkAttachmentDefinition as the API gives it; undefined: the API says that there is none. */
  getDefinition(key: PodKey): Promise<JsonObject | undefined>;
  /**
   * The pod of that UID, and a definition, as a watch has told of them last; undefined where nobody watches, or what is
   * known is not to be relied on. They are assumed: nothing may rest on them in the end that the API has not confirmed.
   */
  readonly assumed: Pick<KeptCluster, "pod" | "definition">;
  /**
   * Only the annotation changes; "gone": the pod is not there any more, or is another one of that name; "outdated": the
   * pod was assumed, and asks for other networks by now.
   */
  setNetworkStatus(
    pod: Pod, status: string, options?: { readonly limitMs: number },
  ): Promise<"written" | "gone" | "outdated">;
  /** What the pod has by dynamic resource allocation: resource name to the ids of its devices. */
  getAllocatedDevices(pod: Pod): Promise<ReadonlyMap<string, readonly string[]>>;
  /** An IPAMClaim; undefined: the API says that there is none. */
  getIpamClaim(key: PodKey): Promise<IpamClaim | undefined>;
  /** Only the claim's addresses and who has them change; "gone": it is not there any more. */
  setClaimStatus(claim: IpamClaim, status: ClaimStatus): Promise<"written" | "gone">;
  /** Resolves with why it could not be recorded, undefined when it was; never throws. */
  recordEvent(pod: Pod, event: PodEvent): Promise<string | undefined>;
  /**
   * Reads what says how the API is reached, and asks nobody, not even a program for credentials.
   *
   * @throws CniError 7 when it cannot be read or is refused
   */
  requireUsable(): Promise<void>;
  /** Drops the connections, so that the process may end. */
  close(): void;
}

export interface ClusterOptions {
  /** A file's path; "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly env: Environment;
  /** For all requests together. It counts only while one is waited for. */
  readonly deadlineMs: number;
  /** Of the deadline, kept for events and a status with a limit of its own; 0 when absent. */
  readonly reserveMs?: number;
  /** For one try of one request, when it is not the usual time. */
  readonly tryTimeoutMs?: number;
  /** Ours, for the API's audit log. */
  readonly version?: string;
  /** Where the service account is, when not in the usual place. */
  readonly serviceAccountDirectory?: string;
  /** What this process keeps of that cluster between commands. */
  readonly kept?: KeptCluster | undefined;
  /** Those that others use as well, and close; absent: its own. */
  readonly connections?: Connections | undefined;
}

/**
 * The cluster's API; undefined when there is neither a kubeconfig nor a pod's environment. Nothing is read before the
 * first request, which is the one that fails when the kubeconfig is broken (CniError 7).
 */
export function openCluster(options: ClusterOptions, world: World = realWorld): Cluster | undefined {
  const { kubeconfig, env, kept } = options;
  if (kubeconfig === "" && !isInCluster(env)) return undefined;
  const api = new Api({
    access: async () =>
      kubeconfig === ""
        ? inClusterAccess(env, options.serviceAccountDirectory ?? serviceAccountDirectory)
        : await readKubeconfig(kubeconfig, env),
    budget: new Budget(options.deadlineMs, world),
    reserveMs: options.reserveMs ?? 0,
    tryTimeoutMs: options.tryTimeoutMs ?? tryTimeoutMs,
    userAgent: `polynic/${options.version ?? "unknown"}`,
    world,
    connections: options.connections,
  });
  const ask = (key: PodKey) => getDefinition(api, key);
  return {
    getPod: (key) => getPod(api, key),
    getDefinition: (key) => kept?.definitionReads.read(`${key.namespace}/${key.name}`, () => ask(key)) ?? ask(key),
    assumed: kept ?? nothingAssumed,
    setNetworkStatus: (pod, status, limits) => setNetworkStatus(api, { pod, status, world, ...limits }),
    getAllocatedDevices: (pod) => getAllocatedDevices(api, pod),
    getIpamClaim: (key) => getIpamClaim(api, key),
    setClaimStatus: (claim, status) => setClaimStatus(api, claim, status, world),
    recordEvent: (pod, event) => recordEvent(api, { pod, event, world }),
    requireUsable: () => api.requireUsable(),
    close: () => api.close(),
  };
}

const nothingAssumed = { pod: () => undefined, definition: () => undefined };
