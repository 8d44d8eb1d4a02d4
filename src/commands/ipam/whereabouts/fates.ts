/** What becomes of an address that whereabouts' book says somebody has. */
import type { Entry, Fate, Foreign } from "../../../ipam/index.ts";
import { claimKey, ownerKeyOf, withoutEnd } from "../../../ipam/index.ts";
import type { Address } from "../../../net/index.ts";
import { formatAddress } from "../../../net/index.ts";
import type { PlacedPool } from "./networks.ts";
import type { Allocation } from "./objects.ts";
import type { KnownPod, KnownPods } from "./pods.ts";
import { hasAddress } from "./pods.ts";

export interface Judging {
  readonly pods: KnownPods;
  readonly claims: ReadonlySet<string> | undefined;
  readonly place: PlacedPool;
  /** Of all that is written at once. */
  readonly ticket: string;
  readonly nowMs: number;
  /** Whether we know that interface of that pod with another address in the scope. */
  readonly isElsewhere: (allocation: Allocation, address: string) => boolean;
}

/** What nobody is known to have any more is kept for a day: the API may know less than the node does. */
const keptMs = 24 * 3_600_000;

/** The entry that stands for an allocation in our store. */
export function entryFor(address: Address, allocation: Allocation, judging: Judging): Entry {
  const { podRef, ifName, containerId, claim } = allocation, { pods, claims, ticket, nowMs } = judging;
  const text = formatAddress(address), pod = pods.get(podRef), ofClaim = claim === "" ? {} : { claim };
  const isThere = hasAddress(pod, text) && (pod.networks !== undefined || !judging.isElsewhere(allocation, text));
  if (isThere) {
    const { namespace, name, uid, node } = pod, network = networkOf(pod, text, judging.place);
    const owner = { containerId, ifName, node, bootId: "", pod: { namespace, name, uid }, ...network, ...ofClaim };
    return { state: "active", owner, ticket, atMs: nowMs };
  }
  if (claim !== "" && claims?.has(claim) !== false)
    return { state: "held", key: claimKey(claim), untilMs: withoutEnd, atMs: nowMs };
  const [namespace = "", name = ""] = podRef.split("/");
  const key = ownerKeyOf({ containerId, ifName, ...(name === "" ? {} : { pod: { namespace, name, uid: "" } }) });
  return { state: "held", key, untilMs: nowMs + keptMs, atMs: nowMs };
}

/** Which of the networks in the scope it is, where the scope does not say it itself. */
function networkOf(pod: KnownPod, address: string, { users, scope }: PlacedPool): { readonly network?: string } {
  const told = pod.networks?.get(address);
  const [only, second] = new Set(users.map(({ network }) => network));
  const network = users.find((one) => one.definition === told || one.network === told)?.network ??
    (second === undefined ? only : undefined);
  return network === undefined || network === scope ? {} : { network };
}

/**
 * What is done about an entry of whereabouts' where ours has another: one of a pod that is there and has the address
 * counts more than one of nobody who is known, and two who are there are for a person to look at.
 */
export function fateOf(pods: KnownPods): (foreign: Foreign, found: Entry | undefined) => Fate {
  return ({ address, entry }, found) => {
    switch (found?.state) {
      case undefined: case "left": return "write";
      case "unreadable": return "conflict";
      case "held": return heldFate(entry, found);
      case "active": {
        if (entry.state !== "active") return "known";
        const { owner } = found, { containerId, ifName, pod } = entry.owner;
        if (owner.containerId === containerId && (owner.ifName === ifName || owner.ifName === "" || ifName === ""))
          return "known";
        const isSamePod = owner.pod?.namespace === pod?.namespace && owner.pod?.name === pod?.name;
        if (isSamePod && owner.ifName === ifName) return "known";
        const key = owner.pod === undefined ? undefined : pods.get(`${owner.pod.namespace}/${owner.pod.name}`);
        return owner.pod === undefined || hasAddress(key, formatAddress(address)) ? "conflict" : "write";
      }
    }
  };
}

function heldFate(entry: Entry, found: Entry & { readonly state: "held" }): Fate {
  if (entry.state === "held") return found.key === entry.key || found.untilMs === withoutEnd ? "known" : "write";
  const { claim } = entry.state === "active" ? entry.owner : {};
  return found.untilMs === withoutEnd && (claim === undefined || found.key !== claimKey(claim)) ? "conflict" : "write";
}
