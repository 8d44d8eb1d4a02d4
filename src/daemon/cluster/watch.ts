/** What a daemon watches of clusters. Loaded late, with what speaks to their API. */
import type { WatchedClusters } from "../../kube/index.ts";
import { keepClusters } from "../../kube/index.ts";
import { version } from "../../program/index.ts";

export interface WatchSettings {
  /** Whose pods are watched, as the cluster names it. */
  readonly nodeName: string;
}

export function openWatch({ nodeName }: WatchSettings, log: (line: string) => void): WatchedClusters {
  return keepClusters({ nodeName, userAgent: `polynic/${version}`, log });
}
