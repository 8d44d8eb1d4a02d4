/** Ranges that are this node's subnets, as the cluster told of them last: people are shown what ADD gives from. */
import { usualStateDir } from "../../call/index.ts";
import type { RangeConf } from "../../ipam/index.ts";
import { asksForNodeSubnet, familyMeant, withNodeSubnets } from "../../ipam/index.ts";
import { openKnownSubnets } from "../../store/index.ts";

type Sets = readonly (readonly RangeConf[])[];

/** The ranges with known subnets filled in; of which nothing is known yet, they have given nothing and are left out. */
export function withKnownSubnets(sets: Sets, stateDir = usualStateDir): Sets {
  if (!asksForNodeSubnet(sets)) return sets;
  const known = openKnownSubnets(stateDir).load() ?? { node: "", subnets: [] };
  const families = known.subnets.map(({ address }) => address.family);
  const isKnown = (range: RangeConf): boolean => {
    const family = familyMeant(range);
    return family === undefined || families.includes(family);
  };
  return withNodeSubnets(sets.map((set) => set.filter(isKnown)).filter(({ length }) => length > 0), known);
}
