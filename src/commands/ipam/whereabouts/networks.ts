/** Which networks have their addresses of which of whereabouts' pools, and inside which scopes of ours. */
import { CniError } from "../../../cni/index.ts";
import { parseDefinition } from "../../../nad/index.ts";
import type { Prefix } from "../../../net/index.ts";
import { formatPrefix } from "../../../net/index.ts";
import { poolName, poolScopesOf, unnamedScope } from "../../../plugins/index.ts";
import type { JsonObject } from "../../../schema/index.ts";
import type { Pool } from "../pools.ts";
import { poolsIn } from "../pools.ts";
import { isWhereabouts, whereaboutsIpamIn } from "./ipam.ts";
import type { PoolObject, Slice } from "./objects.ts";

/** A pool as a network's configuration means it. */
export interface MeantPool {
  /** The CNI name of the network. */
  readonly network: string;
  /** `namespace/name` of its definition; "" for one of this machine. */
  readonly definition: string;
  /** `network_name`. */
  readonly prefix: string;
  readonly range: Prefix;
  readonly scope: string;
  /** An address of it is given once in all pools of the prefix. */
  readonly isGuarded: boolean;
}

/** Definitions that cannot be read have no containers: they are left to `polynic lint`. */
export function meantPools(definitions: readonly JsonObject[], ofMachine: readonly Pool[]): readonly MeantPool[] {
  const inCluster = definitions.flatMap((object) => {
    try {
      const { displayName, config, name } = parseDefinition(object);
      const pools = config === undefined ? [] : poolsIn(config, cniNameIn(config, name));
      return pools.flatMap((one) => meantBy(one, displayName));
    } catch (error) {
      if (error instanceof CniError) return [];
      throw error;
    }
  });
  return [...inCluster, ...ofMachine.flatMap((one) => meantBy(one, ""))];
}

function cniNameIn({ name }: JsonObject, otherwise: string): string {
  return typeof name === "string" && name !== "" ? name : otherwise;
}

function meantBy({ network, ipam }: Pick<Pool, "network" | "ipam">, definition: string): readonly MeantPool[] {
  if (!isWhereabouts(ipam)) return [];
  const own = whereaboutsIpamIn({ network, ipam });
  try {
    return poolScopesOf(own).flatMap(({ scope, pools }) => pools.map(({ subnet }): MeantPool =>
      ({ network, definition, scope, prefix: own.network_name ?? "", range: subnet,
        isGuarded: own.enable_overlapping_ranges !== false })));
  } catch (error) {
    if (error instanceof CniError) return [];
    throw error;
  }
}

/** A pool of whereabouts with what is meant by it. */
export interface PlacedPool {
  readonly scope: string;
  /** `network_name` of the networks that have it. */
  readonly prefix: string;
  readonly isGuarded: boolean;
  readonly users: readonly MeantPool[];
}

/**
 * Where the addresses of a pool belong: by the networks that have it, else by its name.
 *
 * @returns words instead where networks that have it disagree
 */
export function placeOf(
  { prefix, range }: Pick<PoolObject, "prefix" | "range">, meant: readonly MeantPool[], slices: readonly Slice[],
): PlacedPool | string {
  const slice = slices.find((one) => formatPrefix(one.slice) === formatPrefix(range) && isOf(prefix, one.node));
  const named = slice === undefined ? prefix : prefix.slice(0, -slice.node.length).replace(/-$/, "");
  const wanted = poolName(named, slice?.range ?? range);
  const users = meant.filter((one) => poolName(one.prefix, one.range) === wanted);
  const scopes = [...new Set(users.map(({ scope }) => scope))], [scope = named === "" ? unnamedScope : named] = scopes;
  if (scopes.length > 1)
    return `networks that have it are of several scopes (${scopes.join(", ")}): expected them to agree about ` +
      "enable_overlapping_ranges and scope";
  return { scope, prefix: named, users, isGuarded: users.every(({ isGuarded }) => isGuarded) };
}

function isOf(prefix: string, node: string): boolean {
  return prefix === node || prefix.endsWith(`-${node}`);
}
