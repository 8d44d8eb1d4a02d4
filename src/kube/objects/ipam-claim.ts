import { CniError, code } from "../../cni/index.ts";
import type { Address } from "../../net/index.ts";
import { AddressError, parseAddressOrPrefix } from "../../net/index.ts";
import type { World } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Answer, Errand } from "../client/answer.ts";
import { objectIn, saysNotFound, saysNotServed } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import type { PodKey } from "./pod.ts";
import { metadataOf } from "./pod.ts";

/** The group, version and resource of IPAMClaim (k8snetworkplumbingwg/ipamclaims). */
const group = "k8s.cni.cncf.io", version = "v1alpha1", resource = "ipamclaims";

/** What keeps addresses for a virtual machine, whatever becomes of its pods. */
export interface IpamClaim extends PodKey {
  /** CNI name of the network that it is for; "" where it does not say. */
  readonly network: string;
  /** The pod's interface likewise. */
  readonly ifName: string;
  /** `status.ips`: what it has had so far. */
  readonly addresses: readonly Address[];
  /** As the API gave it. */
  readonly object: JsonObject;
}

/** What is to be written down in a claim. */
export interface ClaimStatus {
  /** With their prefix lengths: `10.1.2.3/24`. */
  readonly ips: readonly string[];
  /** Name of the pod that has them now. */
  readonly pod: string;
}

/** More than a pod's interface ever has. */
const addressesMax = 256;
/** Whoever else writes a claim does so in a moment. */
const conflictsMax = 10, conflictPauseMs = 50;

/**
 * The claim; undefined when there is none of this name.
 *
 * @throws CniError 120 when the cluster does not know such objects at all, or this one cannot be read
 */
export async function getIpamClaim(api: Api, key: PodKey): Promise<IpamClaim | undefined> {
  const errand = errandOf("get", key, resource);
  const answer = await api.send({ ...errand, method: "GET", path: pathOf(key) });
  return saysNotFound(answer, key.name) ? undefined : parseIpamClaim(objectIn(served(answer, errand), errand), key);
}

/**
 * Puts addresses and their pod into a claim's status, and changes nothing else of it.
 *
 * @returns "gone" when there is no such claim any more
 */
export async function setClaimStatus(
  api: Api, claim: IpamClaim, status: ClaimStatus, world: World,
): Promise<"written" | "gone"> {
  const errand = errandOf("update", claim, `${resource}/status`);
  let current: IpamClaim | undefined = claim;
  for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
    const body = withStatus(current.object, status);
    if (JSON.stringify(body["status"]) === JSON.stringify(current.object["status"])) return "written";
    const answer = await api.send({ ...errand, method: "PUT", path: `${pathOf(claim)}/status`, body });
    if (saysNotFound(answer, claim.name)) return "gone";
    if (answer.status !== 409) {
      objectIn(served(answer, errand), errand);
      return "written";
    }
    await world.sleep(world.random() * conflictPauseMs);
    current = await getIpamClaim(api, claim);
    if (current === undefined) return "gone";
  }
  throw new CniError(
    code.tryAgainLater,
    `Cannot ${errand.act}: somebody else changed it each of ${conflictsMax} times, expected it to rest`,
  );
}

function withStatus(object: JsonObject, { ips, pod }: ClaimStatus): JsonObject {
  const status = isJsonObject(object["status"]) ? object["status"] : {};
  return { ...object, status: { ...status, ips: [...ips], ownerPod: { name: pod } } };
}

/** @throws CniError 120 when it is another object than the one asked for, or its addresses are none */
export function parseIpamClaim(object: JsonObject, key: PodKey): IpamClaim {
  const { namespace, name } = key, subject = told(key);
  metadataOf(object, key, subject);
  const { network, interface: ifName } = isJsonObject(object["spec"]) ? object["spec"] : {};
  const { ips = [] } = isJsonObject(object["status"]) ? object["status"] : {};
  if (!Array.isArray(ips) || ips.length > addressesMax)
    throw nonsense(subject, "status.ips", ips, `a list of at most ${addressesMax} addresses`);
  return {
    namespace, name, object,
    network: typeof network === "string" ? network : "",
    ifName: typeof ifName === "string" ? ifName : "",
    addresses: ips.map((text) => addressIn(text, subject)),
  };
}

function addressIn(text: unknown, subject: string): Address {
  try {
    return parseAddressOrPrefix(typeof text === "string" ? text : "").address;
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw nonsense(subject, "status.ips", text, "addresses such as 10.1.2.3/24");
  }
}

function nonsense(subject: string, field: string, found: unknown, wanted: string): CniError {
  const shown = (JSON.stringify(found) ?? "missing").slice(0, 80);
  return new CniError(code.cluster, `Cannot use ${subject}: ${field} is ${shown}, expected ${wanted}`);
}

function told({ namespace, name }: PodKey): string {
  return `IPAMClaim ${JSON.stringify(`${namespace}/${name}`)}`;
}

function pathOf({ namespace, name }: PodKey): string {
  const folder = `/apis/${group}/${version}/namespaces/${encodeURIComponent(namespace)}/${resource}`;
  return `${folder}/${encodeURIComponent(name)}`;
}

function errandOf(verb: string, key: PodKey, what: string): Errand {
  return {
    act: `${verb} ${told(key)}`, permission: `${verb} ${what}.${group} in namespace ${JSON.stringify(key.namespace)}`,
  };
}

function served(answer: Answer, { act }: Errand): Answer {
  if (!saysNotServed(answer)) return answer;
  throw new CniError(
    code.cluster,
    `Cannot ${act}: the API knows no such objects, expected the custom resource definition ${resource}.${group} with ` +
      `version ${version} to be installed`,
  );
}
