/** Who is there: pods with the addresses they say they have. */
import { annotation } from "../../../nad/index.ts";
import { addressOf, formatAddress } from "../../../net/index.ts";
import type { JsonObject } from "../../../schema/index.ts";
import { isJsonObject } from "../../../schema/index.ts";
import { nameOf } from "./objects.ts";

export interface KnownPod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
  /** By address, the network's `namespace/name` or CNI name; undefined: it says nothing of its addresses. */
  readonly networks: ReadonlyMap<string, string> | undefined;
}

/** By `namespace/name`. */
export type KnownPods = ReadonlyMap<string, KnownPod>;

export function podsIn(objects: readonly JsonObject[]): KnownPods {
  return new Map(objects.map((object) => {
    const { namespace, name } = nameOf(object), { metadata, spec } = object;
    const { uid, annotations } = isJsonObject(metadata) ? metadata : {};
    const { nodeName } = isJsonObject(spec) ? spec : {};
    const status = isJsonObject(annotations) ? annotations[annotation.networkStatus] : undefined;
    const pod: KnownPod = { namespace, name, uid: typeof uid === "string" ? uid : "",
      node: typeof nodeName === "string" ? nodeName : "", networks: networksIn(status) };
    return [`${namespace}/${name}`, pod];
  }));
}

function networksIn(status: unknown): KnownPod["networks"] {
  if (typeof status !== "string") return undefined;
  let list: unknown;
  try {
    list = JSON.parse(status);
  } catch {
    return undefined;
  }
  if (!Array.isArray(list)) return undefined;
  return new Map(list.filter(isJsonObject).flatMap(({ name, ips }) =>
    (Array.isArray(ips) ? ips : []).flatMap((ip: unknown) => {
      const address = typeof ip === "string" ? addressOf(ip) : undefined;
      return address === undefined ? [] : [[formatAddress(address), typeof name === "string" ? name : ""] as const];
    })));
}

/**
 * Whether a pod that has an address by some book is there and does not deny it: one that tells of its addresses has
 * those and no others. One that runs on no node has none.
 */
export function hasAddress(pod: KnownPod | undefined, address: string): pod is KnownPod {
  return pod !== undefined && pod.node !== "" && (pod.networks === undefined || pod.networks.has(address));
}
