// Made by scripts/build-schemas.mjs from every *.schema.json; when it is missing, run that script.
import { schemas } from "../../build/schemas.mjs";
import type { KeyTable, SchemaError, SchemaName } from "../../build/schemas.mjs";
import { CniError, code } from "./errors.ts";

export type { SchemaName } from "../../build/schemas.mjs";

export interface ReadConfOptions {
  /** With DEL or GC a refused optional value counts as absent, so that what was set up can be taken away. */
  readonly verb?: string;
  /** What is being read, for the message; absent: `network "<name>"`. */
  readonly subject?: string;
}

/**
 * JSON as a typed configuration; the one place where a configuration is checked.
 *
 * Keys match the schema's in any case, at every level it knows (the last scalar or list wins, objects merge); null is
 * absent; keys it does not know are dropped, free maps stay as they are. `raw` is not changed.
 *
 * @param schema  the name of a `<name>.schema.json`; `T` must be the type that schema describes
 * @throws CniError 7: `Cannot read network "blue": mtu is "1500", expected an integer`
 */
export function readConf<T>(schema: SchemaName, raw: unknown, options: ReadConfOptions = {}): T {
  const { validate, keys } = schemas[schema];
  const conf = fold(raw, keys);
  const lenient = options.verb === "DEL" || options.verb === "GC";
  while (!validate(conf)) {
    const errors = validate.errors ?? [];
    const error = mostTelling(errors);
    if (!lenient || !dropValue(conf, error)) throw new CniError(code.invalidConfig, `Cannot read ${subject(raw, options)}: ${explain(error)}`);
  }
  // The validator of that schema has accepted it, and the caller names the type the schema describes.
  return conf as T;
}

type JsonObject = Record<string, unknown>;

function fold(value: unknown, table: KeyTable): unknown {
  if (Array.isArray(value)) return table.items === undefined ? value : value.map((entry) => foldAny(entry, table.items));
  if (!isObject(value)) return value;
  if (table.names !== undefined) return foldObject(value, table.names, table);
  if (table.values === undefined) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(entries.map(([key, entry]) => [key, foldAny(entry, table.values)]));
}

function foldAny(value: unknown, table: KeyTable | undefined): unknown {
  return table === undefined ? value : fold(value, table);
}

function foldObject(value: JsonObject, names: Readonly<Record<string, string>>, table: KeyTable): JsonObject {
  const folded: JsonObject = {};
  for (const key of Object.keys(value)) {
    const entry = value[key];
    const name = names[key.toLowerCase()];
    if (entry === null) continue;
    if (name === undefined) {
      const kept = table.open === true || table.values !== undefined;
      if (kept) define(folded, key, foldAny(entry, table.values));
      continue;
    }
    const nested = foldAny(entry, table.nested?.[name]);
    folded[name] = merged(folded[name], nested);
  }
  return folded;
}

/** Two spellings of one key: objects merge, anything else is replaced. */
function merged(before: unknown, after: unknown): unknown {
  if (!isObject(before) || !isObject(after)) return after;
  const both = { ...before };
  for (const [key, value] of Object.entries(after)) define(both, key, merged(Object.hasOwn(both, key) ? both[key] : undefined, value));
  return both;
}

/** Plain assignment would take the key `__proto__` for the prototype. */
function define(object: JsonObject, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** ajv reports the alternatives of anyOf before anyOf itself, which says what all of them would have been. */
function mostTelling(errors: readonly SchemaError[]): SchemaError {
  const last = errors.findLast((error) => error.keyword !== "if");
  if (last === undefined) throw new Error("a validator refused a value without saying why");
  return last;
}

/** Removes the smallest optional property the refused value is in; false when there is none. */
function dropValue(conf: unknown, error: SchemaError): boolean {
  const steps = stepsOf(error.instancePath);
  let owner: { object: JsonObject; key: string } | undefined;
  let value = conf;
  for (const step of steps) {
    if (isObject(value)) owner = { object: value, key: step };
    value = child(value, step);
  }
  if (owner === undefined) return false;
  delete owner.object[owner.key];
  return true;
}

function subject(raw: unknown, options: ReadConfOptions): string {
  if (options.subject !== undefined) return options.subject;
  const name = isObject(raw) ? raw["name"] : undefined;
  return typeof name === "string" ? `network ${short(name)}` : "the network configuration";
}

function explain(error: SchemaError): string {
  const path = stepsOf(error.instancePath);
  if (error.keyword === "required") {
    const missing = String(error.params["missingProperty"]);
    const properties = error.parentSchema["properties"];
    const schema = isObject(properties) ? properties[missing] : undefined;
    return `${pathText([...path, missing])} is missing, expected ${isObject(schema) ? expected(schema) : "a value"}`;
  }
  return `${pathText(path)} is ${short(error.data)}, expected ${expected(error.parentSchema, error.keyword)}`;
}

/** What the schema allows, in words: its own `expected`, else made from its type and limits. */
function expected(schema: Readonly<JsonObject>, keyword?: string): string {
  if (typeof schema["expected"] === "string") return schema["expected"];
  if (keyword === "type" && schema["enum"] === undefined) return kindWords(schema);
  if (Array.isArray(schema["enum"])) return orList(schema["enum"].map(String));
  if (schema["const"] !== undefined) return short(schema["const"]);
  const { minimum, maximum, minLength, minItems, maxItems } = schema;
  const kind = kindWords(schema);
  if (minimum !== undefined && maximum !== undefined) return `${kind} from ${String(minimum)} to ${String(maximum)}`;
  if (minimum !== undefined) return `${kind} of at least ${String(minimum)}`;
  if (maximum !== undefined) return `${kind} of at most ${String(maximum)}`;
  if (typeof minLength === "number" && minLength > 0) return `${kind} that is not empty`;
  if (minItems !== undefined && maxItems !== undefined) return `${kind} of ${String(minItems)} to ${String(maxItems)} entries`;
  if (minItems !== undefined) return `${kind} of at least ${String(minItems)} entries`;
  if (maxItems !== undefined) return `${kind} of at most ${String(maxItems)} entries`;
  if (typeof schema["pattern"] === "string") return `${kind} like ${schema["pattern"]}`;
  return kind;
}

const kinds: ReadonlyMap<unknown, string> = new Map([
  ["string", "a string"], ["integer", "an integer"], ["number", "a number"], ["boolean", "true or false"], ["array", "a list"], ["object", "an object"],
]);

function kindWords(schema: Readonly<JsonObject>): string {
  const types = Array.isArray(schema["type"]) ? schema["type"] : [schema["type"]];
  return orList(types.map((type) => kinds.get(type) ?? "another value"));
}

function orList(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}

/** JSON pointer to steps: `/ipam/routes/0` is ipam, routes, 0. */
function stepsOf(pointer: string): string[] {
  return pointer.split("/").slice(1).map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function child(value: unknown, step: string): unknown {
  if (Array.isArray(value)) return value[Number(step)];
  return isObject(value) ? value[step] : undefined;
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

/** A value is repeated in a message up to this many characters. */
const shortChars = 60;

function short(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "a list";
  if (isObject(value)) return Object.keys(value).length === 0 ? "{}" : "an object";
  const text = JSON.stringify(value);
  return text.length > shortChars ? `${text.slice(0, shortChars)}...` : text;
}
