import { CniError, code } from "../../cni/index.ts";
import type { World } from "../../os/index.ts";
import { realWorld } from "../../os/index.ts";
import { objectIn, saysNotFound } from "../client/answer.ts";
import { Api } from "../client/api.ts";
import { Budget } from "../client/budget.ts";
import type { Environment } from "../client/environment.ts";
import { inClusterAccess, isInCluster, serviceAccountDirectory } from "../client/in-cluster.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import type { ClusterNode } from "./node.ts";
import { parseNode } from "./node.ts";

export interface NodesOptions {
  /** A file's path; "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly env: Environment;
  readonly world?: World;
}

/** The cluster's nodes, as its API tells of them. */
export interface ClusterNodes {
  /** For messages. */
  readonly place: string;
  /**
   * undefined: the API says that there is none of this name.
   *
   * @param limitMs  for the request with all its tries
   * @throws CniError 11 without an answer in time, 120 when the API refuses
   */
  get(name: string, limitMs: number): Promise<ClusterNode | undefined>;
  /** Drops the connections, so that the process may end. */
  close(): void;
}

const folder = "/api/v1/nodes";
const tryTimeoutMs = 2_000;
/** Each request has a limit of its own. */
const budgetMs = 24 * 3_600_000;

/** @returns undefined when there is neither a kubeconfig nor a pod's environment */
export function openNodes({ kubeconfig, env, world = realWorld }: NodesOptions): ClusterNodes | undefined {
  if (kubeconfig === "" && !isInCluster(env)) return undefined;
  const api = new Api({
    access: async () => kubeconfig === ""
      ? inClusterAccess(env, serviceAccountDirectory) : await readKubeconfig(kubeconfig, env),
    budget: new Budget(budgetMs, world), reserveMs: 0, tryTimeoutMs, userAgent: "polynic", world,
  });
  return {
    place: kubeconfig === "" ? "the cluster's API" : `the cluster's API by ${kubeconfig}`,
    get: async (name, limitMs) => await getNode(api, name, limitMs),
    close: () => api.close(),
  };
}

async function getNode(api: Api, name: string, limitMs: number): Promise<ClusterNode | undefined> {
  const errand = { act: `get node ${JSON.stringify(name)}`, permission: "get nodes" };
  const answer = await api.send({ ...errand, method: "GET", path: `${folder}/${encodeURIComponent(name)}`, limitMs });
  if (saysNotFound(answer, name)) return undefined;
  const node = parseNode(objectIn(answer, errand));
  if (node.name === name) return node;
  throw new CniError(
    code.cluster, `Cannot ${errand.act}: the cluster's API gave node "${node.name}", expected the one asked for`);
}
