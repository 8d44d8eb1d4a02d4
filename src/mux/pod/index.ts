/**
 * Containers that are pods of a cluster: who a container is, which networks its annotations ask for, and what is
 * published about it. A script of its own, loaded only where a cluster is configured.
 */
import type { Warm } from "../../call/index.ts";
import { toCniError } from "../../call/index.ts";
import { CniError, code } from "../../cni/index.ts";
import type { Cluster, KeptCluster, Pod, PodEvent } from "../../kube/index.ts";
import { asksTheSame, devicesOfPod, openCluster, openConnections } from "../../kube/index.ts";
import type { NetworkSelection } from "../../nad/index.ts";
import type { Log } from "../../plugins/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Begun } from "../attachment/begun.ts";
import { forgetDevice, provideDevice } from "../attachment/device-info.ts";
import type { MuxCommand } from "../command.ts";
import type { MuxConf } from "../conf.ts";
import type { ArgPairs } from "../networks/args.ts";
import { UnusableNetwork } from "../networks/unusable-network.ts";
import type { PodAttachment, PodChange, Pods } from "../pods.ts";
import { reportChange } from "./change-report.ts";
import { claimsOf } from "./claims.ts";
import { withDefaultRoutes } from "./default-routes.ts";
import type { Definitions } from "./definitions.ts";
import { definitionsOf } from "./definitions.ts";
import type { DeviceQueue, Devices } from "./devices.ts";
import { deviceQueue, devicesOfClaims, together } from "./devices.ts";
import { findPod, podKeyOf } from "./identity.ts";
import type { Lookup } from "./networks.ts";
import { delegateFor, findForNode, networksOfPod, selectionsOf } from "./networks.ts";
import { Outdated, outdated } from "./outdated.ts";
import type { Failure } from "./report.ts";
import { recordEvents, reportAttached, reportFailure } from "./report.ts";
import { unmetRequest } from "./requests.ts";

export interface PodsOptions {
  readonly conf: MuxConf;
  readonly env: MuxCommand["env"];
  readonly version: string;
  readonly log: Log;
  /** For all requests together. */
  readonly deadlineMs: number;
  /** Of them, what is kept for telling of a failure. */
  readonly reserveMs?: number;
  /** What this process keeps of the cluster between commands. */
  readonly kept: KeptCluster | undefined;
  /** Those to clusters' APIs; absent: its own. */
  readonly connections: Warm["connections"] | undefined;
  /** Stands for the cluster: nothing is opened. */
  readonly instead?: Cluster | undefined;
}

/**
 * Nothing is read before the first question, which is the one that fails (CniError 7) for a kubeconfig that cannot be
 * used.
 */
export function openPods({ conf, env, version, log, kept, connections, instead, ...times }: PodsOptions): Pods {
  const { kubeconfig } = conf.cluster;
  const cluster = instead ?? openCluster({ kubeconfig, env, version, kept,
    connections: connections?.of(openConnections), ...times });
  if (cluster === undefined)
    throw new CniError(
      code.invalidConfig,
      `Cannot use kubeconfig "${kubeconfig}": it leads to no cluster, expected the path of a client's configuration`,
    );
  const { find } = definitionsOf(cluster, { mayAssume: false });
  const forNobody: Lookup = {
    conf,
    find,
    devices: deviceQueue(async () => new Map()),
    ignored: ({ message }) => log.warn(message),
  };
  return {
    find: findForNode(forNobody),
    requireUsable: () => cluster.requireUsable(),
    async attach(args, how) {
      const key = podKeyOf(args);
      if (key === undefined) return undefined;
      const pod = await findPod(cluster, key, args, how);
      return pod === undefined
        ? "gone"
        : attachmentOf(pod, {
            cluster, conf, log,
            definitions: definitionsOf(cluster, how),
            devices: deviceQueue(() => readDevices({ cluster, pod, args, log })),
          });
    },
    isOutdated: (error) => error instanceof Outdated,
    async change(args) {
      const key = podKeyOf(args), uid = new Map(args).get("K8S_POD_UID") ?? "";
      const pod = key === undefined ? undefined : await cluster.getPod(key);
      return pod === undefined || pod.uid !== uid || isLeaving(pod)
        ? undefined
        : changeOf(pod, {
            cluster, conf, log, definitions: definitionsOf(cluster, { mayAssume: false }), devices: noNewDevices,
          });
    },
    async remembered(args) {
      const key = podKeyOf(args);
      const pod = key === undefined ? undefined : await findPod(cluster, key, args);
      return pod === undefined
        ? undefined
        : await networksOfPod(pod, { ...forNobody, devices: devicesLeft({ cluster, pod, args, log }) });
    },
    close: () => cluster.close(),
  };
}

interface AttachmentParts extends Pick<Lookup, "conf" | "devices"> {
  readonly cluster: Cluster;
  readonly definitions: Definitions;
  readonly log: Log;
}

