// The same tables by which ADD finds keys in any spelling, made by scripts/build-schemas.mjs.
import type { KeyTable, SchemaName } from "../../../build/schemas.mjs";
import { schemas } from "../../../build/schemas.mjs";
import { isJsonObject } from "../../schema/index.ts";
import type { Report } from "./finding.ts";
import type { Spot } from "./spot.ts";

/** The tables of those schemas; names without a schema are left out. */
export function keyTables(names: readonly string[]): readonly KeyTable[] {
  return names.filter(isSchemaName).map((name) => schemas[name].keys);
}

/** Says which keys nobody reads: an ADD ignores them without a word, a misspelled one too. */
export function reportUnknownKeys(value: unknown, tables: readonly KeyTable[], spot: Spot, report: Report): void {
  if (tables.length === 0 || tables.some(({ open, values }) => open === true || values !== undefined)) return;
  if (Array.isArray(value)) {
    const items = tables.flatMap((table) => table.items ?? []);
    value.forEach((entry, index) => reportUnknownKeys(entry, items, spot.at(index), report));
    return;
  }
  const names = new Map(tables.flatMap((table) => Object.entries(table.names ?? {})));
  if (!isJsonObject(value) || names.size === 0) return;
  const known = [...names.values()];
  let unknownCount = 0;
  for (const [key, entry] of Object.entries(value)) {
    const name = names.get(key.toLowerCase());
    if (name === undefined) {
      if (unknownCount++ < unknownMax) reportUnknown(key, known, spot, report);
    } else if (!others.has(name))
      reportUnknownKeys(
        entry,
        tables.flatMap((table) => table.nested?.[name] ?? []),
        spot.at(key),
        report,
      );
  }
  if (unknownCount > unknownMax)
    report("warning", spot, `${unknownCount - unknownMax} more keys are unknown and ignored`);
}

/** Nobody reads about more, and looking up where each stands takes as long as there are keys. */
const unknownMax = 20;

/** Says that a key is none of those known, unless its name tells that it is somebody else's. */
export function reportUnknown(key: string, known: readonly string[], spot: Spot, report: Report): void {
  if (foreignKey.test(key)) return;
  const near = known.find((name) => isNear(name.toLowerCase(), key.toLowerCase()));
  report("warning", spot.at(key), `it is unknown and ignored${near === undefined ? "" : `, expected ${near}`}`);
}

/** Keys with a domain, and what people write comments into. */
const foreignKey = /^[_#/]|[./]/;

/** Objects that others fill, with keys of their own. */
const others: ReadonlySet<string> = new Set(["args", "runtimeConfig", "capabilities", "prevResult"]);

const typosMax = 2;

function isNear(name: string, key: string): boolean {
  const typos = Math.min(typosMax, Math.floor(name.length / 3));
  return Math.abs(name.length - key.length) <= typos && distance(name, key) <= typos;
}

function isSchemaName(name: string): name is SchemaName {
  return Object.hasOwn(schemas, name);
}

/** Letters to be added, taken away or replaced to come from one text to the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
