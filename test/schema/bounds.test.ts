// Every list and every free map of a configuration has a bound: what is gone over is as long as somebody may write it.
import { readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { JsonObject } from "../../src/schema/index.ts";
import { isJsonObject } from "../../src/schema/index.ts";

const source = join(import.meta.dirname, "..", "..", "src");

/** Schemas by name. */
const schemas = new Map(readdirSync(source, { recursive: true, encoding: "utf8" })
  .filter((file) => /(^|[./])schema\.json$/.test(file))
  .map((file): readonly [string, unknown] => [
    basename(file) === "schema.json" ? basename(dirname(file)) : basename(file, ".schema.json"),
    JSON.parse(readFileSync(join(source, file), "utf8")),
  ]));

/** Each part of a schema with its path. What is not a schema, such as a list of words, has no type of its own. */
function* partsOf(part: unknown, path: string): Generator<readonly [path: string, part: JsonObject]> {
  if (Array.isArray(part)) for (const [index, one] of part.entries()) yield* partsOf(one, `${path}/${index}`);
  if (!isJsonObject(part)) return;
  yield [path, part];
  for (const [key, inner] of Object.entries(part)) yield* partsOf(inner, `${path}/${key}`);
}

const parts = [...schemas].flatMap(([name, schema]) => [...partsOf(schema, name)]);

function isOfType(part: JsonObject, type: string): boolean {
  return part["type"] === type || (Array.isArray(part["type"]) && part["type"].includes(type));
}

/** Values of keys that nobody knows beforehand are looked at. */
const isMap = (part: JsonObject): boolean => isJsonObject(part["additionalProperties"]);

/** Whatever is in it stays in it. */
const isOpen = (part: JsonObject): boolean => isOfType(part, "object") && (part["additionalProperties"] === true
  || (part["additionalProperties"] === undefined && part["properties"] === undefined && part["allOf"] === undefined));

/**
 * Lists without a bound in their schema, and why. What a DEL reads strictly must be what an ADD of an earlier release
 * took.
 */
const unboundedLists: readonly string[] = [
  // Read again, from the scratch file, by DEL; the multiplexer takes a hundred of what is to be attached.
  "network-list/properties/plugins",
];

/**
 * Objects that are handed on as they are, however many keys they have: no schema of ours looks at those, and each
 * reader of them has a schema of its own. What is read from stdin, a file or a cluster has a bound in bytes.
 */
const openObjects: readonly string[] = [
  // The keys of a plugin, built in or not.
  "plugin-request", "network-plugin", "network-list/definitions/plugin",
  "multiplexer/properties/delegates/items", "flannel/properties/delegate",
  // The keys of several plugins, each of which reads its own.
  "plugin-conf/properties/runtimeConfig", "plugin-conf/properties/args",
  // A result, which has its own schema.
  "multiplexer/properties/prevResult", "plugin-request/properties/prevResult",
  // The keys of a module, which has its own schema; a request to it has a bound in bytes.
  "multiplexer/properties/mergeConfig", "wasm/properties/config", "wasm/properties/ipam/properties/config",
];

const bounds = suite("bounds of schemas");

bounds("say how many entries each list has at most", () => {
  const missing = parts.filter(([, part]) => isOfType(part, "array") && !isBound(part["maxItems"]));
  assert.equal(missing.map(([path]) => path).sort(), [...unboundedLists].sort());
});

bounds("say how many keys each map has at most", () => {
  const missing = parts.filter(([, part]) => isMap(part) && !isBound(part["maxProperties"]));
  assert.equal(missing.map(([path]) => path), []);
});

bounds("are not needed only where an object is handed on as it is", () => {
  assert.equal(parts.filter(([, part]) => isOpen(part)).map(([path]) => path).sort(), [...openObjects].sort());
});

function isBound(value: unknown): boolean {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}

bounds.run();
