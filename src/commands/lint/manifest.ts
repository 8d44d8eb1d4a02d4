import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import type { Spot } from "./spot.ts";

/** Something in a manifest that has to do with networks. */
export interface ManifestObject {
  readonly kind: "definition" | "pod" | "other";
  readonly object: JsonObject;
  readonly spot: Spot;
  readonly namespace: string;
  readonly name: string;
  /** Pods of one template that may be there at the same time; Infinity for one a node. */
  readonly copies: number;
}

/** Whether a value is an object of a cluster's API. */
export function isManifest(value: unknown): value is JsonObject {
  return isJsonObject(value) && typeof value["apiVersion"] === "string" && typeof value["kind"] === "string";
}

/** Whether it means to be one, and no cluster would take it. No CNI configuration has a kind. */
export function isBrokenManifest(value: unknown): boolean {
  return isJsonObject(value) && Object.hasOwn(value, "kind") && !isManifest(value);
}

/** The definitions and pods of one object, those of a list and of a pod template included. */
export function objectsOf(value: JsonObject, spot: Spot, defaultNamespace: string): readonly ManifestObject[] {
  if (String(value["kind"]).endsWith("List") && Array.isArray(value["items"])) {
    const items: readonly unknown[] = value["items"];
    return items.flatMap((item, index) =>
      isManifest(item) ? objectsOf(item, spot.at("items", index), defaultNamespace) : [],
    );
  }
  const { name, namespace } = namesOf(value, defaultNamespace);
  const common = { name, namespace };
  const own = (kind: ManifestObject["kind"]): ManifestObject => ({ ...common, kind, object: value, spot, copies: 1 });
  if (value["kind"] === "NetworkAttachmentDefinition") return [own("definition")];
  if (value["kind"] === "Pod") return [own("pod")];
  const way = templates.get(String(value["kind"]));
  const template = way?.reduce<unknown>((here, step) => isJsonObject(here) ? here[step] : undefined, value);
  if (way === undefined || !isJsonObject(template)) return [own("other")];
  return [own("other"), { ...common, kind: "pod", object: template, spot: spot.at(...way), copies: copiesOf(value) }];
}

/** Where each kind that makes pods has their template. */
const templates: ReadonlyMap<string, readonly string[]> = new Map<string, readonly string[]>([
  ...["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "ReplicationController", "Job"].map(
    (kind) => [kind, ["spec", "template"]] as const,
  ),
  ["CronJob", ["spec", "jobTemplate", "spec", "template"]],
  ["PodTemplate", ["template"]],
]);

function copiesOf({ kind, spec }: JsonObject): number {
  if (kind === "DaemonSet") return Number.POSITIVE_INFINITY;
  const { replicas, parallelism } = isJsonObject(spec) ? spec : {};
  const count = replicas ?? parallelism;
  return typeof count === "number" ? count : 1;
}

function namesOf(value: JsonObject, defaultNamespace: string): { readonly name: string; readonly namespace: string } {
  const metadata = isJsonObject(value["metadata"]) ? value["metadata"] : {};
  const { name, namespace } = metadata;
  return {
    name: typeof name === "string" ? name : "",
    namespace: typeof namespace === "string" && namespace !== "" ? namespace : defaultNamespace,
  };
}
