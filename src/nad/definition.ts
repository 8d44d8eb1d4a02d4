import { CniError, code } from "../cni/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import { annotation } from "./annotation-names.ts";
import type { JsonLimits } from "./json-text.ts";
import { parseBoundedJson } from "./json-text.ts";
import { shown } from "./refusal.ts";

/** A NetworkAttachmentDefinition (k8s.cni.cncf.io/v1), read. */
export interface NetworkDefinition {
  readonly namespace: string;
  readonly name: string;
  /** `namespace/name`, what people know the network by, whatever the CNI name inside is. */
  readonly displayName: string;
  /** Has a name. Undefined: the object holds none, and a file of the node with that name does. */
  readonly config: JsonObject | undefined;
  /** The device plugin's resource its devices come from; "" without one. */
  readonly resourceName: string;
}

/** An API server refuses an object of more than 1.5 MiB. */
export const definitionLimits: JsonLimits = {
  charsMax: 1536 * 1024,
  /** What is laid into a configuration makes it deeper by a few; `jsonDepthMax` holds for the outcome. */
  depthMax: 400,
};

/**
 * Reads the object as the API gives it.
 *
 * @throws CniError 6 or 7 naming the object and the key
 */
export function parseDefinition(object: JsonObject): NetworkDefinition {
  const metadata = isJsonObject(object["metadata"]) ? object["metadata"] : {};
  const name = requireText(metadata["name"], "metadata.name", "a NetworkAttachmentDefinition");
  const namespace = requireText(metadata["namespace"], "metadata.namespace", `NetworkAttachmentDefinition "${name}"`);
  const displayName = `${namespace}/${name}`;
  const subject = `NetworkAttachmentDefinition "${displayName}"`;
  const text = configText(object["spec"], subject);
  return {
    namespace, name, displayName,
    config: text === "" ? undefined : withName(readConfig(text, subject), name),
    resourceName: resourceNameOf(metadata["annotations"], subject),
  };
}

function configText(spec: unknown, subject: string): string {
  if (spec === undefined || spec === null) return "";
  if (!isJsonObject(spec)) throw refusal(subject, `spec is ${shown(spec)}, expected an object with a config`);
  const config = spec["config"] ?? "";
  if (typeof config !== "string")
    throw refusal(subject, `spec.config is ${shown(config)}, expected a string that holds a CNI configuration as JSON`);
  return config;
}

function readConfig(text: string, subject: string): JsonObject {
  const config = parseBoundedJson(text, `spec.config of ${subject}`, definitionLimits);
  if (!isJsonObject(config))
    throw refusal(subject, `spec.config holds ${shown(config)}, expected a CNI configuration as a JSON object`);
  return config;
}

/** The multi-network specification's injection: the object's name stands in for one that is missing or empty. */
function withName(config: JsonObject, name: string): JsonObject {
  const named = Object.entries(config).some(
    ([key, value]) => key.toLowerCase() === "name" && value !== null && value !== "",
  );
  if (named) return config;
  const rest = Object.entries(config).filter(([key]) => key.toLowerCase() !== "name");
  return { ...Object.fromEntries(rest), name };
}

function resourceNameOf(annotations: unknown, subject: string): string {
  const value = isJsonObject(annotations) ? (annotations[annotation.resourceName] ?? "") : "";
  if (typeof value !== "string")
    throw refusal(subject, `annotation ${annotation.resourceName} is ${shown(value)}, expected a string`);
  return value;
}

function requireText(value: unknown, path: string, subject: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw refusal(subject, `${path} is ${value === "" ? "empty" : shown(value)}, expected a string`);
}

function refusal(subject: string, problem: string): CniError {
  return new CniError(code.invalidConfig, `Cannot read ${subject}: ${problem}`);
}
