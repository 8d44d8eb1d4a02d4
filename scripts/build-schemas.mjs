// Compiles every JSON Schema under src/ into build/schemas.mjs, so that a start pays for no ajv and no schema compiler.
// Plain JavaScript: it runs on whatever Node (from 20) the machine has.
//
// The convention:
//   * `<name>.schema.json` or `<name>/schema.json`, next to its owner; <name> is what `readConf` asks for, unique in
//   src/.
//   * JSON Schema draft 7 as ajv reads it in strict mode. Another schema is `{ "$ref": "<name>" }`, a part of one
//     `{ "$ref": "<name>#/definitions/<part>" }`. `allOf` with a `$ref` beside `properties` extends a schema.
//   * `properties` are found by name in any case, others are dropped; `"additionalProperties": true` keeps them as they
//     are, `"additionalProperties": {...}` makes a free map (keys untouched, values checked). An object without either
//     is left untouched, whatever is in it.
//   * `"late": true` makes a file of its own of it, build/late-schemas/<name>.mjs, for a configuration that only
//   scripts loaded
//     late read: `confSchema` takes what it exports in place of a name.
//   * `"expected": "a MAC such as 02:00:5e:10:00:01"` replaces the words an error would end in.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { Ajv } from "ajv";
import standalone from "ajv/dist/standalone/index.js";

const root = join(import.meta.dirname, "..");

/** Writes build/schemas.mjs, build/late-schemas/ and their declarations; the same schemas give the same bytes. */
export function buildSchemas() {
  const schemas = loadSchemas(join(root, "src"));
  const isLate = (name) => schemas.get(name).late === true;
  const names = [...schemas.keys()], build = join(root, "build"), lateBuild = join(build, "late-schemas");
  mkdirSync(lateBuild, { recursive: true });
  const ajv = compiler(schemas);
  writeWhole(join(build, "schemas.mjs"), moduleText(ajv, schemas, names.filter((name) => !isLate(name))));
  writeWhole(join(build, "schemas.d.mts"), declarations(names.filter((name) => !isLate(name))));
  for (const name of names.filter(isLate)) {
    writeWhole(join(lateBuild, `${name}.mjs`), lateModuleText(ajv, schemas, name));
    writeWhole(join(lateBuild, `${name}.d.mts`), lateDeclarations);
  }
}

