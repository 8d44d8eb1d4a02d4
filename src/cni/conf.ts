// Made by scripts/build-schemas.mjs from every *.schema.json; when it is missing, run that script.
import type { Confs, Schema, SchemaError, SchemaName } from "../../build/schemas.mjs";
import { schemas } from "../../build/schemas.mjs";
import { explain, fold, isJsonObject, short, stepsOf } from "../schema/index.ts";
import { CniError, code } from "./errors.ts";

export type { ConfParts, Confs } from "../../build/schemas.mjs";

/** A schema, made at its first use, with the type of what it describes. */
export interface ConfSchema<T> {
  readonly compiled: () => Schema<T>;
}

/** The schema in `<name>.schema.json` or `<name>/schema.json`, or what is built of one that is late. */
export function confSchema<Name extends SchemaName>(name: Name): ConfSchema<Confs[Name]>;
export function confSchema<T>(late: Schema<T>): ConfSchema<T>;
export function confSchema<T>(schema: SchemaName | Schema<T>): ConfSchema<unknown> {
  return { compiled: () => (typeof schema === "string" ? schemas[schema] : schema) };
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
export function readConf<T>(
  schema: ConfSchema<T>,
  raw: unknown,
  options: ReadConfOptions & { readonly lenient: true },
): Partial<T>;
export function readConf<T>(schema: ConfSchema<T>, raw: unknown, options?: ReadConfOptions): T;
export function readConf<T>(
  schema: ConfSchema<T>,
  raw: unknown,
  options: ReadConfOptions = {},
): T | Partial<T> {
  const { validate, keys } = schema.compiled();
  const conf = fold(raw, keys);
  while (!validate(conf)) {
    const errors = validate.errors ?? [];
    if (options.lenient === true && isJsonObject(conf)) {
      if (dropRefused(conf, errors)) continue;
      break;
    }
    throw new CniError(code.invalidConfig, `Cannot read ${subject(raw, options)}: ${explain(errors)}`);
  }
  // The validator of that schema has accepted it or lost what it refused, and the type is made of the same schema.
  return conf as T;
}

/** Removes the properties the refused values are in; false when there are none, only keys missing at the top. */
function dropRefused(conf: Readonly<Record<string, unknown>>, errors: readonly SchemaError[]): boolean {
  let dropped = false;
  for (const error of errors) {
    let owner: { readonly object: Record<string, unknown>; readonly key: string } | undefined;
    let value: unknown = conf;
    for (const step of stepsOf(error.instancePath)) {
      if (isJsonObject(value)) owner = { object: value, key: step };
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
  const name = isJsonObject(raw) ? raw["name"] : undefined;
  return typeof name === "string" ? `network ${short(name)}` : "the network configuration";
}

function child(value: unknown, step: string): unknown {
  if (Array.isArray(value)) return value[Number(step)];
  return isJsonObject(value) ? value[step] : undefined;
}
