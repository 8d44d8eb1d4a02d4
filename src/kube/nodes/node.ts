import { CniError, code } from "../../cni/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { addressOf, parsePrefix } from "../../net/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** A node as the cluster has it. */
export interface ClusterNode {
  readonly name: string;
  /** Another one when a node of the same name joins anew. */
  readonly uid: string;
  /** `spec.podCIDRs`: what its pods' addresses are of, at most one a family; [] while nobody has allocated any. */
  readonly subnets: readonly Prefix[];
  /** `status.addresses` of type InternalIP, in the cluster's order. */
  readonly addresses: readonly Address[];
}

/**
 * The node in the API's answer. Of addresses that are none nothing is said: who wrote them knows why.
 *
 * @throws CniError 120 when it is no node, or when a subnet is none
 */
export function parseNode(object: JsonObject): ClusterNode {
  const { metadata, spec, status } = object;
  const { name, uid } = isJsonObject(metadata) ? metadata : {};
  if (typeof name !== "string" || name === "") throw nonsense("a node", "metadata.name", name, "a text");
  if (typeof uid !== "string" || uid === "") throw nonsense(`node "${name}"`, "metadata.uid", uid, "a text");
  const { podCIDRs, podCIDR } = isJsonObject(spec) ? spec : {};
  const { addresses } = isJsonObject(status) ? status : {};
  // Before Kubernetes 1.16 there was one alone.
  const written: readonly unknown[] = Array.isArray(podCIDRs) ? podCIDRs
    : podCIDR === undefined || podCIDR === "" ? [] : [podCIDR];
  return {
    name, uid,
    subnets: written.map((text) => parseSubnet(text, name)),
    addresses: Array.isArray(addresses) ? addresses.flatMap(internalAddress) : [],
  };
}

function parseSubnet(text: unknown, node: string): Prefix {
  try {
    return parsePrefix(String(text));
  } catch {
    throw nonsense(`node "${node}"`, "spec.podCIDRs", text, "prefixes");
  }
}

function internalAddress(json: unknown): readonly Address[] {
  const { type, address } = isJsonObject(json) ? json : {};
  const found = type === "InternalIP" && typeof address === "string" ? addressOf(address) : undefined;
  return found === undefined ? [] : [found];
}

function nonsense(subject: string, field: string, found: unknown, wanted: string): CniError {
  const shown = (JSON.stringify(found) ?? "missing").slice(0, 80);
  return new CniError(
    code.cluster,
    `Cannot use what the cluster's API gave for ${subject}: ${field} is ${shown}, expected ${wanted}`,
  );
}

/** By name; one that nobody can read is left out, and told of. */
export function nodesIn(objects: readonly JsonObject[], log: (line: string) => void): readonly ClusterNode[] {
  return objects.flatMap((item) => readable(item, log)).sort(byName);
}

function readable(object: JsonObject, log: (line: string) => void): readonly ClusterNode[] {
  try {
    return [parseNode(object)];
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    log(error.message);
    return [];
  }
}

function byName(a: ClusterNode, b: ClusterNode): number {
  return a.name < b.name ? -1 : 1;
}
