import type { Cluster, Pod, PodEvent } from "../../kube/index.ts";
import { addedMessage, annotation, networkStatus } from "../../nad/index.ts";
import type { Log } from "../../plugins/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { ChangeDone } from "../pods.ts";
import { recordEvents } from "./report.ts";

interface ChangeToTell extends ChangeDone {
  readonly warnings: readonly PodEvent[];
  /** Name of the chain that nobody is told of; "" without one. */
  readonly auxiliary: string;
}

/**
 * What a running pod has after a change, in its annotation: entries of what stays as they were, in their order, without
 * those of what is gone, and with those of what came at the end. Then events of what was done and what could not be.
 */
export async function reportChange(
  cluster: Pick<Cluster, "setNetworkStatus" | "recordEvent">, pod: Pod, change: ChangeToTell, log: Log,
): Promise<void> {
  const before = publishedBy(pod), now = statusAfter(before, change);
  if (JSON.stringify(before) !== JSON.stringify(now)) {
    const outcome = await cluster.setNetworkStatus(pod, JSON.stringify(now, null, indentation));
    if (outcome === "gone") return;
  }
  await recordEvents(cluster, pod, eventsOf(change), log);
}

const indentation = 4;

function publishedBy(pod: Pod): readonly JsonObject[] {
  try {
    const list: unknown = JSON.parse(pod.annotations[annotation.networkStatus] ?? "[]");
    return Array.isArray(list) ? list.filter(isJsonObject) : [];
  } catch {
    return [];
  }
}

function statusAfter(before: readonly JsonObject[], change: ChangeToTell): readonly JsonObject[] {
  const { networks, removed, auxiliary, hasInterface } = change;
  const gone = new Set(removed.map(({ ifName }) => ifName));
  // The pod's default network is nobody's to change, whatever it was called when it was published.
  const known = new Map(networks.map(({ attachment: { ifName, delegate: { displayName } } }, index) =>
    [ifName, index === 0 ? undefined : displayName] as const));
  const kept = before.filter(({ interface: ifName, name }) => {
    if (typeof ifName !== "string") return true;
    // Another network may have the interface name of one that is gone.
    if (gone.has(ifName)) return false;
    return known.has(ifName) ? (known.get(ifName) ?? name) === name : hasInterface(ifName);
  });
  const told = new Set(kept.map(({ interface: name }) => name));
  const names = new Set(kept.flatMap(({ interface: of, name }) => of === undefined ? [name] : []));
  const missing = networks.flatMap(({ attachment: { ifName, delegate: { displayName } }, result }, index) =>
    told.has(ifName) || names.has(displayName) || (auxiliary !== "" && displayName === auxiliary)
      ? [] : [{ displayName, isDefault: index === 0, ifName, result }]);
  // True because it was made of a list of objects.
  return [...kept, ...JSON.parse(networkStatus(missing)) as readonly JsonObject[]];
}

function eventsOf({ removed, added, problems, warnings }: ChangeToTell): readonly PodEvent[] {
  return [
    ...removed.map(({ ifName, delegate: { displayName } }): PodEvent =>
      ({ type: "Normal", reason: "RemovedInterface", message: `Remove ${ifName} from ${displayName}` })),
    ...added.flatMap(({ attachment: { ifName, delegate: { displayName } }, result }): readonly PodEvent[] =>
      result === undefined ? [] : [
        { type: "Normal", reason: "AddedInterface", message: addedMessage(ifName, result, displayName) },
      ]),
    ...warnings,
    ...problems.map((message): PodEvent => ({ type: "Warning", reason: "FailedToChangeNetworks", message })),
  ];
}
