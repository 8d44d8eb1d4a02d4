// Compiles every JSON Schema under src/ into build/schemas.mjs, so that a start pays for no ajv and no schema compiler,
// and into the TypeScript types of what they describe, build/schemas.d.mts, so that a key stands in one place.
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
//   * `"expected": "a MAC such as 02:00:5e:10:00:01"` replaces the words an error would end in; `"description"` is what
//     the type says of a key.
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { pathToFileURL } from "node:url";
import { Ajv } from "ajv";
import standalone from "ajv/dist/standalone/index.js";
import { keyTableCode } from "./schemas/keys.mjs";
import { typesText } from "./schemas/types.mjs";

const root = join(import.meta.dirname, "..");

/** Writes build/schemas.mjs, build/late-schemas/ and their declarations; the same schemas give the same bytes. */
export function buildSchemas() {
  const described = loadSchemas(join(root, "src"));
  const schemas = new Map([...described].map(([name, schema]) => [name, { ...bare(schema), $id: name }]));
  const isLate = (name) => schemas.get(name).late === true;
  const names = [...schemas.keys()], build = join(root, "build"), lateBuild = join(build, "late-schemas");
  mkdirSync(lateBuild, { recursive: true });
  const ajv = compiler(schemas);
  writeWhole(join(build, "schemas.mjs"), moduleText(ajv, schemas, names.filter((name) => !isLate(name))));
  writeWhole(join(build, "schemas.d.mts"), declarations(names.filter((name) => !isLate(name)), described));
  for (const name of names.filter(isLate)) {
    writeWhole(join(lateBuild, `${name}.mjs`), lateModuleText(ajv, schemas, name));
    writeWhole(join(lateBuild, `${name}.d.mts`), lateDeclarations(name));
  }
}

/** Schemas by name, sorted. */
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
      schemas.set(name, JSON.parse(readFileSync(file, "utf8")));
    } catch (cause) {
      throw new Error(`Cannot read schema ${relative(root, file)}: ${cause.message}`, { cause });
    }
  }
  return new Map([...schemas].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** A schema without what only its type says: errors carry it, and a start reads all of it. */
function bare(schema) {
  if (Array.isArray(schema)) return schema.map(bare);
  if (typeof schema !== "object" || schema === null) return schema;
  const isSaid = ([key, value]) => (key === "title" || key === "description") && typeof value === "string";
  return Object.fromEntries(
    Object.entries(schema)
      .filter((entry) => !isSaid(entry))
      .map(([key, value]) => [key, bare(value)]),
  );
}

/**
 * One module for all: what several schemas refer to is checked by one function. What is made of data, a schema's text
 * and its key table, is made at its first use: most commands need five of them, and the text only to refuse.
 */
function moduleText(ajv, schemas, names) {
  const { code, validators } = sharedCode(ajv, names);
  const made = names.map((name) => `  get ${JSON.stringify(name)}() {
    return made.get(${JSON.stringify(name)}) ?? make(${JSON.stringify(name)}, () => {
${keyTableCode(schemas, name)}
      return { validate: ${validators.get(name)}, keys };
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

${code}

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
  const exported = /^"use strict";export const validate = (\w+);export default \w+;/;
  return standingAlone(standalone.default(ajv, compiled(ajv, name)).replace(exported, "const validate = $1;\n"),
    `schema "${name}"`);
}

/** The same for several, and which of its functions each is checked by. */
function sharedCode(ajv, names) {
  for (const name of names) compiled(ajv, name);
  const validators = new Map();
  const code = standalone
    .default(ajv, Object.fromEntries(names.map((name, index) => [`of${index}`, name])))
    .replaceAll(/export const of(\d+) = (\w+);/g, (_, index, validator) => {
      validators.set(names[index], validator);
      return "";
    })
    .replace(/^"use strict";/, "");
  return { code: lateTexts(standingAlone(code, "the schemas")), validators };
}

function standingAlone(ajvCode, what) {
  const code = ajvCode
    .replaceAll('require("ajv/dist/runtime/ucs2length").default', "(text) => [...text].length")
    .replaceAll(errorCode, shortErrorCode);
  const foreign = /\bexport\b|\brequire\(.*?\)/.exec(code);
  if (/\bvErrors\.push\(err\d/.test(code))
    throw new Error(
      `Cannot compile ${what}: ajv writes its errors in another form than scripts/build-schemas.mjs knows`,
    );
  if (foreign !== null)
    throw new Error(
      `Cannot compile ${what}: ajv's code holds ${foreign[0]}, expected code that stands alone (no ` +
        "uniqueItems, no const or enum of objects)",
    );
  return code;
}

/** A schema's own text is only a part of errors: it becomes a function that makes it when there is one. */
function lateTexts(code) {
  const begin = /\bconst schema\d+ = (?=\{)/g;
  let late = "", done = 0;
  for (let found = begin.exec(code); found !== null; found = begin.exec(code)) {
    const end = jsonEnd(code, begin.lastIndex), name = found[0].slice("const ".length, -" = ".length);
    late += calls(code.slice(done, found.index));
    late += `let ${name}_;\nfunction ${name}() { return (${name}_ ??= ${code.slice(begin.lastIndex, end)}); }\n`;
    done = begin.lastIndex = end + 1;
  }
  return late + calls(code.slice(done));
}

function calls(code) {
  return code.replaceAll(/\bschema\d+\b/g, "$&()");
}

/** Where the object or list ends that begins there. */
function jsonEnd(text, from) {
  const token = /"(?:[^"\\]|\\.)*"|[[\]{}]/g;
  token.lastIndex = from;
  for (let depth = 0; ;) {
    const [found] = token.exec(text);
    if (found === "{" || found === "[") depth += 1;
    if (found === "}" || found === "]") depth -= 1;
    if (depth === 0) return token.lastIndex;
  }
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

function declarations(names, schemas) {
  return `// Made by scripts/build-schemas.mjs. Do not edit.
export type SchemaName = ${names.map((name) => JSON.stringify(name)).join(" | ")};
${typesText(schemas)}
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
export interface Schema<Conf = unknown> {
  readonly validate: { (value: unknown): boolean; errors: readonly SchemaError[] | null };
  readonly keys: KeyTable;
  /** Never there; it ties the type to the schema. */
  readonly conf?: Conf;
}
export const schemas: { readonly [Name in SchemaName]: Schema<Confs[Name]> };
`;
}

function lateDeclarations(name) {
  return `// Made by scripts/build-schemas.mjs. Do not edit.
import type { Confs, Schema } from "../schemas.mjs";
export const schema: Schema<Confs[${JSON.stringify(name)}]>;
`;
}

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
