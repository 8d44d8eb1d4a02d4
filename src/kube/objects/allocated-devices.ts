/**
 * Devices that a pod has by dynamic resource allocation: its claims say which, and the slices of the drivers what they
 * are. A driver that means a device for a network says so in two attributes of it, as Multus reads them: the resource
 * that definitions name, and the id that plugins are to get.
 *
 * Source: Kubernetes API reference, resource.k8s.io/v1 (ResourceClaim, ResourceSlice) and v1 (PodStatus); Multus's
 * documentation of its use, "Dynamic Resource Allocation".
 */
import { CniError, code } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Errand } from "../client/answer.ts";
import { objectIn } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import { listAll } from "./list.ts";
import type { Pod } from "./pod.ts";
import { told } from "./pod.ts";

const group = "resource.k8s.io", version = "v1";
const resourceAttribute = "k8s.cni.cncf.io/resourceName", idAttribute = "k8s.cni.cncf.io/deviceID";

/** One device of a claim, by the names that its driver has for it. */
interface Allocated {
  readonly claim: string;
  /** Of the claim. */
  readonly request: string;
  readonly driver: string;
  readonly pool: string;
  readonly device: string;
}

/**
 * The devices of a pod's claims, resource name to ids. Devices without both attributes are no network's. Nobody is
 * asked for a pod without claims.
 *
 * @throws CniError 11 for a claim that has no devices yet, 7 for a device of another resource than an extended one that
 *   the pod asks for, 120 when the API refuses
 */
export async function getAllocatedDevices(
  api: Pick<Api, "send">, pod: Pod,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const allocated: Allocated[] = [];
  for (const name of claimNames(pod.object)) allocated.push(...await devicesOfClaim(api, pod, name));
  const found = new Map<string, string[]>();
  for (const driver of new Set(allocated.map((one) => one.driver))) {
    const attributesOf = await describedBy(api, pod, driver);
    for (const one of allocated.filter((other) => other.driver === driver)) {
      const attributes = attributesOf(one), id = textOf(attributes, idAttribute);
      const resource = textOf(attributes, resourceAttribute);
      if (id === "" || resource === "") continue;
      refuseAnother(pod, one, resource);
      found.set(resource, [...found.get(resource) ?? [], id]);
    }
  }
  return found;
}

/** Those made for the pod, those it names, and the one behind extended resources. */
function claimNames({ spec, status }: JsonObject): readonly string[] {
  const made = listIn(status, "resourceClaimStatuses"), named = listIn(spec, "resourceClaims");
  const extended = extendedOf(status);
  const names = [...made, ...named, ...extended === undefined ? [] : [extended]]
    .map(({ resourceClaimName: name }) => name);
  return [...new Set(names.filter((name) => typeof name === "string" && name !== ""))] as readonly string[];
}

function extendedOf(status: unknown): JsonObject | undefined {
  const extended = isJsonObject(status) ? status["extendedResourceClaimStatus"] : undefined;
  return isJsonObject(extended) ? extended : undefined;
}

async function devicesOfClaim(api: Pick<Api, "send">, pod: Pod, claim: string): Promise<readonly Allocated[]> {
  const { namespace } = pod, subject = `ResourceClaim ${JSON.stringify(`${namespace}/${claim}`)}`;
  const errand: Errand = {
    act: `get ${subject}`,
    permission: `get resourceclaims.${group} in namespace ${JSON.stringify(namespace)}`,
  };
  const folder = `/apis/${group}/${version}/namespaces/${encodeURIComponent(namespace)}/resourceclaims`;
  const answer = await api.send({ ...errand, method: "GET", path: `${folder}/${encodeURIComponent(claim)}` });
  const { status } = objectIn(answer, errand);
  const allocation = isJsonObject(status) ? status["allocation"] : undefined;
  if (!isJsonObject(allocation)) {
    throw new CniError(
      code.tryAgainLater,
      `Cannot use ${subject} of ${told(pod)}: it has no allocation yet, expected the devices that it was given`,
    );
  }
  return listIn(allocation["devices"], "results").map((result) => ({
    claim, request: text(result["request"]), driver: text(result["driver"]), pool: text(result["pool"]),
    device: text(result["device"]),
  }));
}

/** What a driver says of its devices on the pod's node: of each pool, what its newest slices do. */
async function describedBy(
  api: Pick<Api, "send">, { object }: Pod, driver: string,
): Promise<(one: Allocated) => JsonObject> {
  const node = isJsonObject(object["spec"]) ? text(object["spec"]["nodeName"]) : "";
  const errand: Errand = {
    act: `list the devices of driver ${JSON.stringify(driver)} on node ${JSON.stringify(node)}`,
    permission: `list resourceslices.${group}`,
  };
  const fieldSelector = `spec.nodeName=${node},spec.driver=${driver}`;
  const { items } = await listAll(
    (path) => api.send({ ...errand, method: "GET", path }),
    `/apis/${group}/${version}/resourceslices`, { fieldSelector }, errand,
  );
  const slices = items.map(({ spec }) => (isJsonObject(spec) ? spec : {}));
  return ({ pool, device }) => {
    const own = slices.filter((slice) => isJsonObject(slice["pool"]) && slice["pool"]["name"] === pool);
    const newest = Math.max(...own.map(generationOf));
    const described = own.filter((slice) => generationOf(slice) === newest)
      .flatMap((slice) => listIn(slice, "devices")).find(({ name }) => name === device);
    const attributes = described?.["attributes"];
    return isJsonObject(attributes) ? attributes : {};
  };
}

function generationOf({ pool }: JsonObject): number {
  const generation = isJsonObject(pool) ? pool["generation"] : undefined;
  return typeof generation === "number" ? generation : 0;
}

/** A request for an extended resource names the resource itself: its device has to be one of it. */
function refuseAnother(pod: Pod, { claim, request, device }: Allocated, resource: string): void {
  const extended = extendedOf(pod.object["status"]);
  if (extended?.["resourceClaimName"] !== claim) return;
  // A result's request may have one of several alternatives after a slash.
  const [asked] = request.split("/");
  const mapping = listIn(extended, "requestMappings").find(({ requestName }) => requestName === asked);
  if (mapping === undefined || mapping["resourceName"] === resource) return;
  throw new CniError(
    code.invalidConfig,
    `Cannot use device ${JSON.stringify(device)} of ${told(pod)}: its driver has it under resource ` +
      `${JSON.stringify(resource)}, expected ${JSON.stringify(mapping["resourceName"])}, which the pod asks for`,
  );
}

/** An attribute's value, which is one of several kinds; "" when it is no text. */
function textOf(attributes: JsonObject, name: string): string {
  const value = attributes[name];
  return isJsonObject(value) ? text(value["string"]) : "";
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function listIn(object: unknown, key: string): readonly JsonObject[] {
  const list = isJsonObject(object) ? object[key] : undefined;
  return Array.isArray(list) ? list.filter(isJsonObject) : [];
}
