/** The pod that a word means: one of a cluster, or one that a manifest describes. */
import { existsSync } from "node:fs";
import { extname } from "node:path";
import type { Pod, PodKey } from "../../kube/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { CommandError } from "../errors.ts";
import { findingLine, gather } from "../lint/finding.ts";
import type { ManifestObject } from "../lint/manifest.ts";
import { isManifest, objectsOf } from "../lint/manifest.ts";
import type { Source } from "../lint/source.ts";
import { documentsOf } from "../lint/source.ts";

/** A pod to be planned. */
export interface MeantPod {
  readonly key: PodKey;
  /** As its manifest has it; undefined: the cluster knows it. */
  readonly pod: Pod | undefined;
  /** Those of the same manifest, by `namespace/name`. */
  readonly definitions: ReadonlyMap<string, JsonObject>;
}

/** Files that are no manifests. */
const configurationEnds: ReadonlySet<string> = new Set([".conf", ".conflist"]);
const manifestName = /\.ya?ml$/;
const label = "[a-z0-9](?:[-a-z0-9]*[a-z0-9])?";
const podName = new RegExp(`^(${label})/(${label}(?:\\.${label})*)$`);

/**
 * `namespace/name`, where no file has that name, or a file of manifests, `-` for stdin; undefined for anything else.
 *
 * @throws CommandError for a manifest without a pod, one that cannot be read, or one with several
 */
export async function meantPod(word: string): Promise<MeantPod | undefined> {
  const [, namespace, name] = podName.exec(word) ?? [];
  if (namespace !== undefined && name !== undefined && !existsSync(word))
    return { key: { namespace, name }, pod: undefined, definitions: new Map() };
  const isStdin = word === "-";
  if (!isStdin && (!existsSync(word) || configurationEnds.has(extname(word)))) return undefined;
  const objects = await objectsIn({ file: isStdin ? "stdin" : word, fromDirectory: false });
  if (objects.length === 0 && !isStdin && !manifestName.test(word)) return undefined;
  return podAmong(objects, isStdin ? "stdin" : word);
}

/** None in what is no manifest: a configuration's mistakes are told by who reads it as one. */
async function objectsIn(source: Source): Promise<readonly ManifestObject[]> {
  const { findings, report } = gather(), documents = await documentsOf(source, report);
  const objects = documents.flatMap(({ value, spot }) => isManifest(value) ? objectsOf(value, spot, "default") : []);
  const [mistake] = findings.filter(({ level }) => level === "error");
  if (mistake !== undefined && (source.file === "stdin" || manifestName.test(source.file)))
    throw new CommandError(`Cannot plan ${source.file}: ${findingLine(mistake)}`);
  return objects;
}

function podAmong(objects: readonly ManifestObject[], file: string): MeantPod {
  const pods = objects.filter(({ kind }) => kind === "pod"), [first, second] = pods;
  if (first === undefined)
    throw new CommandError(
      `Cannot plan ${file}: there is no pod in it, expected a Pod, what makes some, or a CNI configuration`);
  if (second !== undefined)
    throw new CommandError(
      `Cannot plan ${file}: there are several pods in it (${pods.map(nameOf).join(", ")}), expected one`);
  const definitions = objects.filter(({ kind }) => kind === "definition");
  return {
    key: { namespace: first.namespace, name: first.name || "planned" },
    pod: podOf(first, file),
    definitions: new Map(definitions.map((one) => [nameOf(one), withNamespace(one)] as const)),
  };
}

function nameOf({ namespace, name }: ManifestObject): string {
  return `${namespace}/${name}`;
}

function withNamespace({ object, namespace }: ManifestObject): JsonObject {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  return { ...object, metadata: { ...metadata, namespace } };
}

/** As the API would have it. */
function podOf({ object, namespace, name }: ManifestObject, file: string): Pod {
  const { annotations: written, uid } = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const annotations = Object.entries(isJsonObject(written) ? written : {}).map(([key, text]) => {
    if (typeof text === "string") return [key, text] as const;
    throw new CommandError(
      `Cannot plan ${file}: annotation ${key} is ${JSON.stringify(text)}, expected a text in quotes`);
  });
  return {
    namespace, name: name || "planned", uid: typeof uid === "string" ? uid : plannedUid,
    annotations: Object.fromEntries(annotations), isStatic: false, object,
  };
}

/** Nobody has given it one yet. */
const plannedUid = "planned";

/** The ports of the node that a runtime would have led into the pod. */
export function portMappingsOf({ object }: Pod): readonly JsonObject[] {
  const { spec } = object, listed = isJsonObject(spec) ? spec["containers"] : [];
  const containers: readonly unknown[] = Array.isArray(listed) ? listed : [];
  return containers.filter(isJsonObject).flatMap(({ ports }) => Array.isArray(ports) ? ports.filter(isJsonObject) : [])
    .filter(({ hostPort }) => typeof hostPort === "number" && hostPort > 0)
    .map(({ hostPort, containerPort, protocol = "TCP", hostIP = "" }) =>
      ({ hostPort, containerPort, protocol: String(protocol).toLowerCase(), hostIP }));
}
