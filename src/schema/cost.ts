/**
 * What a schema of somebody else's making may cost. A schema checks configurations before any sandbox, so the time it
 * takes is bounded by what it is: no schema that refers to itself, none that unfolds to more than a few hundred parts.
 */

/** Parts of a schema with everything it refers to written out; eight words of a list count as one. */
const partsLimit = 500;
const wordsOfPart = 8;
/** Entries that may be compared with each other, each with each. */
const uniqueLimit = 256;

type Schema = Readonly<Record<string, unknown>>;

/** @throws Error that says which part is too costly, and what is allowed */
export function refuseCostlySchema(schema: object): void {
  // JSON of a module's metadata: an object.
  const parts = countParts(schema as Schema, schema as Schema, new Map(), 0);
  if (parts > partsLimit)
    throw new Error(
      `it unfolds to more than ${partsLimit} parts, expected fewer of them, or of references to the same`,
    );
}

/** Keys whose value is a schema, or a list of them. */
const inner: readonly string[] = [
  "additionalProperties",
  "additionalItems",
  "items",
  "contains",
  "propertyNames",
  "not",
  "if",
  "then",
  "else",
  "allOf",
  "anyOf",
  "oneOf",
];
/** Keys whose values are schemas, by name. */
const named: readonly string[] = ["properties", "patternProperties", "dependencies"];

const deepest = 64;

/** @param known  by reference; "open" while it is being counted */
function countParts(schema: unknown, root: Schema, known: Map<string, number | "open">, depth: number): number {
  if (!isObject(schema)) return 1;
  if (depth > deepest) throw new Error(`it nests deeper than ${deepest} levels`);
  if (depth > 0 && schema["$id"] !== undefined) throw new Error("a part of it has an $id, expected none below the top");
  refuseSlowUnique(schema);
  const below = [
    ...inner.flatMap((key): readonly unknown[] =>
      Array.isArray(schema[key]) ? schema[key] : schema[key] === undefined ? [] : [schema[key]],
    ),
    ...named.flatMap((key) => (isObject(schema[key]) ? Object.values(schema[key]) : [])),
  ];
  let parts = 1 + lengthOf(schema["enum"]) / wordsOfPart + lengthOf(schema["required"]) / wordsOfPart;
  for (const part of below) parts += countParts(part, root, known, depth + 1);
  return parts + countReferred(schema["$ref"], root, known, depth);
}

function countReferred(reference: unknown, root: Schema, known: Map<string, number | "open">, depth: number): number {
  if (reference === undefined) return 0;
  if (typeof reference !== "string" || !/^#\/(definitions|\$defs)\/[^/%~]+$/.test(reference))
    throw new Error(`$ref is ${JSON.stringify(reference)}, expected #/definitions/NAME`);
  const counted = known.get(reference);
  if (counted === "open") throw new Error(`${reference} refers to itself, expected a schema that ends`);
  if (counted !== undefined) return counted;
  const [, place = "", name = ""] = reference.split("/");
  const definitions = root[place];
  known.set(reference, "open");
  const parts = countParts(isObject(definitions) ? definitions[name] : undefined, root, known, depth + 1);
  known.set(reference, parts);
  return parts;
}

/** Entries that are texts or numbers are compared by a table, others each with each. */
function refuseSlowUnique({ uniqueItems, items, maxItems }: Schema): void {
  const isPlain =
    isObject(items) && typeof items["type"] === "string" && items["type"] !== "object" && items["type"] !== "array";
  if (uniqueItems !== true || isPlain || (typeof maxItems === "number" && maxItems <= uniqueLimit)) return;
  throw new Error(
    "uniqueItems compares any number of entries, expected items of type string, number or integer, or maxItems of at " +
      `most ${uniqueLimit}`,
  );
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

function isObject(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
