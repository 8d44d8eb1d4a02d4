import type { SchemaError } from "../../build/schemas.mjs";
import type { JsonObject } from "./json-object.ts";
import { isJsonObject } from "./json-object.ts";

/**
 * What a validator refused, with the path of the key and what is allowed: `mtu is "1500", expected an integer`.
 *
 * @param errors  of one validation, at least one
 */
export function explain(errors: readonly SchemaError[]): string {
  const error = mostTelling(errors);
  const path = stepsOf(error.instancePath);
  if (error.keyword === "required") {
    const missing = String(error.params["missingProperty"]);
    const properties = error.parentSchema["properties"];
    const schema = isJsonObject(properties) ? properties[missing] : undefined;
    return `${pathText([...path, missing])} is missing, expected ` +
      `${isJsonObject(schema) && schema["$ref"] === undefined ? expected(schema) : "a value"}`;
  }
  if (error.keyword === "additionalProperties") {
    const properties = error.parentSchema["properties"];
    const known = isJsonObject(properties) ? Object.keys(properties) : [];
    return `${pathText([...path, String(error.params["additionalProperty"])])} is unknown, expected ` +
      `${known.length === 0 ? "no keys" : orList(known)}`;
  }
  const is = `${short(error.data)}${overflow(error.data)}`;
  return tooMany(error, path) ?? `${pathText(path)} is ${is}, expected ${expected(error.parentSchema, error.keyword)}`;
}

/** JavaScript has no number of this size, as Go has none; one that is kept as it was written is an object. */
function overflow(data: unknown): string {
  const written = isJsonObject(data) ? data["rawJSON"] : data;
  const isKept = data !== written && typeof written === "string" && /^-?\d[\d.eE+-]*$/.test(written);
  const value = typeof data === "number" ? data : isKept ? Number(written) : 0;
  return Math.abs(value) === Number.POSITIVE_INFINITY ? " and too large to be a number" : "";
}

/** A list or a map beyond its bound: how many there are, and how many are taken. */
function tooMany({ keyword, data, parentSchema }: SchemaError, path: readonly string[]): string | undefined {
  if (keyword === "maxItems" && Array.isArray(data))
    return `${pathText(path)} has ${data.length} entries, expected at most ${String(parentSchema["maxItems"])}`;
  if (keyword === "maxProperties" && isJsonObject(data))
    return `${pathText(path)} has ${Object.keys(data).length} keys, expected at most ` +
      String(parentSchema["maxProperties"]);
  return undefined;
}

/** The steps of a JSON pointer: `/ipam/routes/0` is ipam, routes, 0. */
export function stepsOf(pointer: string): string[] {
  return pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A value as a message repeats it. */
export function short(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "a list";
  // A number that is kept as it was written (JSON.rawJSON) is an object with this one key.
  if (isJsonObject(value) && Object.keys(value).join() !== "rawJSON")
    return Object.keys(value).length === 0 ? "{}" : "an object";
  const text = typeof value === "number" ? String(value) : JSON.stringify(value);
  return text.length > shortChars ? `${text.slice(0, shortChars)}...` : text;
}

/** A value is repeated in a message up to this many characters. */
const shortChars = 60;

/** The first error, or the anyOf around it where the schema says in words what all alternatives would have been. */
function mostTelling(errors: readonly SchemaError[]): SchemaError {
  const [first] = errors;
  if (first === undefined) throw new Error("a validator refused a value without saying why");
  const around = errors.find(
    (error) => /^(any|one)Of$/.test(error.keyword) && first.instancePath.startsWith(error.instancePath),
  );
  return around?.parentSchema["expected"] === undefined ? first : around;
}

/** What the schema allows, in words: its own `expected`, else made from its type and limits. */
function expected(schema: JsonObject, keyword?: string): string {
  if (typeof schema["expected"] === "string") return schema["expected"];
  if (keyword === "uniqueItems") return "a list without equal entries";
  if (keyword === "type" && schema["enum"] === undefined) return kindWords(schema);
  // Empty text stands for absent: nobody needs to be told to write it.
  if (Array.isArray(schema["enum"])) return orList(schema["enum"].filter((value) => value !== "").map(String));
  if (schema["const"] !== undefined) return short(schema["const"]);
  const { minimum, maximum, minLength, minItems, maxItems } = schema;
  const kind = kindWords(schema);
  if (minimum !== undefined && maximum !== undefined) return `${kind} from ${String(minimum)} to ${String(maximum)}`;
  if (minimum !== undefined) return `${kind} of at least ${String(minimum)}`;
  if (maximum !== undefined) return `${kind} of at most ${String(maximum)}`;
  if (typeof minLength === "number" && minLength > 1) return `${kind} of at least ${minLength} characters`;
  if (minLength === 1) return `${kind} that is not empty`;
  if (minItems !== undefined && maxItems !== undefined)
    return `${kind} of ${String(minItems)} to ${String(maxItems)} entries`;
  if (minItems !== undefined) return `${kind} of at least ${String(minItems)} entries`;
  if (maxItems !== undefined) return `${kind} of at most ${String(maxItems)} entries`;
  if (typeof schema["pattern"] === "string") return `${kind} like ${schema["pattern"]}`;
  return kind;
}

const kinds: ReadonlyMap<unknown, string> = new Map([
  ["string", "a string"],
  ["integer", "an integer"],
  ["number", "a number"],
  ["boolean", "true or false"],
  ["array", "a list"],
  ["object", "an object"],
]);

function kindWords(schema: JsonObject): string {
  const types = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]];
  return orList(types.map((type) => kinds.get(type) ?? "another value"));
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** `ipam.routes[0].dst`; "it" for the whole. */
function pathText(steps: readonly string[]): string {
  if (steps.length === 0) return "it";
  return steps.map((step, i) => {
    if (/^\d+$/.test(step)) return `[${step}]`;
    if (!/^[\w.-]+$/.test(step)) return `[${short(step)}]`;
    return i === 0 ? step : `.${step}`;
  }).join("");
}
