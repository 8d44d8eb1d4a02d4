/** Routes to the other nodes' pods, kept as the cluster's nodes come and go. */
import type { Namespace } from "../../kernel/index.ts";
import type { ClusterNode } from "../../kube/index.ts";
import { formatPrefix } from "../../net/index.ts";
import { enableForwarding } from "../../plugins/index.ts";
import { removeMasquerade, setMasquerade } from "./masquerade.ts";
import { planReach } from "./plan.ts";
import { routeChanges, setRoutes, setRules, wantedRoutes } from "./routes.ts";
import { ensureTunnel, ownTunnel, removeTunnel } from "./tunnel.ts";

export interface ReachSettings {
  /** This node's name in the cluster. */
  readonly node: string;
  /** Through the tunnel to all, those on the same link too. */
  readonly isTunnelOnly: boolean;
}

/** What came of it, for people. */
export interface Reached {
  /** Other nodes' subnets that a route leads to, over a link or through the tunnel. */
  readonly direct: number;
  readonly tunneled: number;
  readonly problems: readonly string[];
  /** It may be otherwise in a moment, and nobody will tell: it is to be looked at again soon. */
  readonly isPassing: boolean;
}

/**
 * Makes the machine's routes what the nodes ask for: what is right stays, what is stale goes, what is somebody else's
 * is left alone. Where this node is not among the nodes, or none of its links has its address, nothing is changed.
 *
 * @throws NetlinkError, Error
 */
export async function reachNodes(
  host: Namespace,
  nodes: readonly ClusterNode[],
  { node, isTunnelOnly }: ReachSettings,
): Promise<Reached> {
  const plan = planReach(nodes, { node, isTunnelOnly, addresses: host.addresses.list() });
  if (plan === undefined) {
    const problem = `the cluster has no node "${node}": routes stay as they are, expected this node's name`;
    return { direct: 0, tunneled: 0, problems: [problem], isPassing: false };
  }
  if (plan.isAstray) {
    const [problem] = plan.problems;
    return { direct: 0, tunneled: 0, problems: [`${problem}: routes stay as they are`], isPassing: true };
  }
  for (const family of new Set(plan.subnets.map(({ address }) => address.family))) enableForwarding(host, family);
  const tunnel = plan.tunnel === undefined ? undefined : await ensureTunnel(host, plan.tunnel);
  const sources = (plan.tunnel?.addresses ?? []).map(({ address }) => address);
  const end = tunnel && { index: tunnel.index, addresses: sources };
  const others = setRoutes(host, wantedRoutes(plan.routes, end));
  setRules(host, plan.routes.some(({ isForPods }) => isForPods) ? plan.subnets : []);
  if (tunnel === undefined) await removeTunnel(host);
  await setMasquerade(host.nftables, plan);
  const toPods = plan.routes.filter(({ isForPods }) => !isForPods);
  return {
    direct: toPods.filter(({ index }) => index !== undefined).length,
    tunneled: toPods.filter(({ index }) => index === undefined).length,
    isPassing: false,
    problems: [...plan.problems, ...others.map((dst) =>
      `a route to ${formatPrefix(dst)} is there that is not polynic's: it is left alone, expected it to be gone`)],
  };
}

/**
 * Takes everything away again.
 *
 * @returns whether there was anything
 */
export async function removeReach(host: Namespace): Promise<boolean> {
  const had = routeChanges(host, []).stale.length > 0 || ownTunnel(host) !== undefined;
  setRoutes(host, []);
  setRules(host, []);
  const hadTunnel = await removeTunnel(host), hadRules = await removeMasquerade(host.nftables);
  return had || hadTunnel || hadRules;
}
