// Loaded late, and alone: ajv takes 23 ms to start, and of this program's own only what nothing else uses is imported
// here, so that a bundle that holds this file apart from the rest does not hold anything twice.
import { Ajv } from "ajv";
import standalone from "ajv/dist/standalone/index.js";
import { refuseCostlySchema } from "./cost.ts";
import type { PatternTable } from "./pattern.ts";
import { matches, tableOf } from "./pattern.ts";

/** What ajv's own code reaches for outside itself, written out. */
const runtime: readonly (readonly [string, string])[] = [
  ['require("ajv/dist/runtime/ucs2length").default', "(text) => [...text].length"],
  ['require("ajv/dist/runtime/equal").default', `function equal(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equal(a[key], b[key]));
}`],
];

/** What stands for a pattern's table in ajv's code, before it is written out. */
const patternFunction = "patternOf";

/**
 * A JSON Schema (draft 7) as a script whose value is the validating function. The same schema gives the same text.
 * Checking takes a time that grows with the value, and no faster: see schema-cost.ts and pattern.ts.
 *
 * @throws Error in ajv's words, or about a schema that would cost too much
 */
export function compile(schema: object): string {
  refuseCostlySchema(schema);
  const tables: Record<string, PatternTable> = Object.create(null);
  const regExp = Object.assign((pattern: string) => {
    tables[pattern] = tableOf(pattern);
    return { test: () => true, toString: () => pattern };
  }, { code: patternFunction });
  const ajv = new Ajv({
    code: { source: true, regExp },
    verbose: true, // an error carries the value and its schema, from which the message is made
    messages: false,
    allowUnionTypes: true,
    strictRequired: false,
    strictTypes: false,
  });
  ajv.addKeyword({ keyword: "expected", schemaType: "string" });
  const validate = ajv.compile(schema);
  let code = standalone.default(ajv, validate);
  for (const [outside, written] of runtime) code = code.replaceAll(outside, written);
  // What the schema says about require is text.
  if (/\brequire\(/.test(code.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')))
    throw new Error(
      `ajv's code holds ${/\brequire\(.*?\)/.exec(code)?.[0] ?? "require"}, expected a schema whose code stands alone`,
    );
  return `(() => {\nconst module = {};\nlet exports;\n${patternsCode(tables)}${code}\nreturn module.exports;\n})()\n`;
}

/**
 * A function that gives something with `test` for each pattern, as ajv's code wants it; nothing when there are none.
 */
function patternsCode(tables: Readonly<Record<string, PatternTable>>): string {
  const used = Object.entries(tables);
  if (used.length === 0) return "";
  return `const matches = ${matches.toString()};
const patternTables = new Map(${JSON.stringify(used)});
const ${patternFunction} = (pattern) => ({ test: (text) => matches(patternTables.get(pattern), text) });
`;
}
