// Made by scripts/build-schemas.mjs from every *.schema.json; when it is missing, run that script.
import { schemas } from "../../build/schemas.mjs";
import type { KeyTable, SchemaError, SchemaName } from "../../build/schemas.mjs";
import { CniError, code } from "./errors.ts";

export type { SchemaName } from "../../build/schemas.mjs";

/** A schema with the type it describes: declared once, next to that type. */
export interface ConfSchema<T> {
  readonly name: SchemaName;
  /** Never there; it ties `T` to the value. */
  readonly conf?: T;
}

/** The schema in `<name>.schema.json`; `T` must be the type it describes. */
export function confSchema<T>(name: SchemaName): ConfSchema<T> {
  return { name };
}

export interface ReadConfOptions {
  /** A refused value counts as absent, a required one too: what was set up must stay deletable. */
  readonly lenient?: boolean;
  /** What is being read, for the message; absent: `network "<name>"`. */
  readonly subject?: string;
}

/**
 * JSON as a typed configuration; the one place where a configuration is checked.
 *
 * Keys match the schema's in any case, at every level it knows (the last scalar or list wins, objects merge); null is
 * absent; keys it does not know are dropped, free maps stay as they are. `raw` is not changed.
 *
 * @throws CniError 7: `Cannot read network "blue": mtu is "1500", expected an integer`
 */
export function readConf<T>(schema: ConfSchema<T>, raw: unknown, options: ReadConfOptions & { readonly lenient: true }): Partial<T>;
export function readConf<T>(schema: ConfSchema<T> | SchemaName, raw: unknown, options?: ReadConfOptions): T;
export function readConf<T>(schema: ConfSchema<T> | SchemaName, raw: unknown, options: ReadConfOptions = {}): T | Partial<T> {
  const { validate, keys } = schemas[typeof schema === "string" ? schema : schema.name];
  const conf = fold(raw, keys);
  while (!validate(conf)) {
    const errors = validate.errors ?? [];
    if (options.lenient === true && isObject(conf)) {
      if (dropRefused(conf, errors)) continue;
      break;
    }
    throw new CniError(code.invalidConfig, `Cannot read ${subject(raw, options)}: ${explain(mostTelling(errors))}`);
  }
  // The validator of that schema has accepted it or lost what it refused, and confSchema ties the type to the schema.
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
    if (name === undefined) {
      if (table.values !== undefined && entry !== null) define(folded, key, fold(entry, table.values));
      else if (table.open === true) define(folded, key, entry);
      continue;
    }
    if (entry === null) continue;
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

/** The first error, or the anyOf around it where the schema says in words what all alternatives would have been. */
function mostTelling(errors: readonly SchemaError[]): SchemaError {
  const [first] = errors;
  if (first === undefined) throw new Error("a validator refused a value without saying why");
  const around = errors.find((error) => /^(any|one)Of$/.test(error.keyword) && first.instancePath.startsWith(error.instancePath));
  return around?.parentSchema["expected"] === undefined ? first : around;
}

/** Removes the properties the refused values are in; false when there are none, only keys missing at the top. */
function dropRefused(conf: JsonObject, errors: readonly SchemaError[]): boolean {
  let dropped = false;
  for (const error of errors) {
    let owner: { object: JsonObject; key: string } | undefined;
    let value: unknown = conf;
    for (const step of stepsOf(error.instancePath)) {
      if (isObject(value)) owner = { object: value, key: step };
      value = child(value, step);
    }
    if (owner === undefined) continue;
    delete owner.object[owner.key];
    dropped = true;
  }
  return dropped;
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
  // Empty text stands for absent: nobody needs to be told to write it.
  if (Array.isArray(schema["enum"])) return orList(schema["enum"].filter((value) => value !== "").map(String));
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
