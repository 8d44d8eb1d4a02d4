/** What a daemon watches of clusters. Loaded late, with what speaks to their API. */
import type { Surroundings, Warm } from "../../call/index.ts";
import type { WatchedClusters } from "../../kube/index.ts";
import { keepClusters } from "../../kube/index.ts";
import { version } from "../../program/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Queue } from "../queue.ts";
import { HotPlug } from "./hot-plug.ts";

export interface WatchSettings {
  /** Whose pods are watched, as the cluster names it. */
  readonly nodeName: string;
  /** Networks of running pods are changed when their annotations are; absent: they are not. */
  readonly hotPlug?: HotPlugSettings | undefined;
}

export interface HotPlugSettings {
  /** Where attachments are remembered. */
  readonly stateDirs: readonly string[];
  /** Where executables are looked for. */
  readonly path: readonly string[];
  /** The multiplexers' configurations of this node, as they are now. */
  confs(): readonly JsonObject[];
}

export interface WatchParts {
  readonly env: Surroundings["env"];
  readonly queue: Queue;
  warm(): Warm;
  log(line: string): void;
}

/**
 * Watches a cluster from the first call on that leads to it; where networks of running pods are to be changed, those of
 * the node's configurations once `start` is called.
 */
export function openWatch(
  { nodeName, hotPlug: settings }: WatchSettings, parts: WatchParts,
): WatchedClusters & { start(): void } {
  const { env, log } = parts;
  const confOf = (network: string) => settings?.confs().find(({ name }) => name === network);
  const hotPlug = settings === undefined ? undefined : new HotPlug({ ...parts, ...settings, confOf });
  const clusters = keepClusters({
    nodeName, log, userAgent: `polynic/${version}`,
    ...(hotPlug === undefined ? {} : { podChanged: (pod) => hotPlug.changed(pod) }),
  });
  return {
    ...clusters,
    start() {
      for (const { kubeconfig } of settings?.confs() ?? [])
        if (typeof kubeconfig === "string" && kubeconfig !== "") clusters.of({ kubeconfig, env });
    },
    close() {
      hotPlug?.close();
      clusters.close();
    },
  };
}
