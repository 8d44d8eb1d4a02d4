/** What an export would write: whereabouts' books as our store has them. */
import type { Block, Entry } from "../../../ipam/index.ts";
import { addressAt, claimOfKey, withoutEnd } from "../../../ipam/index.ts";
import type { Address, Prefix } from "../../../net/index.ts";
import { contains, formatAddress, formatPrefix, parseAddress } from "../../../net/index.ts";
import { poolName } from "../../../plugins/index.ts";
import type { JsonObject } from "../../../schema/index.ts";
import { isJsonObject } from "../../../schema/index.ts";
import type { MeantPool } from "./networks.ts";
import { placeOf } from "./networks.ts";
import type { Allocation, PoolObject, ReservationObject, Slice } from "./objects.ts";
import {
  addressOfReservation, allocationToJson, offsetIn, reservationName, reservationToJson,
} from "./objects.ts";
import type { KnownPods } from "./pods.ts";
import { hasAddress } from "./pods.ts";
import type { Snapshot } from "./snapshot.ts";

/** A pool that our addresses go into: one that is there, or that a network will have. */
export interface Target {
  readonly name: string;
  readonly range: Prefix;
  readonly scope: string;
  readonly prefix: string;
  readonly isGuarded: boolean;
  /** CNI names of the networks that have it. */
  readonly networks: ReadonlySet<string>;
  readonly known: PoolObject | undefined;
}

/** @returns with words about pools whose networks disagree */
export function targetsOf({ pools, slices, meant }: Snapshot) {
  const targets = new Map<string, Target>(), problems: string[] = [];
  for (const known of pools) {
    const place = placeOf(known, meant, slices);
    if (typeof place === "string") problems.push(`${known.name}: ${place}`);
    else targets.set(known.name, { ...place, name: known.name, range: known.range, known,
      networks: new Set(place.users.map(({ network }) => network)) });
  }
  for (const { network, prefix, range: whole, scope, isGuarded } of meant)
    for (const { name, range } of poolsOf({ network, prefix, range: whole }, slices)) {
      const made = targets.get(name);
      const target = made ?? { name, range, scope, prefix, isGuarded, known: undefined, networks: new Set<string>() };
      if (!pools.some((pool) => pool.name === name) || made !== undefined)
        targets.set(name, { ...target, networks: new Set([...target.networks, network]) });
    }
  return { targets: [...targets.values()] as readonly Target[], problems: problems as readonly string[] };
}

/** The pool of a range, and those of nodes that have a slice of it: they give addresses of their own alone. */
function poolsOf(
  { network, prefix, range }: Pick<MeantPool, "network" | "prefix" | "range">, slices: readonly Slice[],
) {
  const own = slices.filter((one) =>
    one.pool === (prefix || network) && formatPrefix(one.range) === formatPrefix(range));
  return [{ name: poolName(prefix, range), range }, ...own.map(({ node, slice }) =>
    ({ name: poolName(prefix === "" ? node : `${prefix}-${node}`, slice), range: slice }))];
}

/** An address of ours as whereabouts would write it down. */
export interface Outgoing {
  readonly address: Address;
  readonly allocation: Allocation;
}

/** What of a scope goes where, and what can go nowhere, in words. */
export function sortScope(scope: string, blocks: readonly Block[], targets: readonly Target[]) {
  const own = targets.filter((target) => target.scope === scope), problems: string[] = [];
  const byTarget = new Map<Target, Outgoing[]>(own.map((target) => [target, []]));
  for (const { address, entry } of entriesIn(blocks)) {
    const allocation = allocationOf(entry), network = entry.state === "active" ? entry.owner.network : undefined;
    if (allocation === undefined) continue;
    const target = bestOf(own, address, network);
    const what = `${formatAddress(address)} of ${allocation.podRef || allocation.claim || allocation.containerId}`;
    if (target === undefined) problems.push(`${what} is outside of every range that a network of scope "${scope}" has`);
    else if (allocation.podRef === "" && allocation.claim === "")
      problems.push(`${what} is of no pod, and whereabouts keeps addresses of pods alone`);
    else if (offsetIn(target.range, address) > offsetMax)
      problems.push(`${what} is too far inside ${formatPrefix(target.range)} for whereabouts, which counts to 2^63`);
    else byTarget.get(target)?.push({ address, allocation });
  }
  return { byTarget, problems };
}

const offsetMax = 2n ** 63n - 1n;

function entriesIn(blocks: readonly Block[]) {
  return blocks.flatMap((block) =>
    [...block.entries].map(([offset, entry]) => ({ address: addressAt(block, offset), entry })));
}

/** undefined: nobody has it. */
function allocationOf(entry: Entry): Allocation | undefined {
  if (entry.state === "active") {
    const { containerId, ifName, pod, claim = "" } = entry.owner;
    const podRef = pod === undefined || pod.namespace === "" ? "" : `${pod.namespace}/${pod.name}`;
    return { containerId, ifName, podRef, claim };
  }
  const claim = entry.state === "held" && entry.untilMs === withoutEnd ? claimOfKey(entry.key) : undefined;
  return claim === undefined ? undefined : { containerId: "", ifName: "", podRef: "", claim };
}

