import type { OpenHandles, Warm } from "../call/index.ts";
import type { Cluster } from "../kube/index.ts";
import type { Attachment, ValidAttachment } from "../plugins/index.ts";
import type { Scratch } from "../store/index.ts";
import type { MuxConf } from "./conf.ts";

/** One command to the multiplexer and what it works with. */
export interface MuxCommand {
  readonly conf: MuxConf;
  /** As the runtime gave it: the container's first interface. GC and STATUS have none of its fields but the path. */
  readonly attachment: Attachment;
  /** GC: the runtime's list for this multiplexed network; undefined when it gave none. */
  readonly validAttachments: readonly ValidAttachment[] | undefined;
  /** Of this program, for those who keep a record of who asked. */
  readonly version: string;
  /** Environment of the caller, which tells a pod of a cluster where its API is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent: each command asks by itself. */
  readonly clusters?: Warm["clusters"] | undefined;
  /** Absent: each command opens its own. */
  readonly connections?: Warm["connections"] | undefined;
  /** DEL: what stands in the scratch file's place in the end; absent: nothing is remembered. */
  readonly keeps?: Scratch | undefined;
  /** What stands for the cluster, whatever the configuration says of one. */
  readonly cluster?: Cluster | undefined;
  /** Handles for one container's namespace, opened at first use. */
  openHandles(netns: string): OpenHandles;
  /** Runs `work` while no other command works on that container. */
  exclusively<T>(containerId: string, work: () => Promise<T>): Promise<T>;
}

/** Runs `work` with handles for a namespace, which are closed in the end. */
export async function withHandles<T>(
  command: MuxCommand,
  netns: string,
  work: (handles: OpenHandles) => Promise<T>,
): Promise<T> {
  const handles = command.openHandles(netns);
  try {
    return await work(handles);
  } finally {
    handles.close();
  }
}
