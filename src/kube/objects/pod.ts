import { CniError, code } from "../../cni/index.ts";
import { annotation } from "../../nad/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/** What finds a pod, or a NetworkAttachmentDefinition. */
export interface PodKey {
  readonly namespace: string;
  readonly name: string;
}

export interface Pod extends PodKey {
  readonly uid: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** The kubelet runs it from a file; the API only holds its mirror, which has a UID of its own. */
  readonly isStatic: boolean;
  /** As the API gave it. */
  readonly object: JsonObject;
  /** It is what was told last by a watch: the API has not been asked, and may have a newer one. */
  readonly isAssumed?: boolean;
}

/** `pod "blue/web"`. */
export function told({ namespace, name }: PodKey): string {
  return `pod ${JSON.stringify(`${namespace}/${name}`)}`;
}

/**
 * The pod in the API's answer.
 *
 * @throws CniError 120 when it is another object than the one asked for
 */
export function parsePod(object: JsonObject, key: PodKey): Pod {
  const metadata = metadataOf(object, key, told(key));
  const { uid } = metadata;
  if (typeof uid !== "string" || uid === "") throw nonsense(told(key), "metadata.uid", uid, "a text");
  const annotations = toAnnotations(metadata["annotations"], key);
  return { ...key, uid, annotations, isStatic: isStatic(annotations), object };
}

/** The object's metadata, once it is clear that this is the object we asked for. */
export function metadataOf(object: JsonObject, { namespace, name }: PodKey, subject: string): JsonObject {
  const { metadata } = object;
  if (!isJsonObject(metadata)) throw nonsense(subject, "metadata", metadata, "an object");
  if (metadata["name"] !== name) throw nonsense(subject, "metadata.name", metadata["name"], JSON.stringify(name));
  if (metadata["namespace"] !== namespace)
    throw nonsense(subject, "metadata.namespace", metadata["namespace"], JSON.stringify(namespace));
  return metadata;
}

/** Whether both are the same pod and ask for the same networks. */
export function asksTheSame(pod: Pod, other: Pod): boolean {
  return pod.uid === other.uid && [annotation.networks, annotation.defaultNetwork].every((key) =>
    (pod.annotations[key] ?? "") === (other.annotations[key] ?? ""));
}

/** A pod made from a file says so; one whose source is "api" is an ordinary one. */
function isStatic(annotations: Readonly<Record<string, string>>): boolean {
  const source = annotations["kubernetes.io/config.source"];
  return source !== undefined && source !== "api";
}

function toAnnotations(value: unknown, key: PodKey): Readonly<Record<string, string>> {
  if (value === undefined || value === null) return {};
  if (!isJsonObject(value)) throw nonsense(told(key), "metadata.annotations", value, "an object");
  const annotations: [string, string][] = [];
  for (const [name, text] of Object.entries(value)) {
    if (typeof text !== "string")
      throw nonsense(told(key), `metadata.annotations[${JSON.stringify(name)}]`, text, "a text");
    annotations.push([name, text]);
  }
  return Object.fromEntries(annotations);
}

function nonsense(subject: string, field: string, found: unknown, wanted: string): CniError {
  const shown = (JSON.stringify(found) ?? "missing").slice(0, 80);
  return new CniError(
    code.cluster,
    `Cannot use what the cluster's API gave for ${subject}: ${field} is ${shown}, expected ${wanted}`,
  );
}