function attachmentOf(pod: Pod, parts: AttachmentParts): PodAttachment {
  const { cluster, conf, definitions, devices, log } = parts, warnings: PodEvent[] = [];
  const ignored = ignoring(parts, warnings), claims = claimsOf(pod, parts);
  return {
    ...aroundPlugins(ignored, log),
    delegates: () => networksOfPod(pod, { conf, find: definitions.find, claim: claims.find, devices, ignored }),
    async attached(networks) {
      await definitions.confirm();
      const recordWarnings = () => recordEvents(cluster, pod, warnings, log);
      if (pod.isAssumed === true) {
        await reportAttached(cluster, pod, networks, log);
        await recordWarnings();
      } else await Promise.all([reportAttached(cluster, pod, networks, log), recordWarnings()]);
      await claims.record(networks);
    },
    confirm: () => confirmAll(pod, { cluster, definitions, log }),
    async failed(thrown, how) {
      const error = toCniError(thrown);
      await reportFailure(cluster, pod, { ...how, error, at: placeOf(error, how.begun) }, log);
    },
  };
}

/** What comes before and after a network's plugins. */
function aroundPlugins(ignored: Lookup["ignored"], log: Log): Pick<PodAttachment, "prepare" | "complete"> {
  return {
    prepare(network, undo) {
      undo.add("remove the description of its device", () => forgetDevice(network));
      provideDevice(network, log);
    },
    complete(network, result, handles) {
      const unmet = unmetRequest(network, result);
      if (unmet !== undefined) ignored(unmet, "request");
      return withDefaultRoutes(network, result, handles);
    },
  };
}

/** Tells what is let pass in the log and by events, or throws where the configuration calls it an error. */
function ignoring({ conf, log }: Pick<AttachmentParts, "conf" | "log">, warnings: PodEvent[]): Lookup["ignored"] {
  return (problem, kind) => {
    if (kind === "device" ? conf.cluster.requireDevices : conf.cluster.strictSelections) throw problem;
    log.warn(problem.message);
    warnings.push({
      type: "Warning",
      reason: kind === "device" ? "NoDeviceAllocated" : "NetworkRequestIgnored",
      message: problem.message,
    });
  };
}

function changeOf(pod: Pod, parts: AttachmentParts): PodChange {
  const { cluster, conf, definitions, devices, log } = parts, warnings: PodEvent[] = [];
  const ignored = ignoring(parts, warnings), claims = claimsOf(pod, parts);
  const lookup = { conf, find: definitions.find, claim: claims.find, devices, ignored };
  const selections = (): readonly NetworkSelection[] => selectionsOf(pod, lookup);
  return {
    ...aroundPlugins(ignored, log),
    wanted: () => selections().map((selection) => JSON.stringify(selection)),
    async delegate(index) {
      const selection = selections()[index];
      if (selection === undefined) throw new Error(`there is no element ${index}`);
      return await delegateFor(selection, { selection }, lookup);
    },
    async changed(done) {
      await claims.record(done.added);
      await reportChange(cluster, pod, { ...done, warnings, auxiliary: conf.auxiliaryCNIChainName }, log);
    },
  };
}

/** The kubelet allocates devices when a pod is made; those of this one are of the networks that it had then. */
const noNewDevices: DeviceQueue = {
  async next() {
    throw new CniError(code.invalidConfig, "devices are allocated when a pod is made, expected none while it runs");
  },
};

/** Its networks are taken away with it. */
function isLeaving({ object: { metadata } }: Pod): boolean {
  return isJsonObject(metadata) && metadata["deletionTimestamp"] !== undefined;
}

/**
 * Before a failure is told: it is none where what it rests on is not so any more. An API that cannot tell changes
 * nothing about it.
 */
async function confirmAll(
  pod: Pod, { cluster, definitions, log }: Pick<AttachmentParts, "cluster" | "definitions" | "log">,
): Promise<void> {
  try {
    await definitions.confirm();
    if (pod.isAssumed !== true) return;
    const now = await cluster.getPod(pod);
    if (now === undefined || !asksTheSame(pod, now)) throw outdated(`pod "${pod.namespace}/${pod.name}"`);
  } catch (error) {
    if (error instanceof Outdated) throw error;
    log.warn(`${toCniError(error).message}; what went wrong is told without that`);
  }
}

interface DevicesOf extends Pick<AttachmentParts, "cluster" | "log"> {
  readonly pod: Pod;
  readonly args: ArgPairs;
}

/** The kubelet knows a static pod by the UID that it gave it itself, which the runtime has from it. */
async function readDevices(
  { cluster, pod, args, log }: DevicesOf,
  options: { readonly limitMs?: number } = {},
): Promise<Devices> {
  const uid = new Map(args).get("K8S_POD_UID") || pod.uid;
  const ofKubelet = await devicesOfPod({ ...pod, uid }, { ...options, skipped: (problem) => log.warn(problem) });
  return together(ofKubelet, await devicesOfClaims(cluster, pod, log));
}

/** A node that is drained does not wait for its kubelet. */
const devicesLeftMs = 2_000;

/** Those of a pod about to go; the kubelet may have taken them back already. */
function devicesLeft(of: DevicesOf): DeviceQueue {
  return deviceQueue(() => readDevices(of, { limitMs: devicesLeftMs }).catch(() => new Map()));
}

/** The network a failure is one of. */
function placeOf(error: CniError, begun: Begun | undefined): Failure["at"] {
  if (error instanceof UnusableNetwork) return { displayName: error.displayName, ifName: "" };
  return begun === undefined
    ? undefined
    : { displayName: begun.attachment.delegate.displayName, ifName: begun.attachment.ifName };
}
