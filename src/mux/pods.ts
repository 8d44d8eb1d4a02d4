import type { Result } from "../cni/index.ts";
import type { Handles, Undo } from "../plugins/index.ts";
import type { Begun } from "./attachment/begun.ts";
import type { ArgPairs } from "./networks/args.ts";
import type { Delegate } from "./networks/delegate.ts";
import type { NetworkAttachment } from "./networks/network-attachment.ts";
import type { FindInCluster } from "./networks/resolve.ts";

/**
 * What a cluster knows of a container. Behind it are the API, the kubelet and pods' annotations: ./pod, loaded when
 * there is a cluster.
 */
export interface Pods {
  readonly find: FindInCluster;
  /**
   * Asks nobody.
   *
   * @throws CniError 7 when there is no way to ask: a kubeconfig, or a file that it names, is not there
   */
  requireUsable(): Promise<void>;
  /**
   * The pod CNI_ARGS name, about to be attached; undefined when they name none, "gone" when the API has none of that
   * name.
   *
   * @param how.mayAssume  the pod and its networks may be taken from what a watch has told; they are confirmed before
   *   success or failure is, which `isOutdated` may come of
   * @throws CniError 11 when the API cannot tell, or has another pod of that name
   */
  attach(args: ArgPairs, how: { readonly mayAssume: boolean }): Promise<PodAttachment | "gone" | undefined>;
  /** Whether what was assumed turned out not to be so any more. Nothing was told to anybody then. */
  isOutdated(error: unknown): boolean;
  /**
   * The pod CNI_ARGS name, whose networks may be changed while it runs; undefined when the API has none of that name
   * and UID, or it is about to be deleted.
   *
   * @throws CniError 11 when the API cannot tell
   */
  change(args: ArgPairs): Promise<PodChange | undefined>;
  /**
   * The networks of a container of which nothing is written down, if its pod is still there; undefined when it is not,
   * or nobody can tell.
   */
  remembered(args: ArgPairs): Promise<readonly Delegate[] | undefined>;
  close(): void;
}

/** One pod on its way to its networks. */
export interface PodAttachment {
  /** What comes before a network's plugins run. */
  prepare(attachment: NetworkAttachment, undo: Undo): void;
  /**
   * What comes after: default routes as the pod wants them, and nothing it asked for forgotten.
   *
   * @returns the result to keep and to tell
   */
  complete(attachment: NetworkAttachment, result: Result, handles: Handles): Result;
  /** The node's networks and those the pod asks for, in order. */
  delegates(): Promise<readonly Delegate[]>;
  /** Throws what `isOutdated` knows, or nothing. */
  confirm(): Promise<void>;
  /** Publishes what the pod has now; what cannot be published fails the ADD. */
  attached(networks: readonly Begun[]): Promise<void>;
  /** Publishes why the pod has no networks, as far as that can be done; never throws. */
  failed(error: unknown, how: FailedAdd): Promise<void>;
}

/** One running pod, and what it asks for by now. */
export interface PodChange extends Pick<PodAttachment, "prepare" | "complete"> {
  /**
   * The elements of its annotation, as JSON, in order.
   *
   * @throws CniError 7 for an annotation that cannot be used
   */
  wanted(): readonly string[];
  /** The network of one of them, by its place. */
  delegate(index: number): Promise<Delegate>;
  /** Publishes what the pod has now, and what was done; what cannot be published throws. */
  changed(done: ChangeDone): Promise<void>;
}

/** What was done to a running pod. */
export interface ChangeDone {
  /** Its networks now, the default one first. */
  readonly networks: readonly { readonly attachment: NetworkAttachment; readonly result: Result | undefined }[];
  readonly removed: readonly NetworkAttachment[];
  readonly added: readonly Begun[];
  readonly problems: readonly string[];
  /** Whether the container has an interface of that name. */
  hasInterface(name: string): boolean;
}

/** How far an ADD came that failed, and was taken back. */
export interface FailedAdd {
  /** The network whose ADD failed; undefined when it was none of them. */
  readonly begun: Begun | undefined;
  /** That one is the default network. */
  readonly isDefault: boolean;
  /** What it had attached may be published already. */
  readonly isPublished: boolean;
  /** The container has its networks from an ADD before this one. */
  readonly isRunning: boolean;
}
