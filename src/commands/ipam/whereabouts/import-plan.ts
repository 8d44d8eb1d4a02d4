/** What an import would write, pool by pool. */
import type { Block, Foreign } from "../../../ipam/index.ts";
import type { Address, Prefix } from "../../../net/index.ts";
import { addressOf, contains, formatAddress } from "../../../net/index.ts";
import type { Judging } from "./fates.ts";
import { entryFor } from "./fates.ts";
import type { PlacedPool } from "./networks.ts";
import { placeOf } from "./networks.ts";
import type { Allocation, PoolObject, ReservationObject } from "./objects.ts";
import { addressOfReservation } from "./objects.ts";
import { hasAddress } from "./pods.ts";
import type { Snapshot } from "./snapshot.ts";

export interface PlannedPool {
  readonly pool: PoolObject;
  readonly place: PlacedPool;
  readonly allocations: ReadonlyMap<string, Allocation>;
}

/** A pool that nothing is taken over of. */
export interface RefusedPool {
  readonly pool: PoolObject;
  readonly problems: readonly string[];
}

export type PoolPlan = PlannedPool | RefusedPool;

export function planPools({ pools, reservations, slices, meant, pods }: Snapshot): readonly PoolPlan[] {
  return pools.map((pool): PoolPlan => {
    const place = placeOf(pool, meant, slices);
    if (typeof place === "string") return { pool, problems: [place] };
    const { allocations, problems } = withReservations(pool, reservationsOf(pool, place, reservations), pods);
    return problems.length > 0 ? { pool, problems } : { pool, place, allocations };
  });
}

type Reserved = readonly (readonly [string, ReservationObject])[];

function reservationsOf({ range }: PoolObject, { prefix }: PlacedPool, all: readonly ReservationObject[]): Reserved {
  return all.flatMap((one) => {
    const address = addressOfReservation(one.name, prefix);
    return address !== undefined && contains(range, address) ? [[formatAddress(address), one] as const] : [];
  });
}

/**
 * The two books of whereabouts as one. They are written one after the other, so that a crash leaves them apart: who is
 * there and has the address is right then.
 */
function withReservations({ allocations }: PoolObject, reserved: Reserved, pods: Snapshot["pods"]) {
  const both = new Map(allocations), problems: string[] = [];
  for (const [address, reservation] of reserved) {
    const known = allocations.get(address);
    if (known?.podRef === reservation.podRef) continue;
    const [own, other] = [known, reservation].map((one) =>
      one !== undefined && hasAddress(pods.get(one.podRef), address));
    if (own && other)
      problems.push(`${address} is of ${known?.podRef ?? ""} by the pool and of ${reservation.podRef} by its ` +
        "reservation, and both pods are there");
    else if (other) both.set(address, reservation);
  }
  return { allocations: both, problems };
}

export function foreignIn({ allocations }: PlannedPool, judging: Judging): readonly Foreign[] {
  return [...allocations].flatMap(([text, allocation]): readonly Foreign[] => {
    const address = addressOf(text);
    return address === undefined ? [] : [{ address, entry: entryFor(address, allocation, judging) }];
  });
}

/**
 * Whether our store has that interface of that pod at another address of the pool: with several ranges one has an
 * address of each.
 */
export function elsewhereIn(
  blocks: readonly Block[], range: Prefix, addressIn: (block: Block, offset: number) => Address,
) {
  const known = new Map<string, string>();
  for (const block of blocks)
    for (const [offset, entry] of block.entries) {
      const address = addressIn(block, offset);
      if (entry.state !== "active" || entry.owner.pod === undefined || !contains(range, address)) continue;
      const { pod: { namespace, name }, ifName } = entry.owner;
      known.set(`${namespace}/${name}/${ifName}`, formatAddress(address));
    }
  return ({ podRef, ifName }: Allocation, address: string): boolean => {
    const own = known.get(`${podRef}/${ifName}`);
    return own !== undefined && own !== address;
  };
}
