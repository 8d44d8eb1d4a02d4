import { toCniError } from "../../call/index.ts";
import type { CniError } from "../../cni/index.ts";
import type { Cluster, Pod, PodEvent } from "../../kube/index.ts";
import type { StatusInput } from "../../nad/index.ts";
import { addedMessage, annotation, networkStatus } from "../../nad/index.ts";
import type { Log } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { readDeviceInfo } from "../../store/index.ts";
import type { Begun } from "../attachment/begun.ts";
import type { Delegate } from "../networks/delegate.ts";
import { UnusableNetwork } from "../networks/unusable-network.ts";
import type { FailedAdd } from "../pods.ts";
import { outdated } from "./outdated.ts";

type Reporting = Pick<Cluster, "setNetworkStatus" | "recordEvent">;

/**
 * The pod's networks in its annotation, and beside it an event for each, in order; only the annotation must not be
 * missing. A pod that was assumed is confirmed by it, and told of nothing before.
 *
 * @throws Outdated when it asks for other networks by now
 */
export async function reportAttached(
  cluster: Reporting,
  pod: Pod,
  begun: readonly Begun[],
  log: Log,
): Promise<void> {
  const told = begun.filter(({ attachment }) => attachment.delegate.auxiliary !== true);
  const status = networkStatus(told.map((one) => statusOf(one, one === begun[0], log)));
  const events = told.flatMap(({ attachment, result, notices }): readonly PodEvent[] => {
    const { ifName, delegate: { displayName } } = attachment;
    const warnings = notices.map((notice) => noticeEvent(`Interface ${ifName} of network "${displayName}": ${notice}`));
    if (result === undefined || (result.interfaces.length === 0 && result.ips.length === 0)) return warnings;
    return [
      { type: "Normal", reason: "AddedInterface", message: addedMessage(ifName, result, displayName) },
      ...warnings,
    ];
  });
  const record = () => recordEvents(cluster, pod, events, log);
  const recording = pod.isAssumed === true ? undefined : record();
  // Whatever comes of the status: what is told of it must come after what was told before.
  const outcome = await cluster.setNetworkStatus(pod, status).finally(() => recording);
  if (outcome === "outdated") throw outdated(`pod "${pod.namespace}/${pod.name}"`);
  if (recording === undefined) await record();
  if (outcome === "gone")
    log.warn(`pod "${pod.namespace}/${pod.name}" is gone from the API; its network-status is not written`);
}

function noticeEvent(message: string): PodEvent {
  return { type: "Warning", reason: "NetworkWithoutEffect", message };
}

/**
 * Why the pod could not be attached: an event in one sentence, and the network's entry in the annotation with the
 * reason. Where it was none of the networks, the annotation at least does not tell of any that were there before.
 */
export async function reportFailure(cluster: Reporting, pod: Pod, failure: Failure, log: Log): Promise<void> {
  const { error } = failure;
  const isNotFound = error instanceof UnusableNetwork && error.problem === "not found";
  const event: PodEvent = {
    type: "Warning",
    reason: isNotFound ? "NoNetworkFound" : "FailedToAttachNetwork",
    message: error.message,
  };
  await Promise.all([
    recordEvents(cluster, pod, [event], log),
    writeFailure(cluster, pod, statusAfter(failure, pod), log),
  ]);
}

/** The ADD has failed anyway, and the runtime waits to hear of it. */
const failureLimitMs = 3_000;

async function writeFailure(cluster: Reporting, pod: Pod, status: string | undefined, log: Log): Promise<void> {
  if (status === undefined) return;
  try {
    await cluster.setNetworkStatus(pod, status, { limitMs: failureLimitMs });
  } catch (error) {
    log.warn(`${toCniError(error).message}; the pod's network-status does not tell why it was not attached`);
  }
}

function statusAfter({ error, at, isDefault, isPublished, isRunning }: Failure, pod: Pod): string | undefined {
  if (isRunning) return undefined;
  if (at !== undefined)
    return networkStatus([
      { displayName: at.displayName, isDefault, ifName: at.ifName, result: undefined, error: error.message },
    ]);
  return isPublished || (pod.annotations[annotation.networkStatus] ?? "") !== "" ? networkStatus([]) : undefined;
}

export interface Failure extends Pick<FailedAdd, "isDefault" | "isPublished" | "isRunning"> {
  readonly error: CniError;
  /** The network that failed; undefined when it was none of them. */
  readonly at: { readonly displayName: string; readonly ifName: string } | undefined;
}

/** More than people read. A pod may ask for very many networks, and each event is a write to the cluster's store. */
const eventsMax = 20;

/**
 * One after the other, in the networks' order. What keeps one from being recorded would keep all, and nobody waits for
 * that.
 */
export async function recordEvents(cluster: Reporting, pod: Pod, events: readonly PodEvent[], log: Log): Promise<void> {
  if (events.length > eventsMax)
    log.warn(
      `pod "${pod.namespace}/${pod.name}" has ${events.length} events; only the first ${eventsMax} are recorded`,
    );
  for (const event of events.slice(0, eventsMax)) {
    const problem = await cluster.recordEvent(pod, event);
    if (problem === undefined) continue;
    log.warn(problem);
    return;
  }
}

function statusOf({ attachment, answered }: Begun, isDefault: boolean, log: Log): StatusInput {
  const { delegate, ifName, capabilityArgs } = attachment;
  const { defaultRoute } = delegate.requests;
  const deviceInfo = deviceInfoOf(delegate, capabilityArgs, log);
  return {
    displayName: delegate.displayName, isDefault, ifName, result: answered,
    ...(defaultRoute === undefined ? {} : { defaultRoute }), ...(deviceInfo === undefined ? {} : { deviceInfo }),
  };
}

/** What the device plugin or the CNI plugin wrote down about the network's device. */
function deviceInfoOf(
  { displayName }: Delegate,
  { CNIDeviceInfoFile: file }: JsonObject,
  log: Log,
): JsonObject | undefined {
  if (typeof file !== "string") return undefined;
  try {
    return readDeviceInfo(file);
  } catch (error) {
    log.warn(`${toCniError(error).message}; network "${displayName}" is published without it`);
    return undefined;
  }
}
