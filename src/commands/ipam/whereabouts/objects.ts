/** whereabouts' objects in a cluster, as values: pools, and reservations across pools. */
import type { Resource } from "../../../kube/index.ts";
import type { Address, Prefix } from "../../../net/index.ts";
import {
  addOffset, addressOf, addressToInteger, contains, formatAddress, networkOf, parsePrefix,
} from "../../../net/index.ts";
import { poolName } from "../../../plugins/index.ts";
import type { JsonObject } from "../../../schema/index.ts";
import { isJsonObject } from "../../../schema/index.ts";

const whereabouts = { group: "whereabouts.cni.cncf.io", version: "v1alpha1" } as const;

export const resources = {
  pools: { ...whereabouts, plural: "ippools", kind: "IPPool" },
  reservations: { ...whereabouts, plural: "overlappingrangeipreservations", kind: "OverlappingRangeIPReservation" },
  slices: { ...whereabouts, plural: "nodeslicepools", kind: "NodeSlicePool" },
  networks: { group: "k8s.cni.cncf.io", version: "v1", plural: "network-attachment-definitions",
    kind: "NetworkAttachmentDefinition" },
  claims: { group: "k8s.cni.cncf.io", version: "v1alpha1", plural: "ipamclaims", kind: "IPAMClaim" },
  pods: { group: "", version: "v1", plural: "pods", kind: "Pod" },
} as const satisfies Readonly<Record<string, Resource>>;

/** Who has an address, as whereabouts writes it down. */
export interface Allocation {
  readonly containerId: string;
  /** `namespace/name`. */
  readonly podRef: string;
  /** "" where an old version has written it. */
  readonly ifName: string;
  /** `namespace/name` of its IPAMClaim; "" without one. */
  readonly claim: string;
}

export interface PoolObject {
  readonly namespace: string;
  readonly name: string;
  readonly range: Prefix;
  /** What stands before the range in its name, and says which pools never give an address twice; "" for nothing. */
  readonly prefix: string;
  /** By address, in order. */
  readonly allocations: ReadonlyMap<string, Allocation>;
  readonly object: JsonObject;
}

/** An object that an edit has made into something else. */
export class DamagedObject extends Error {
  override readonly name = "DamagedObject";
}

/** @throws DamagedObject saying what of it cannot be used */
export function parsePool(object: JsonObject): PoolObject {
  const { namespace, name } = nameOf(object);
  const { range, allocations } = isJsonObject(object["spec"]) ? object["spec"] : {};
  const subnet = rangeIn(range, `IPPool "${name}"`);
  if (allocations !== undefined && allocations !== null && !isJsonObject(allocations))
    throw new DamagedObject(`IPPool "${name}": spec.allocations is no object, expected one of offsets`);
  const entries = Object.entries(isJsonObject(allocations) ? allocations : {}).map(([offset, value]) => {
    const address = formatAddress(addressAt(subnet, offset, name));
    return [address, allocationIn(value, `IPPool "${name}": allocation ${offset}`)] as const;
  });
  return { namespace, name, range: subnet, prefix: prefixIn(name, subnet), allocations: new Map(entries), object };
}

function rangeIn(range: unknown, subject: string): Prefix {
  try {
    return networkOf(parsePrefix(typeof range === "string" ? range : ""));
  } catch {
    throw new DamagedObject(
      `${subject}: spec.range is ${JSON.stringify(range)}, expected a prefix such as 10.1.2.0/24`);
  }
}

/** The addresses of a pool are numbered from the first of its range. */
function addressAt(range: Prefix, offset: string, name: string): Address {
  const address = /^\d{1,39}$/.test(offset) ? addOffset(range.address, BigInt(offset)) : undefined;
  if (address !== undefined && contains(range, address)) return address;
  throw new DamagedObject(`IPPool "${name}": allocation ${JSON.stringify(offset)} is no address of its range`);
}

