import type { World } from "../os/index.ts";
import type { Access } from "./client/access.ts";
import { Api } from "./client/api.ts";
import { Budget } from "./client/budget.ts";
import type { Connections } from "./client/connections.ts";
import type { Environment } from "./client/environment.ts";
import { inClusterAccess, isInCluster, serviceAccountDirectory } from "./client/in-cluster.ts";
import { readKubeconfig } from "./client/kubeconfig.ts";

export interface OwnAccess {
  readonly api: Api;
  /** How it is reached, asked anew: kubeconfigs change. */
  readonly access: () => Promise<Access>;
  /** For messages. */
  readonly place: string;
}

export interface OwnAccessOptions {
  /** A file's path; "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly env: Environment;
  readonly world: World;
  /** For one try of a request. */
  readonly tryTimeoutMs: number;
  /** Those that others use as well, and close; absent: its own. */
  readonly connections?: Connections | undefined;
}

/** For all requests together, which have limits of their own. */
const budgetMs = 24 * 3_600_000;

/**
 * The API for work that is no runtime's call, and so has no time limit as a whole.
 *
 * @returns undefined when there is neither a kubeconfig nor a pod's environment
 */
export function openOwnAccess(
  { kubeconfig, env, world, tryTimeoutMs, connections }: OwnAccessOptions,
): OwnAccess | undefined {
  if (kubeconfig === "" && !isInCluster(env)) return undefined;
  const access = async (): Promise<Access> => kubeconfig === ""
    ? inClusterAccess(env, serviceAccountDirectory) : await readKubeconfig(kubeconfig, env);
  const api = new Api({
    access,
    budget: new Budget(budgetMs, world), reserveMs: 0, tryTimeoutMs, userAgent: "polynic", world,
    connections,
  });
  return { api, access, place: kubeconfig === "" ? "the cluster's API" : `the cluster's API by ${kubeconfig}` };
}
