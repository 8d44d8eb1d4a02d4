/** What a daemon watches of clusters. Loaded late, with what speaks to their API. */
import type { Surroundings, Warm } from "../../call/index.ts";
import type { WatchedClusters } from "../../kube/index.ts";
import { keepClusters } from "../../kube/index.ts";
import { version } from "../../program/index.ts";
import type { Queue } from "../queue.ts";
import type { HotPlugSettings } from "./hot-plug.ts";
import { HotPlug } from "./hot-plug.ts";

export interface WatchSettings {
  /** Whose pods are watched, as the cluster names it. */
  readonly nodeName: string;
  /** Networks of running pods may be changed when their annotations are; absent: they are not. */
  readonly hotPlug?: HotPlugSettings | undefined;
}

export interface WatchParts {
  readonly env: Surroundings["env"];
  readonly queue: Queue;
  warm(): Warm;
  log(line: string): void;
}

/**
 * Watches a cluster from the first call on that leads to it; of configurations whose running pods' networks are to be
 * changed once `start` is called.
 */
export function openWatch(
  { nodeName, hotPlug: settings }: WatchSettings, parts: WatchParts,
): WatchedClusters & { start(): void } {
  const { env, log } = parts;
  const hotPlug = settings === undefined ? undefined : new HotPlug({ ...parts, ...settings });
  const clusters = keepClusters({
    nodeName, log, userAgent: `polynic/${version}`,
    ...(hotPlug === undefined ? {} : { podChanged: (pod) => hotPlug.changed(pod) }),
  });
  return {
    ...clusters,
    start() {
      for (const { kubeconfig, isHotPlug } of settings?.confs() ?? [])
        if (isHotPlug && kubeconfig !== "") clusters.of({ kubeconfig, env });
    },
    close() {
      hotPlug?.close();
      clusters.close();
    },
  };
}