/** The pool of the network that it was given for, else the narrowest. */
function bestOf(targets: readonly Target[], address: Address, network: string | undefined): Target | undefined {
  const candidates = targets.filter(({ range }) => contains(range, address))
    .toSorted((a, b) => b.range.prefixBits - a.range.prefixBits);
  return candidates.find(({ networks }) => network !== undefined && networks.has(network)) ?? candidates[0];
}

/** A pool as it is to be, and what was given up of it. */
export interface MergedPool {
  readonly allocations: ReadonlyMap<string, Allocation>;
  /** In whereabouts' book alone, of pods that are there: they stay. */
  readonly kept: readonly string[];
  /** By address: of nobody who is there, or who has another one by now. */
  readonly dropped: ReadonlyMap<string, Allocation>;
  /** Two have an address, in words. */
  readonly conflicts: readonly string[];
}

export function mergePool(known: PoolObject | undefined, ours: readonly Outgoing[], pods: KnownPods): MergedPool {
  const allocations = new Map(ours.map(({ address, allocation }) => [formatAddress(address), allocation]));
  const elsewhere = new Set(ours.map(({ allocation }) => `${allocation.podRef}/${allocation.ifName}`));
  const kept: string[] = [], conflicts: string[] = [], dropped = new Map<string, Allocation>();
  for (const [address, theirs] of known?.allocations ?? []) {
    const own = allocations.get(address);
    if (own !== undefined && isSameOwner(own, theirs)) continue;
    const isThere = hasAddress(pods.get(theirs.podRef), address) && !elsewhere.has(`${theirs.podRef}/${theirs.ifName}`);
    if (!isThere) dropped.set(address, theirs);
    else if (own !== undefined)
      conflicts.push(`${address} is of ${own.podRef || own.claim} by our store, and of ${theirs.podRef} by ` +
        "whereabouts");
    else {
      allocations.set(address, theirs);
      kept.push(address);
    }
  }
  return { allocations, kept, dropped, conflicts };
}

function isSameOwner(ours: Allocation, theirs: Allocation): boolean {
  return ours.claim !== "" && ours.claim === theirs.claim ||
    (ours.containerId === theirs.containerId && (ours.ifName === theirs.ifName || theirs.ifName === ""));
}

/** The object to be written; undefined: it is so already. */
export function poolObject(
  { name, range, known }: Target, { allocations }: MergedPool, namespace: string,
): JsonObject | undefined {
  if (isAsItIs(known?.allocations ?? new Map(), allocations)) return undefined;
  const spec = isJsonObject(known?.object["spec"]) ? known.object["spec"] : {};
  return {
    ...known?.object,
    metadata: isJsonObject(known?.object["metadata"]) ? known.object["metadata"] : { namespace, name },
    spec: {
      ...spec, range: spec["range"] ?? formatPrefix(range),
      allocations: Object.fromEntries([...allocations].map(([address, allocation]) =>
        [String(offsetIn(range, parseAddress(address))), allocationToJson(allocation)])),
    },
  };
}

function isAsItIs(known: ReadonlyMap<string, Allocation>, wanted: ReadonlyMap<string, Allocation>): boolean {
  return known.size === wanted.size &&
    [...wanted].every(([address, allocation]) => isEqual(known.get(address), allocation));
}

function isEqual(one: Allocation | undefined, other: Allocation): boolean {
  return one?.containerId === other.containerId && one.podRef === other.podRef && one.ifName === other.ifName &&
    one.claim === other.claim;
}

/** What becomes of the reservations across pools that are of a pool. */
export interface ReservationChanges {
  readonly written: readonly JsonObject[];
  readonly removed: readonly ReservationObject[];
}

export function reservationChanges(
  { prefix, range, isGuarded }: Target, merged: MergedPool, { reservations, namespace }: Snapshot,
): ReservationChanges {
  const known = new Map(reservations.flatMap((one) => {
    const address = addressOfReservation(one.name, prefix);
    return address !== undefined && contains(range, address) ? [[formatAddress(address), one] as const] : [];
  }));
  const written = isGuarded ? [...merged.allocations].flatMap(([address, allocation]) => {
    const there = known.get(address);
    if (there !== undefined && (isEqual(there, allocation) || merged.kept.includes(address))) return [];
    const metadata = there === undefined ? { namespace, name: reservationName(prefix, parseAddress(address)) }
      : there.object["metadata"];
    return [{ ...there?.object, metadata, spec: reservationToJson(allocation) }];
  }) : [];
  const removed = [...merged.dropped].flatMap(([address, { podRef }]) => {
    const there = known.get(address);
    return there?.podRef === podRef && !merged.allocations.has(address) ? [there] : [];
  });
  return { written, removed };
}
