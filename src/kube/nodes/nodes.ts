import { CniError, code } from "../../cni/index.ts";
import type { World } from "../../os/index.ts";
import { realWorld } from "../../os/index.ts";
import { objectIn, saysNotFound } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import type { Connections } from "../client/connections.ts";
import type { Environment } from "../client/environment.ts";
import { openOwnAccess } from "../own-access.ts";
import type { ClusterNode } from "./node.ts";
import { followNodes } from "./follow.ts";
import { allNodes, countNodes, folder, nameOf } from "./list.ts";
import { nodesIn, parseNode } from "./node.ts";

export interface NodesOptions {
  /** A file's path; "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly env: Environment;
  /** Those that others use as well, and close; absent: its own. */
  readonly connections?: Connections | undefined;
  readonly world?: World;
  /** Takes a line for people. */
  readonly log?: (line: string) => void;
  /** The longest between two looks at all nodes, where they cannot be watched. */
  readonly lookMs?: number;
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
  /** How many there are, or about so many. */
  count(limitMs: number): Promise<number>;
  /** The names of all, whatever else can be read of them; likewise. */
  names(limitMs: number): Promise<readonly string[]>;
  /** All of them, by name; likewise. One that nobody can read is left out, and told of. */
  list(limitMs: number): Promise<readonly ClusterNode[]>;
  /** All of them, and again whenever something has changed, until the signal. Trouble is told, and it goes on. */
  follow(signal: AbortSignal): AsyncIterable<readonly ClusterNode[]>;
  /** Drops the connections, so that the process may end. */
  close(): void;
}

const tryTimeoutMs = 2_000;
/** For all pages of a list. */
const listLimitMs = 30_000;
const usualLookMs = 15_000;

/** @returns undefined when there is neither a kubeconfig nor a pod's environment */
export function openNodes(options: NodesOptions): ClusterNodes | undefined {
  const { kubeconfig, env, connections, world = realWorld, log = () => {}, lookMs = usualLookMs } = options;
  const opened = openOwnAccess({ kubeconfig, env, world, tryTimeoutMs, connections });
  if (opened === undefined) return undefined;
  const { api, access, place } = opened;
  return {
    list: async (limitMs) => nodesIn((await allNodes(api, limitMs)).items, log),
    count: async (limitMs) => await countNodes(api, limitMs),
    names: async (limitMs) => (await allNodes(api, limitMs)).items.map(nameOf),
    follow: (signal) => followNodes({ access, world, log, lookMs, signal,
      list: async () => await allNodes(api, listLimitMs) }),
    place,
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
