/** Values that a configuration may have, whether its schema refuses them or not; and configurations with them. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "../../../src/schema/index.ts";

/** As much of a schema as is followed here. */
interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly enum?: readonly unknown[];
  readonly definitions?: Readonly<Record<string, Schema>>;
}

/** Where in a configuration; a number is an index. */
export type Path = readonly (string | number)[];

const source = join(import.meta.dirname, "..", "..", "..", "src");
const schemaFiles: Readonly<Record<string, string>> = {
  "plugin-conf": "cni/plugin-conf.schema.json", result: "cni/result/result.schema.json",
  multiplexer: "mux/multiplexer.schema.json",
};

function schemaOf(name: string): Schema {
  // A schema of ours.
  return JSON.parse(readFileSync(join(source, schemaFiles[name] ?? `plugins/${name}/schema.json`), "utf8")) as Schema;
}

const texts = [
  "", " ", "/", "../x", "a\0b", "x".repeat(300), "\u00e4".repeat(100), "\u{1f600}", "\u202e", "a\nb", "%d", "a;b", '"',
  "::/0", "10.1.2.3", "fd00::1", "255.255.255.255/32", "01:00:5e:00:00:01", "02:00:00:00:00:00:00:01",
];

const values: Readonly<Record<string, readonly unknown[]>> = {
  integer: [-(2 ** 31), -1, 0, 1, 1.5, 256, 65536, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53],
  string: texts,
  array: [[], Array.from({ length: 300 }, () => "x"), Array.from({ length: 300 }, () => ({}))],
  boolean: [true],
};

/** Every key of the plugin's schema, with the values to be tried there. */
export function* extremes(name: string): Generator<readonly [path: Path, value: unknown]> {
  yield* extremesOf(schemaOf(name), name);
}

function* extremesOf(schema: Schema, base: string): Generator<readonly [path: Path, value: unknown]> {
  const { $ref, additionalProperties } = schema;
  if ($ref !== undefined) {
    const [owner = "", part = ""] = $ref.split("#/definitions/");
    const target = schemaOf(owner || base).definitions?.[part];
    if (target === undefined) throw new Error(`Cannot find ${$ref}`);
    return yield* extremesOf(target, owner || base);
  }
  for (const [key, inner] of Object.entries(schema.properties ?? {}))
    for (const [path, value] of extremesOf(inner, base)) yield [[key, ...path], value];
  if (schema.items !== undefined)
    for (const [path, value] of extremesOf(schema.items, base)) yield [[0, ...path], value];
  if (typeof additionalProperties === "object")
    for (const key of texts) yield [[], { [key]: "1" }];
  for (const type of [schema.type ?? []].flat()) for (const value of values[type] ?? []) yield [[], value];
  for (const value of schema.enum ?? []) yield [[], value];
}

/** The configuration with that value at that place; lists and objects on the way are made. */
export function withValue(conf: JsonObject, [key, ...rest]: Path, value: unknown): JsonObject {
  if (key === undefined) return conf;
  const set = (inner: unknown, steps: Path): unknown => {
    const [step, ...others] = steps;
    if (step === undefined) return value;
    if (typeof step === "number") return [set(Array.isArray(inner) ? inner[0] : undefined, others)];
    const object = typeof inner === "object" && inner !== null && !Array.isArray(inner) ? inner as JsonObject : {};
    return { ...object, [step]: set(object[step], others) };
  };
  return { ...conf, [key]: set(conf[key], rest) };
}

/** `runtimeConfig.portMappings.0.hostPort = 65536`, shortened. */
export function shownValue(path: Path, value: unknown): string {
  return `${path.join(".")} = ${JSON.stringify(value).slice(0, 60)}`;
}
