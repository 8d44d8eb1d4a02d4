import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { schema as lateSchema } from "../../build/late-schemas/wasm.mjs";
import { schemas } from "../../build/schemas.mjs";
import { waitLimitMs } from "../helpers/limits.ts";

const root = join(import.meta.dirname, "..", "..");
const script = join(root, "scripts", "build-schemas.mjs");
const code = join(root, "build", "schemas.mjs");

const building = suite("build-schemas");

building("gives the same bytes for the same schemas", () => {
  const built = () => {
    execFileSync(process.execPath, [script], { timeout: waitLimitMs });
    return readFileSync(code, "utf8");
  };
  assert.is(built(), built());
});

building("finds every schema below src/ and compiles it to code that stands alone", () => {
  const names = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })
    .filter((file) => /(^|[./])schema\.json$/.test(file))
    .map((file) => (basename(file) === "schema.json" ? basename(dirname(file)) : basename(file, ".schema.json")));
  const late = readdirSync(join(root, "build",
    "late-schemas")).filter((file) => file.endsWith(".mjs")).map((file) => basename(file, ".mjs"));
  assert.equal([...Object.keys(schemas), ...late].sort(), names.sort());
  for (const schema of [...Object.values(schemas), lateSchema]) assert.is(schema.validate(Symbol("no JSON")), false);
  assert.not.match(readFileSync(code, "utf8"), /\b(require\(|import\b|from "ajv)/);
});

building.run();

/** Of scripts/schemas/types.mjs, which is JavaScript without declarations. */
const { typesText }: { typesText(schemas: ReadonlyMap<string, object>): string } =
  await import(pathToFileURL(join(root, "scripts", "schemas", "types.mjs")).href);
const typing = suite("typesText");

/** The type that a schema's value gets, on one line. */
function typeOf(schema: object): string {
  const [, type = ""] = /readonly "it": ([^]*?);\n\}\n/.exec(typesText(new Map([["it", schema]]))) ?? [];
  return type.replaceAll(/\s+/g, " ");
}

const text = { type: "string" }, closed = { type: "object", properties: { a: text } };
for (const [what, schema, type] of [
  ["text", { type: "string", pattern: "^a", expected: "an a" }, "string"],
  ["whole numbers", { type: "integer", minimum: 1 }, "number"],
  ["words", { type: "string", enum: ["", "a", "b"] }, '"" | "a" | "b"'],
  ["several kinds", { type: ["boolean", "array"], items: text }, "boolean | readonly string[]"],
  ["lists of words", { type: "array", items: { enum: ["a", "b"] } }, 'readonly ("a" | "b")[]'],
  ["lists of lists", { type: "array", items: { type: "array", items: text } }, "readonly (readonly string[])[]"],
  ["lists of anything", { type: "array" }, "readonly unknown[]"],
  ["known keys, others dropped", closed, "{ readonly a?: string; }"],
  ["a key that must be there", { ...closed, required: ["a"] }, "{ readonly a: string; }"],
  ["known keys beside others", { ...closed, additionalProperties: true },
    "{ readonly a?: string; readonly [key: string]: unknown; }"],
  ["keys that are no words", { type: "object", properties: { "x.y/z": text } }, '{ readonly "x.y/z"?: string; }'],
  ["any object", { type: "object" }, "{ readonly [key: string]: unknown; }"],
  ["a map", { type: "object", additionalProperties: { type: "boolean" } }, "{ readonly [key: string]: boolean; }"],
  ["another schema", { $ref: "other" }, 'Confs["other"]'],
  ["a part of it", { $ref: "#/definitions/x" }, 'ConfParts["it#/definitions/x"]'],
  ["a part of another", { $ref: "other#/definitions/x" }, 'ConfParts["other#/definitions/x"]'],
  ["an extension", { ...closed, allOf: [{ $ref: "other" }] }, 'Confs["other"] & { readonly a?: string; }'],
  ["a list of extensions", { type: "array", items: { ...closed, allOf: [{ $ref: "other" }] } },
    'readonly (Confs["other"] & { readonly a?: string; })[]'],
  ["what is said of a key", { type: "object", properties: { a: { ...text, description: "An a." } } },
    "{ /** An a. */ readonly a?: string; }"],
  ["nothing", {}, "unknown"],
] as const) {
  typing(`makes a type of ${what}`, () => assert.is(typeOf(schema), type));
}

typing("names parts that others refer to by the reference", () => {
  const schemas = new Map([["it", { definitions: { x: text } }]]);
  assert.match(typesText(schemas), /interface ConfParts \{\n {2}readonly "it#\/definitions\/x": string;\n\}/);
});

typing("refuses what it can make no type of", () => {
  assert.throws(() => typeOf({ anyOf: [text] }), /expected no anyOf/);
  assert.throws(() => typeOf({ type: "text" }), /type "text"/);
});

typing.run();
