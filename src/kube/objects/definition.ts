import { CniError, code } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { excerpt, objectIn, saysNotFound, saysNotServed, statusMessage } from "../client/answer.ts";
import type { Api } from "../client/api.ts";
import type { PodKey } from "./pod.ts";
import { metadataOf } from "./pod.ts";

/** The group, version and resource of NetworkAttachmentDefinition (multi-network specification 1.3, section 3). */
const group = "k8s.cni.cncf.io", version = "v1", resource = "network-attachment-definitions";
/** All of them. */
export const definitionsPath = `/apis/${group}/${version}/${resource}`;

/**
 * A NetworkAttachmentDefinition as the API gives it; undefined when there is none of this name.
 *
 * @throws CniError 120 when the cluster does not know such objects at all
 */
export async function getDefinition(api: Api, key: PodKey): Promise<JsonObject | undefined> {
  const subject = `NetworkAttachmentDefinition ${JSON.stringify(`${key.namespace}/${key.name}`)}`;
  const errand = {
    act: `get ${subject}`,
    permission: `get ${resource}.${group} in namespace ${JSON.stringify(key.namespace)}`,
  };
  const folder = `/apis/${group}/${version}/namespaces/${encodeURIComponent(key.namespace)}/${resource}`;
  const path = `${folder}/${encodeURIComponent(key.name)}`;
  const answer = await api.send({ ...errand, method: "GET", path });
  if (saysNotFound(answer, key.name)) return undefined;
  if (saysNotServed(answer)) {
    const said = statusMessage(answer);
    const told = said === undefined ? excerpt(answer) : `${answer.status} ${JSON.stringify(said)}`;
    throw new CniError(
      code.cluster,
      `Cannot ${errand.act}: the API knows no such objects (${told}), expected the custom resource definition ` +
        `${resource}.${group} with version ${version} to be installed`,
    );
  }
  const object = objectIn(answer, errand);
  metadataOf(object, key, subject);
  return object;
}
