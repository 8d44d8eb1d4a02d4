import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";
import { isDeeper, printable } from "../call/answer.ts";
import type { LimitsConf } from "../limits.ts";

/** What a module decides: addresses, one result of many, or whether a result may stand. */
export type ModuleKind = "ipam" | "merge" | "policy";

export type ModuleNeed = "pod" | "mac" | "node" | "mine" | "slice";

/** What a module says of itself, in its custom section `cni.module`. */
export interface ModuleMetadata {
  readonly abi: number;
  readonly kind: ModuleKind;
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly ops: readonly string[];
  /** JSON Schema of its `config`; absent: it takes none that it looks at. */
  readonly configSchema?: JsonObject;
  /** What a request must hold for the module to be asked. */
  readonly needs: readonly ModuleNeed[];
  /** "any": it need not give an address of every range set. */
  readonly perSet: "each" | "any";
  readonly examples: readonly { readonly title: string; readonly config: JsonObject }[];
  /** What a call takes at most with 100,000 reservations, which the conformance kit holds it to. */
  readonly budget?: LimitsConf;
}

/** Names of modules, as files and in configurations. */
export const moduleName = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What is printed for people is one line of theirs. */
const versionText = /^[\x21-\x7e]{1,64}$/;
const shownChars = 1024;

const limitBytes = 32 * 1024;
const deepest = 64;

/** Why metadata cannot be used: a sentence without its subject. */
export class MetadataError extends Error {
  override readonly name = "MetadataError";
}

/**
 * The metadata in the content of the custom section.
 *
 * @throws MetadataError
 */
export function parseMetadata(content: Uint8Array | undefined): ModuleMetadata {
  if (content === undefined) throw new MetadataError(`it has no section "${metadataSection}", expected its metadata`);
  if (content.length > limitBytes)
    throw new MetadataError(`its metadata is ${content.length} bytes long, expected at most ${limitBytes}`);
  const text = decode(content);
  if (isDeeper(text, deepest)) throw new MetadataError(`its metadata nests deeper than ${deepest} levels`);
  return metadataIn(text);
}

/** The metadata of a module that was compiled with its custom section and looked over before: built in, or prepared. */
export function metadataOf(module: WebAssembly.Module): ModuleMetadata {
  const [section] = WebAssembly.Module.customSections(module, metadataSection);
  return metadataIn(decode(new Uint8Array(section ?? new ArrayBuffer())));
}

function metadataIn(text: string): ModuleMetadata {
  const json = parse(text);
  const unknown = Object.keys(json).find((key) => !keys.includes(key));
  if (unknown !== undefined)
    throw new MetadataError(
      `its metadata has an unknown key ${printable(JSON.stringify(unknown), 60)}, expected ${keys.join(", ")}`,
    );
  const {
    abi,
    kind,
    name,
    version,
    description = "",
    ops,
    configSchema,
    needs = [],
    perSet = "each",
    examples = [],
    budget,
  } = json;
  if (abi !== 1) throw refused("abi", abi, "1");
  if (kind !== "ipam" && kind !== "merge" && kind !== "policy") throw refused("kind", kind, "ipam, merge or policy");
  if (typeof name !== "string" || !moduleName.test(name))
    throw refused("name", name, "lower-case letters, digits and dashes");
  if (typeof version !== "string" || !versionText.test(version))
    throw refused("version", version, "1 to 64 characters without spaces");
  if (typeof description !== "string" || printable(description, shownChars) !== description)
    throw refused("description", description, `one line of at most ${shownChars} characters`);
  if (!isListOf(ops, opsOf[kind])) throw refused("ops", ops, `a list of ${opsOf[kind].join(", ")}`);
  if (!isListOf(needs, knownNeeds)) throw refused("needs", needs, `a list of ${knownNeeds.join(", ")}`);
  if (perSet !== "each" && perSet !== "any") throw refused("perSet", perSet, "each or any");
  if (configSchema !== undefined && !isJsonObject(configSchema))
    throw refused("configSchema", configSchema, "a JSON Schema");
  if (!Array.isArray(examples) || !examples.every(isExample))
    throw refused("examples", examples, "a list of objects with title, one line, and config");
  if (budget !== undefined && !isBudget(budget))
    throw refused("budget", budget, "an object with fuel, memoryMiB or both, whole numbers from 1");
  return {
    abi,
    kind,
    name,
    version,
    description,
    ops,
    needs,
    perSet,
    examples,
    ...(configSchema === undefined ? {} : { configSchema }),
    ...(budget === undefined ? {} : { budget }),
  };
}

/** The custom section's name. */
export const metadataSection = "cni.module";

const keys: readonly string[] = [
  "abi",
  "kind",
  "name",
  "version",
  "description",
  "ops",
  "configSchema",
  "needs",
  "perSet",
  "examples",
  "budget",
];

const opsOf: Readonly<Record<ModuleKind, readonly string[]>> = {
  ipam: ["allocate", "release", "check"],
  merge: ["merge"],
  policy: ["review"],
};

const knownNeeds: readonly ModuleNeed[] = ["pod", "mac", "node", "mine", "slice"];

function decode(content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch (cause) {
    throw new MetadataError("its metadata is not JSON", { cause });
  }
}

function parse(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new MetadataError("its metadata is not JSON", { cause });
  }
  if (!isJsonObject(value)) throw new MetadataError("its metadata is not a JSON object");
  return value;
}

function isListOf<T extends string>(value: unknown, allowed: readonly T[]): value is readonly T[] {
  return Array.isArray(value) && value.every((entry) => allowed.some((word) => word === entry));
}

function isBudget(value: unknown): value is LimitsConf {
  return (
    isJsonObject(value) &&
    Object.entries(value).every(
      ([key, limit]) => (key === "fuel" || key === "memoryMiB") && Number.isSafeInteger(limit) && Number(limit) > 0,
    )
  );
}

function isExample(value: unknown): value is ModuleMetadata["examples"][number] {
  return (
    isJsonObject(value) &&
    typeof value["title"] === "string" &&
    printable(value["title"], shownChars) === value["title"] &&
    isJsonObject(value["config"])
  );
}

function refused(key: string, value: unknown, expected: string): MetadataError {
  return new MetadataError(
    `${key} of its metadata is ${printable(JSON.stringify(value) ?? "missing", 60)}, expected ${expected}`,
  );
}