/** The number of an address in a pool. */
export function offsetIn(range: Prefix, address: Address): bigint {
  return addressToInteger(address) - addressToInteger(range.address);
}

function allocationIn(value: unknown, subject: string): Allocation {
  const { id, podref, ifname = "", ipamclaimref = "" } = isJsonObject(value) ? value : {};
  const texts = { containerId: id, podRef: podref, ifName: ifname, claim: ipamclaimref };
  const bad = Object.values(texts).some((text) => typeof text !== "string");
  if (bad) throw new DamagedObject(`${subject} is ${JSON.stringify(value)}, expected id, podref and ifname`);
  return texts as Allocation; // strings all, by the line above
}

export function allocationToJson({ containerId, podRef, ifName, claim }: Allocation): JsonObject {
  return { id: containerId, podref: podRef, ifname: ifName, ...(claim === "" ? {} : { ipamclaimref: claim }) };
}

/** What is left of a pool's name without its range; a pool that is named otherwise is of nobody else. */
function prefixIn(name: string, range: Prefix): string {
  const own = poolName("", range);
  if (name === own) return "";
  const prefix = name.endsWith(`-${own}`) ? name.slice(0, -own.length - 1) : "";
  return prefix === "" ? name : prefix;
}

export interface ReservationObject extends Allocation {
  readonly namespace: string;
  readonly name: string;
  readonly object: JsonObject;
}

/** @throws DamagedObject */
export function parseReservation(object: JsonObject): ReservationObject {
  const spec = isJsonObject(object["spec"]) ? object["spec"] : {}, key = nameOf(object);
  const { containerid = "", ...others } = spec;
  const subject = `OverlappingRangeIPReservation "${key.name}"`;
  return { ...key, object, ...allocationIn({ id: containerid, ...others }, subject) };
}

export function reservationName(prefix: string, address: Address): string {
  const own = formatAddress(address);
  return `${prefix === "" ? "" : `${prefix}-`}${(own.endsWith(":") ? `${own}0` : own).replaceAll(":", "-")}`;
}

export function reservationToJson({ containerId, podRef, ifName, claim }: Allocation): JsonObject {
  return { containerid: containerId, podref: podRef, ifname: ifName, ...(claim === "" ? {} : { ipamclaimref: claim }) };
}

/** The address of a reservation among pools of that prefix; undefined where the name is none of theirs. */
export function addressOfReservation(name: string, prefix: string): Address | undefined {
  if (prefix !== "" && !name.startsWith(`${prefix}-`)) return undefined;
  const own = prefix === "" ? name : name.slice(prefix.length + 1);
  return addressOf(own.includes(".") ? own : own.replaceAll("-", ":"));
}

/** A part of a range that whereabouts has set aside for a node, in a pool of its own. */
export interface Slice {
  /** `network_name` of the network, else its CNI name. */
  readonly pool: string;
  readonly range: Prefix;
  readonly node: string;
  readonly slice: Prefix;
}

/** Those that can be read: others have no pool. */
export function slicesIn(object: JsonObject): readonly Slice[] {
  const { spec, status } = object, allocations = isJsonObject(status) ? status["allocations"] : undefined;
  return (Array.isArray(allocations) ? allocations : []).flatMap((one: unknown) => {
    const { nodeName, sliceRange } = isJsonObject(one) ? one : {};
    if (typeof nodeName !== "string" || nodeName === "") return [];
    try {
      const range = rangeIn(isJsonObject(spec) ? spec["range"] : undefined, "NodeSlicePool");
      return [{ pool: nameOf(object).name, range, node: nodeName, slice: rangeIn(sliceRange, "NodeSlicePool") }];
    } catch {
      return [];
    }
  });
}

export function nameOf({ metadata }: JsonObject): { readonly namespace: string; readonly name: string } {
  const { namespace, name } = isJsonObject(metadata) ? metadata : {};
  return { namespace: typeof namespace === "string" ? namespace : "", name: typeof name === "string" ? name : "" };
}
