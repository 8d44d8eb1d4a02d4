import type { Log } from "../plugins/index.ts";
import type { MuxCommand } from "./command.ts";
import { requireArgs } from "./networks/args.ts";
import type { Delegate } from "./networks/delegate.ts";
import { isReferenceByName, resolveDelegates } from "./networks/resolve.ts";
import type { Pods } from "./pods.ts";

/**
 * All requests of one command together. A DEL needs an answer only where nothing is written down, and must not hold a
 * node up.
 */
const deadlinesMs = { add: 30_000, other: 2_500 } as const;
/** Of an ADD's time, what is left for telling the pod's owner when all the rest has gone by. */
const reserveMs = 3_000;

/**
 * Runs `work` with the cluster of the configuration, or undefined where there is none. What speaks to a cluster is a
 * script of its own, loaded here: containers of other runtimes do not wait for it.
 */
export async function withPods<T>(
  { conf, env, version, clusters, connections, cluster }: MuxCommand,
  log: Log,
  { adding }: { readonly adding: boolean },
  work: (pods: Pods | undefined) => Promise<T>,
): Promise<T> {
  const { kubeconfig } = conf.cluster;
  const inCluster = [env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"]].every(Boolean);
  if (cluster === undefined && kubeconfig === "" && !inCluster) return await work(undefined);
  const { openPods } = await import("./pod/index.ts");
  const pods = openPods({
    conf,
    env,
    version,
    log,
    instead: cluster,
    kept: clusters?.of({ kubeconfig, env }), connections,
    ...(adding ? { deadlineMs: deadlinesMs.add, reserveMs } : { deadlineMs: deadlinesMs.other }),
  });
  try {
    return await work(pods);
  } finally {
    pods.close();
  }
}

/** The networks of the node's configuration, for a command that is about no pod. */
export async function nodeDelegates(command: MuxCommand, log: Log): Promise<readonly Delegate[]> {
  const { conf } = command;
  if (![conf.clusterNetwork, ...conf.defaultNetworks].some(isReferenceByName))
    return await resolveDelegates(conf);
  return await withPods(command, log, { adding: false }, (pods) => resolveDelegates(conf, pods?.find));
}

/**
 * The networks that an ADD would attach by now, of the pod that CNI_ARGS name or of the node's configuration alone;
 * none of a pod that is gone.
 */
export async function networksOfAdd(command: MuxCommand, log: Log): Promise<readonly Delegate[]> {
  return await withPods(command, log, { adding: true }, async (pods) => {
    const pod = await pods?.attach(requireArgs(command.attachment.args), { mayAssume: false });
    if (pod === "gone") return [];
    return pod === undefined ? await resolveDelegates(command.conf, pods?.find) : await pod.delegates();
  });
}
