import { CniError, code } from "../cni/index.ts";
import type { Prefix } from "../net/index.ts";
import { formatPrefix } from "../net/index.ts";
import type { RangeConf } from "./ranges.ts";

/** The cluster that a network's node is of: how its API is reached. */
export interface ClusterChoice {
  /** The configuration is the node's own: then it may name a kubeconfig. */
  readonly trusted: boolean;
  /** A file's path; undefined: that of the node's configuration. */
  readonly kubeconfig: string | undefined;
}

/** What the cluster has given a node for its pods: `Node.spec.podCIDRs`, at most one a family. */
export interface NodeSubnets {
  readonly node: string;
  readonly subnets: readonly Prefix[];
}

/** In place of a range's subnet, in any case: what Calico calls them. */
const words: Readonly<Record<string, 4 | 6>> = { usepodcidr: 4, usepodcidripv6: 6 };

/** The family of the node's subnet that a range's `subnet` stands for; undefined for a prefix. */
export function familyMeant({ subnet = "" }: RangeConf): 4 | 6 | undefined {
  return words[subnet.toLowerCase()];
}

/** Whether some range is one of the node's subnets. */
export function asksForNodeSubnet(sets: readonly (readonly RangeConf[])[]): boolean {
  return sets.some((set) => set.some((range) => familyMeant(range) !== undefined));
}

/**
 * The ranges with this node's subnets in place of `usePodCidr` and `usePodCidrIPv6`.
 *
 * @throws CniError 7 where the node has none, or none of that family
 */
export function withNodeSubnets(
  sets: readonly (readonly RangeConf[])[],
  { node, subnets }: NodeSubnets,
): readonly (readonly RangeConf[])[] {
  return sets.map((set) => set.map((range) => {
    const family = familyMeant(range);
    if (family === undefined) return range;
    const found = subnets.find(({ address }) => address.family === family);
    if (found === undefined) throw noSubnet(range, family, { node, subnets });
    return { ...range, subnet: formatPrefix(found) };
  }));
}

function noSubnet({ subnet = "" }: RangeConf, family: 4 | 6, { node, subnets }: NodeSubnets): CniError {
  if (subnets.length === 0) {
    return new CniError(
      code.invalidConfig,
      `Cannot use subnet "${subnet}": node "${node}" has no spec.podCIDRs, since nothing allocates them; expected ` +
        "kube-controller-manager with --allocate-node-cidrs and --cluster-cidr, or ipam.type node-slice, by which " +
        "nodes take their slices themselves",
    );
  }
  const has = subnets.map(formatPrefix).join(", ");
  return new CniError(
    code.invalidConfig,
    `Cannot use subnet "${subnet}": node "${node}" has ${has} and none of IPv${family}, expected ` +
      (family === 4 ? "usePodCidrIPv6, or a cluster with IPv4" : "usePodCidr, or a cluster with IPv6"),
  );
}
