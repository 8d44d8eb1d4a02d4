import { setTimeout as delay } from "node:timers/promises";
import { CniError, code, messageOf } from "../../cni/index.ts";
import type { World } from "../../os/index.ts";
import { realWorld } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { objectIn, saysNotFound } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import type { Environment } from "../client/environment.ts";
import { openOwnAccess } from "../own-access.ts";
import type { ClusterNode } from "./node.ts";
import { parseNode } from "./node.ts";

export interface NodesOptions {
  /** A file's path; "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
  readonly env: Environment;
  readonly world?: World;
  /** Takes a line for people. */
  readonly log?: (line: string) => void;
  /** Between two looks at all nodes, where they are followed. */
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
  /** All of them, by name; likewise. One that nobody can read is left out, and told of. */
  list(limitMs: number): Promise<readonly ClusterNode[]>;
  /** All of them, and again whenever something has changed, until the signal. Trouble is told, and it goes on. */
  follow(signal: AbortSignal): AsyncIterable<readonly ClusterNode[]>;
  /** Drops the connections, so that the process may end. */
  close(): void;
}

const folder = "/api/v1/nodes";
const tryTimeoutMs = 2_000;
/** For all pages of a list. */
const listLimitMs = 30_000;
const usualLookMs = 15_000;
/** Objects a page: some 3 MiB, since each names the images that its node has. */
const pageObjects = 200;
const restartsMax = 3;

/** @returns undefined when there is neither a kubeconfig nor a pod's environment */
export function openNodes(options: NodesOptions): ClusterNodes | undefined {
  const { kubeconfig, env, world = realWorld, log = () => {}, lookMs = usualLookMs } = options;
  const access = openOwnAccess({ kubeconfig, env, world, tryTimeoutMs });
  if (access === undefined) return undefined;
  const { api, place } = access;
  const list = async (limitMs: number) => await listNodes(api, limitMs, log);
  return {
    list,
    follow: (signal) => looked(list, { signal, log, lookMs }),
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

async function listNodes(
  api: Api, limitMs: number, log: (line: string) => void,
): Promise<readonly ClusterNode[]> {
  for (let restarts = 0; ; restarts++) {
    const items = await listedNodes(api, limitMs);
    if (items !== undefined) return items.flatMap((item) => readable(item, log)).sort(byName);
    if (restarts === restartsMax) {
      throw new CniError(
        code.tryAgainLater,
        "Cannot list nodes: the API has forgotten the list while it was read, expected it to last for a page",
      );
    }
  }
}

/** undefined: what the list went on from is forgotten (410), and it begins again. */
async function listedNodes(api: Api, limitMs: number): Promise<readonly JsonObject[] | undefined> {
  const errand = { act: "list nodes", permission: "list nodes" };
  const found: JsonObject[] = [];
  for (let next = ""; ; ) {
    const query = new URLSearchParams({ limit: String(pageObjects), ...(next === "" ? {} : { continue: next }) });
    const answer = await api.send({ ...errand, method: "GET", path: `${folder}?${query}`, limitMs });
    if (answer.status === 410 && next !== "") return undefined;
    const { items, metadata } = objectIn(answer, errand);
    if (!Array.isArray(items)) throw new CniError(code.cluster, "Cannot list nodes: the answer is no list of nodes");
    found.push(...items.filter(isJsonObject));
    next = isJsonObject(metadata) && typeof metadata["continue"] === "string" ? metadata["continue"] : "";
    if (next === "") return found;
  }
}

function readable(object: JsonObject, log: (line: string) => void): readonly ClusterNode[] {
  try {
    return [parseNode(object)];
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    log(error.message);
    return [];
  }
}

function byName(a: ClusterNode, b: ClusterNode): number {
  return a.name < b.name ? -1 : 1;
}

interface Looking {
  readonly signal: AbortSignal;
  readonly lookMs: number;
  log(line: string): void;
}

async function* looked(
  list: (limitMs: number) => Promise<readonly ClusterNode[]>,
  { signal, lookMs, log }: Looking,
): AsyncGenerator<readonly ClusterNode[]> {
  let last = "", problem = "";
  while (!signal.aborted) {
    try {
      const nodes = await list(listLimitMs), text = JSON.stringify(nodes);
      problem = "";
      if (text !== last) yield nodes;
      last = text;
    } catch (error) {
      if (messageOf(error) !== problem && !signal.aborted) log(messageOf(error));
      problem = messageOf(error);
    }
    await delay(lookMs, undefined, { signal }).catch(() => {});
  }
}