/** Schemas by name, sorted, each with its name as `$id`. */
function loadSchemas(folder) {
  const schemas = new Map();
  const files = readdirSync(folder, { recursive: true })
    .map((file) => join(folder, file))
    .filter((file) => /[./]schema\.json$/.test(file));
  for (const file of files.sort()) {
    const name = basename(file) === "schema.json" ? basename(dirname(file)) : basename(file, ".schema.json");
    if (schemas.has(name))
      throw new Error(
        `Cannot use schema ${relative(root, file)}: the name "${name}" is taken, expected one schema of a name`,
      );
    try {
      const { title, ...schema } = JSON.parse(readFileSync(file, "utf8"));
      schemas.set(name, { ...schema, $id: name });
    } catch (cause) {
      throw new Error(`Cannot read schema ${relative(root, file)}: ${cause.message}`, { cause });
    }
  }
  return new Map([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Each schema is made at its first use: most commands need three of them. */
function moduleText(ajv, schemas, names) {
  const made = names.map((name) => `  get ${JSON.stringify(name)}() {
    return made.get(${JSON.stringify(name)}) ?? make(${JSON.stringify(name)}, () => {
${validatorCode(ajv, name)}
${keyTableCode(schemas, name)}
      return { validate, keys };
    });
  },
`);
  return `// Made by scripts/build-schemas.mjs. Do not edit.
const made = new Map();

function make(name, schema) {
  const value = schema();
  made.set(name, value);
  return value;
}

export function refuse(errors, instancePath, keyword, parentSchema, data, params = {}) {
  const error = { instancePath, keyword, params, parentSchema, data };
  if (errors === null) return [error];
  errors.push(error);
  return errors;
}

export const schemas = {
  __proto__: null,
${made.join("")}};
`;
}

function lateModuleText(ajv, schemas, name) {
  return `// Made by scripts/build-schemas.mjs. Do not edit.
import { refuse } from "../schemas.mjs";

function make() {
${validatorCode(ajv, name)}
${keyTableCode(schemas, name)}
  return { validate, keys };
}

export const schema = make();
`;
}

function compiler(schemas) {
  const ajv = new Ajv({
    code: { source: true, esm: true },
    allErrors: true, // lenient reading drops every refused value
    verbose: true, // an error carries the value and its schema, from which readConf makes the message
    messages: false,
    allowUnionTypes: true,
    strictRequired: false, // `required` may name what an allOf part declares
    strictTypes: false, // a $ref gives the type
  });
  ajv.addKeyword({ keyword: "expected", schemaType: "string" });
  ajv.addKeyword({ keyword: "late", schemaType: "boolean" });
  for (const schema of schemas.values()) ajv.addSchema(schema);
  return ajv;
}

/** ajv's own code for one schema and all it refers to, which leaves `validate`. */
function validatorCode(ajv, name) {
  const code = standalone.default(ajv, compiled(ajv, name))
    .replace(/^"use strict";export const validate = (\w+);export default \w+;/, "const validate = $1;\n")
    .replaceAll('require("ajv/dist/runtime/ucs2length").default', "(text) => [...text].length")
    .replaceAll(errorCode, shortErrorCode);
  const foreign = /\bexport\b|\brequire\(.*?\)/.exec(code);
  if (/\bvErrors\.push\(err\d/.test(code))
    throw new Error(
      `Cannot compile schema "${name}": ajv writes its errors in another form than scripts/build-schemas.mjs knows`,
    );
  if (foreign !== null)
    throw new Error(
      `Cannot compile schema "${name}": ajv's code holds ${foreign[0]}, expected code that stands alone (no ` +
        "uniqueItems, no const or enum of objects)",
    );
  return code;
}

/** How ajv notes one error, hundreds of times: two thirds of its code, each with a part that is never read. */
const errorCode = new RegExp(
  String.raw`const (err\d+) = \{instancePath(?::([^;]+?))?,schemaPath:"[^"]*",keyword:"(\w+)",params:\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\},` +
    String.raw`schema:[^;]*?,parentSchema:([^;]*?),data(?::(\w+))?\};if\(vErrors === null\)\{vErrors = \[\1\];\}\s*else \{vErrors\.push\(\1\);\}`,
  "g",
);

/**
 * The same as a call: a start reads, and brings to life, all of this code. Of the parameters only the missing key is
 * ever asked for.
 */
function shortErrorCode(_, __, path = "instancePath", keyword, params, parentSchema, data = "data") {
  const missing = /^missingProperty: (.*)$/.exec(params);
  return `vErrors = refuse(vErrors, ${path}, ${JSON.stringify(keyword)}, ${parentSchema}, ${data}${missing === null ? "" : `, { missingProperty: ${missing[1]} }`});`;
}

function compiled(ajv, name) {
  try {
    return ajv.getSchema(name);
  } catch (cause) {
    throw new Error(`Cannot compile schema "${name}": ${cause.message}`, { cause });
  }
}

/**
 * A table, left in `keys`, that tells `readConf` which key is meant: `names` maps lower case to the spelling of the
 * schema, `nested` holds the tables of properties that are objects or lists, `items` and `values` those of list and map
 * entries, and `open` says that unknown keys stay.
 */
function keyTableCode(schemas, schemaName) {
  const tables = new Map();
  const lines = [];
  const links = [];

  // Parts that apply to the same value: what $ref, allOf, anyOf, oneOf, if, then and else lead to.
  function partsOf(schema, base, parts = new Map()) {
    if (typeof schema !== "object" || parts.has(schema)) return parts;
    parts.set(schema, base);
    if (schema.$ref !== undefined) {
      const [target, targetBase] = resolve(schema.$ref, base);
      partsOf(target, targetBase, parts);
    }
    for (const keyword of ["allOf", "anyOf", "oneOf"])
      for (const part of schema[keyword] ?? []) partsOf(part, base, parts);
    for (const keyword of ["if", "then", "else"])
      if (schema[keyword] !== undefined) partsOf(schema[keyword], base, parts);
    return parts;
  }

  function resolve(ref, base) {
    const [name, pointer = ""] = ref.split("#");
    const owner = name === "" ? base : name;
    let target = schemas.get(owner);
    for (const step of pointer.split("/").slice(1)) target = target?.[step.replaceAll("~1", "/").replaceAll("~0", "~")];
    if (target === undefined)
      throw new Error(`Cannot follow $ref "${ref}" in schema "${base}": there is no such schema or part`);
    return [target, owner];
  }

  /** The table's variable, or undefined when the value holds no known keys. `sources` are [schema, base] pairs. */
  function tableOf(sources) {
    const parts = new Map();
    for (const [schema, base] of sources) partsOf(schema, base, parts);
    const identity = [...parts.keys()];
    for (const [known, variable] of tables) {
      if (known.length === identity.length && known.every((part, i) => part === identity[i])) return variable;
    }
    const properties = new Map();
    const items = [];
    const values = [];
    let open = false;
    for (const [part, base] of parts) {
      for (const [name, schema] of Object.entries(part.properties ?? {}))
        properties.set(name, [...(properties.get(name) ?? []), [schema, base]]);
      if (typeof part.items === "object") items.push([part.items, base]);
      if (typeof part.additionalProperties === "object") values.push([part.additionalProperties, base]);
      open ||= part.additionalProperties === true;
    }
    // A list is worth a table only when its entries are; a map always is, since its null values go.
    if (properties.size === 0 && values.length === 0 && (items.length === 0 || tableOf(items) === undefined))
      return undefined;

    const variable = `keys_${tables.size}`;
    tables.set(identity, variable);
    const names = [...properties.keys()].map(
      (name) => `${JSON.stringify(name.toLowerCase())}: ${JSON.stringify(name)}`,
    );
    const fields = [];
    if (properties.size > 0)
      fields.push(`names: { __proto__: null, ${names.join(", ")} }`, "nested: { __proto__: null }");
    if (open) fields.push("open: true");
    lines.push(`const ${variable} = {${fields.length > 0 ? ` ${fields.join(", ")} ` : ""}};`);
    for (const [name, schema] of properties) link(`${variable}.nested[${JSON.stringify(name)}]`, schema);
    link(`${variable}.items`, items);
    link(`${variable}.values`, values);
    return variable;
  }

  function link(target, sources) {
    const variable = sources.length === 0 ? undefined : tableOf(sources);
    // A map whose values hold no known keys is still a map.
    if (variable !== undefined) links.push(`${target} = ${variable};`);
    else if (target.endsWith(".values") && sources.length > 0) links.push(`${target} = {};`);
  }

  const keys = tableOf([[schemas.get(schemaName), schemaName]]) ?? "{}";
  return [...lines, ...links, `const keys = ${keys};`].join("\n");
}

function declarations(names) {
  return `// Made by scripts/build-schemas.mjs. Do not edit.
export type SchemaName = ${names.length === 0 ? "never" : names.map((name) => JSON.stringify(name)).join(" | ")};
export interface KeyTable {
  readonly names?: Readonly<Record<string, string>>;
  readonly nested?: Readonly<Record<string, KeyTable>>;
  readonly items?: KeyTable;
  readonly values?: KeyTable;
  readonly open?: true;
}
export interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly parentSchema: Readonly<Record<string, unknown>>;
  readonly data: unknown;
}
export interface Schema {
  readonly validate: { (value: unknown): boolean; errors: readonly SchemaError[] | null };
  readonly keys: KeyTable;
}
export const schemas: Readonly<Record<SchemaName, Schema>>;
`;
}

const lateDeclarations = `// Made by scripts/build-schemas.mjs. Do not edit.
import type { Schema } from "../schemas.mjs";
export const schema: Schema;
`;

/** Whole or absent: someone may import the file at this moment. */
function writeWhole(file, text) {
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, file);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  try {
    buildSchemas();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
