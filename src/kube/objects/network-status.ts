import { CniError, code } from "../../cni/index.ts";
import { annotation } from "../../nad/index.ts";
import type { World } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { objectIn, saysNotFound } from "../client/answer.ts";
import type { Api, ApiRequest } from "../client/api.ts";
import type { Pod, PodKey } from "./pod.ts";
import { asksTheSame, metadataOf, parsePod, told } from "./pod.ts";

/** The kubelet writes the same pod's status at the same moments, so conflicts are ordinary; more than this are not. */
const conflictsMax = 10;
/** The longest pause after a conflict, before the pod is read again. */
const conflictPauseMs = 50;

export async function getPod(api: Api, key: PodKey, limits: RequestLimits = {}): Promise<Pod | undefined> {
  const errand = { act: `get ${told(key)}`, permission: `get pods in namespace ${JSON.stringify(key.namespace)}` };
  const answer = await api.send({ ...errand, method: "GET", path: podPath(key), ...limits });
  return saysNotFound(answer, key.name) ? undefined : parsePod(objectIn(answer, errand), key);
}

/**
 * Puts the text into the pod's network-status annotation, and changes nothing else. The pod is written back as it was
 * read, with its resourceVersion: if anybody has changed it since, the API refuses, and it is read again.
 *
 * It is a PUT of the status, not a patch, because that is what the roles of existing installations permit.
 *
 * @returns "gone" when that pod, by its UID, is not there any more; "outdated", with nothing written, when the pod was
 *   assumed to be so and by now asks for other networks
 */
export async function setNetworkStatus(
  api: Api,
  { pod, status, world, ...limits }: StatusToSet,
): Promise<"written" | "gone" | "outdated"> {
  const errand = {
    act: `write the network-status of ${told(pod)}`,
    permission: `update pods/status in namespace ${JSON.stringify(pod.namespace)}`,
  };
  let current: Pod | undefined = pod;
  for (let conflicts = 0; conflicts < conflictsMax; conflicts++) {
    const answer = await api.send({
      ...errand,
      method: "PUT",
      path: `${podPath(pod)}/status`,
      body: withStatus(current, status),
      ...limits,
    });
    if (saysNotFound(answer, pod.name)) return "gone";
    if (answer.status !== 409) {
      objectIn(answer, errand);
      return "written";
    }
    await world.sleep(world.random() * conflictPauseMs);
    current = await getPod(api, pod, limits);
    if (current === undefined || current.uid !== pod.uid) return "gone";
    if (pod.isAssumed === true && !asksTheSame(pod, current)) return "outdated";
    // A try that was given up may have been carried out.
    if (current.annotations[annotation.networkStatus] === status) return "written";
  }
  throw new CniError(
    code.tryAgainLater,
    `Cannot ${errand.act}: somebody else changed the pod each of ${conflictsMax} times, expected it to rest`,
  );
}

type RequestLimits = Pick<ApiRequest, "limitMs">;

interface StatusToSet extends RequestLimits {
  readonly pod: Pod;
  readonly status: string;
  readonly world: World;
}

function podPath({ namespace, name }: PodKey): string {
  return `/api/v1/namespaces/${encodeURIComponent(namespace)}/pods/${encodeURIComponent(name)}`;
}

function withStatus(pod: Pod, status: string): JsonObject {
  const metadata = metadataOf(pod.object, pod, told(pod));
  return {
    ...pod.object,
    metadata: { ...metadata, annotations: { ...pod.annotations, [annotation.networkStatus]: status } },
  };
}
