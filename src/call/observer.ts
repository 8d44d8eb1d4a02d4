import type { Cluster } from "../kube/index.ts";
import type { OpenHandles } from "./handles.ts";

/** Somebody who looks on while a call is served, and may stand between it and what it touches. */
export interface Observer {
  /** In place of the cluster's API; absent: that is asked, where there is one. */
  readonly cluster?: Cluster | undefined;
  /** In place of what was opened; closing it closes that. */
  handles(opened: OpenHandles): OpenHandles;
  /** A lock is waited for; what is returned is called once it is held. */
  waits(what: string): () => void;
}
