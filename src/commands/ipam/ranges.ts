/** The ranges of a network of this machine. */
import { CniError, confSchema, newestVersion, readConf } from "../../cni/index.ts";
import type { PoolRange } from "../../ipam/index.ts";
import { normaliseRangeSets } from "../../ipam/index.ts";
import type { Address } from "../../net/index.ts";
import { addressToInteger } from "../../net/index.ts";
import { CommandError } from "../errors.ts";
import { withKnownSubnets } from "../machine/node-ranges.ts";
import { poolScopesOf } from "../../plugins/index.ts";
import type { Pool } from "./pools.ts";
import { isWhereabouts, whereaboutsIpamIn } from "./whereabouts/ipam.ts";

export type RangeOfPool = PoolRange;

/** @throws CommandError for ranges that no ADD would take */
export function rangesOfPool({ network, ipam }: Pick<Pool, "network" | "ipam">): readonly RangeOfPool[] {
  try {
    if (isWhereabouts(ipam))
      return poolScopesOf(whereaboutsIpamIn({ network, ipam }))
        .flatMap(({ pools }) => pools.flatMap((pool) => pool.ranges));
    const conf = readConf(confSchema("host-local"), { name: network, ipam });
    const { ranges = [], ...direct } = conf.ipam ?? {};
    const sets = withKnownSubnets([...(direct.subnet ? [[direct]] : []), ...ranges]);
    return normaliseRangeSets(sets, newestVersion).flat();
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    throw new CommandError(`Cannot show ranges of network "${network}": ${error.message}`, { cause: error });
  }
}

export function holdsAddress({ first, last }: RangeOfPool, address: Address): boolean {
  const number = addressToInteger(address);
  return first.family === address.family && addressToInteger(first) <= number && number <= addressToInteger(last);
}
