// Loaded late, and alone: ajv takes 23 ms to start, and nothing of this program's own is imported here, so that a bundle
// that holds this file apart from the rest does not hold anything twice.
import { Ajv } from "ajv";
import standalone from "ajv/dist/standalone/index.js";

/** What ajv's own code reaches for outside itself, written out. */
const runtime: readonly (readonly [string, string])[] = [
  ['require("ajv/dist/runtime/ucs2length").default', "(text) => [...text].length"],
  ['require("ajv/dist/runtime/equal").default', `function equal(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null || Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
}`],
];

/**
 * A JSON Schema (draft 7) as a script whose value is the validating function. The same schema gives the same text.
 *
 * @throws Error in ajv's words
 */
export function compile(schema: object): string {
  const ajv = new Ajv({
    code: { source: true },
    verbose: true, // an error carries the value and its schema, from which the message is made
    messages: false,
    allowUnionTypes: true,
    strictRequired: false,
    strictTypes: false,
  });
  ajv.addKeyword({ keyword: "expected", schemaType: "string" });
  let code = standalone.default(ajv, ajv.compile(schema));
  for (const [outside, written] of runtime) code = code.replaceAll(outside, written);
  const foreign = /\brequire\(.*?\)/.exec(code);
  if (foreign !== null) throw new Error(`ajv's code holds ${foreign[0]}, expected a schema whose code stands alone`);
  return `(() => {\nconst module = {};\nlet exports;\n${code}\nreturn validate;\n})()\n`.replace("return validate;", "return module.exports;");
}
