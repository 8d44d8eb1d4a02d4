import type { World } from "../os/index.ts";
import { Api } from "./client/api.ts";
import { Budget } from "./client/budget.ts";
import type { Environment } from "./client/environment.ts";
import { inClusterAccess, isInCluster, serviceAccountDirectory } from "./client/in-cluster.ts";
import { readKubeconfig } from "./client/kubeconfig.ts";

export interface OwnAccess {
  readonly api: Api;
  /** For messages. */
  readonly place: string;
}

/** For all requests together, which have limits of their own. */
const budgetMs = 24 * 3_600_000;

/**
 * The API for work that is no runtime's call, and so has no time limit as a whole.
 *
 * @param kubeconfig  a file's path; "" for the service account of the pod we run in
 * @param tryTimeoutMs  for one try of a request
 * @returns undefined when there is neither a kubeconfig nor a pod's environment
 */
export function openOwnAccess(
  { kubeconfig, env, world, tryTimeoutMs }: {
    readonly kubeconfig: string; readonly env: Environment; readonly world: World; readonly tryTimeoutMs: number;
  },
): OwnAccess | undefined {
  if (kubeconfig === "" && !isInCluster(env)) return undefined;
  const api = new Api({
    access: async () => kubeconfig === ""
      ? inClusterAccess(env, serviceAccountDirectory) : await readKubeconfig(kubeconfig, env),
    budget: new Budget(budgetMs, world), reserveMs: 0, tryTimeoutMs, userAgent: "polynic", world,
  });
  return { api, place: kubeconfig === "" ? "the cluster's API" : `the cluster's API by ${kubeconfig}` };
}
