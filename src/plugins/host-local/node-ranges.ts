import type { RangeSet } from "../../ipam/index.ts";
import { asksForNodeSubnet, normaliseRangeSets, withNodeSubnets } from "../../ipam/index.ts";
import { madeOnce } from "../../schema/index.ts";
import type { Handles } from "../contract/plugin.ts";
import type { HostLocalConf } from "./conf.ts";
import { rangeSetsOf } from "./conf.ts";

interface Network {
  readonly network: string;
  readonly cniVersion: string;
  readonly trusted: boolean;
}

/**
 * The range sets of a configuration, with this node's subnets where it says `usePodCidr` or `usePodCidrIPv6`; only
 * these have to be waited for.
 */
export function rangeSetsHere(
  conf: HostLocalConf,
  { network, cniVersion, trusted }: Network,
  { nodeSubnets }: Pick<Handles, "nodeSubnets">,
): readonly RangeSet[] | Promise<readonly RangeSet[]> {
  const there = rangeSetsWritten(conf, { network, cniVersion });
  if (there !== undefined) return there;
  const written = rangeSetsOf(conf, network);
  const { kubernetes, store } = conf.ipam ?? {};
  const kubeconfig = kubernetes?.kubeconfig || store?.kubeconfig || undefined;
  return nodeSubnets({ trusted, kubeconfig })
    .then((subnets) => normaliseRangeSets(withNodeSubnets(written, subnets), cniVersion));
}

/** The range sets as they stand; undefined: some of them are this node's subnets, of which the cluster tells. */
export function rangeSetsWritten(
  conf: HostLocalConf, { network, cniVersion }: Omit<Network, "trusted">,
): readonly RangeSet[] | undefined {
  const { sets } = writtenSets(conf)(network, cniVersion);
  return sets;
}

/** A configuration is that of one network, in one version. */
const writtenSets = madeOnce((conf: HostLocalConf) => {
  let known: { readonly sets: readonly RangeSet[] | undefined } | undefined;
  return (network: string, cniVersion: string) => {
    if (known !== undefined) return known;
    const written = rangeSetsOf(conf, network);
    return known = { sets: asksForNodeSubnet(written) ? undefined : normaliseRangeSets(written, cniVersion) };
  };
});
