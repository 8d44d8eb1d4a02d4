import { CniError, code } from "../../cni/index.ts";
import type { ClusterChoice, NodeStores, NodeSubnets } from "../../ipam/index.ts";
import type { ClusterNodes } from "../../kube/index.ts";
import { openConnections, openNodes } from "../../kube/index.ts";
import type { Log } from "../../plugins/index.ts";
import { openKnownSubnets } from "../../store/index.ts";
import type { Warm } from "../surroundings.ts";

export interface NodeSubnetsOptions {
  /** What this node calls itself. */
  readonly node: string;
  readonly stores: NodeStores;
  /** Where is kept what the cluster said last. */
  readonly stateDir: string;
  readonly log: Pick<Log, "warn">;
  /** The caller's environment: a pod's says where its cluster is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What outlives the call; absent: nothing does. */
  readonly warm?: Pick<Warm, "connections"> | undefined;
  /** Nothing is written: it is only looked what an ADD would do. */
  readonly isDry?: boolean;
  readonly limitsMs?: typeof usualLimitsMs;
}

/** With something to fall back on nobody waits long for an API that does not answer. */
const usualLimitsMs = { known: 1_000, unknown: 8_000 };

/**
 * The subnets that the cluster has given this node. A script of its own, loaded with the first call that asks. Every
 * call asks the API, and so notices a node that has joined anew with other ones; without an answer those of before
 * serve.
 *
 * @throws CniError 7 without a cluster or without such a node in it, 11 when the API does not answer and nothing is
 *   known of before, 120 when it refuses
 */
export async function nodeSubnets(choice: ClusterChoice, options: NodeSubnetsOptions): Promise<NodeSubnets> {
  const { stateDir, log, isDry = false, limitsMs = usualLimitsMs } = options, known = openKnownSubnets(stateDir);
  // Names of objects are in lower case, and the kubelet makes them so of a host's.
  const node = options.node.toLowerCase();
  const before = known.load(node);
  const cluster = openCluster(choice, options);
  try {
    const found = await cluster.get(node, before === undefined ? limitsMs.unknown : limitsMs.known);
    if (found === undefined) throw noNode(node, cluster);
    const subnets = { node, subnets: found.subnets };
    if (!isDry) known.save(subnets);
    return subnets;
  } catch (error) {
    if (before === undefined || !(error instanceof CniError) || error.code !== code.tryAgainLater) throw error;
    log.warn(`${error.message}; the subnets that it told of before are used`);
    return before;
  } finally {
    cluster.close();
  }
}

function openCluster({ trusted, kubeconfig }: ClusterChoice, { stores, env, warm }: NodeSubnetsOptions): ClusterNodes {
  if (kubeconfig !== undefined && !trusted) {
    throw new CniError(
      code.invalidConfig,
      "Cannot use ipam.kubernetes.kubeconfig of a network that is not the node's own: expected none, since the " +
        "node's configuration says how the cluster's API is reached",
    );
  }
  const nodes = openNodes({ kubeconfig: kubeconfig ?? stores.kubernetes?.kubeconfig ?? "", env,
    connections: warm?.connections.of(openConnections) });
  if (nodes !== undefined) return nodes;
  throw new CniError(
    code.invalidConfig,
    "Cannot ask for the node's subnets: no kubeconfig is named, expected ipam.kubernetes.kubeconfig, or kubeconfig " +
      "of the node's configuration",
  );
}

function noNode(node: string, { place }: ClusterNodes): CniError {
  return new CniError(
    code.invalidConfig,
    `Cannot ask for the node's subnets: ${place} has no node "${node}", expected the name of this one in nodeName of ` +
      "the node's configuration",
  );
}
