import type { KeyTable } from "../../build/schemas.mjs";
import { isJsonObject } from "./json-object.ts";

/**
 * The value with its keys as the table spells them, at every level the table knows: null entries and keys it does not
 * know are gone, free maps stay as they are. What has been left out or renamed is a copy; the value itself is not
 * changed.
 */
export function fold(value: unknown, table: KeyTable): unknown {
  if (Array.isArray(value))
    return table.items === undefined ? value : value.map((entry) => foldAny(entry, table.items));
  if (!isJsonObject(value)) return value;
  // Where an object belongs it must not pass for one.
  if (rawJson.isRawJSON(value) && (table.names ?? table.values) !== undefined) return Number(value["rawJSON"]);
  if (table.names !== undefined) return foldObject(value, table.names, table);
  if (table.values === undefined) return value;
  const entries = Object.entries(value).filter(([, entry]) => entry !== null);
  return Object.fromEntries(entries.map(([key, entry]) => [key, foldAny(entry, table.values)]));
}

/** A number that is kept as it is written is an object (JSON.rawJSON, which TypeScript's library does not have yet). */
const rawJson = JSON as unknown as { isRawJSON(value: unknown): boolean };

/**
 * What two spellings of one key have in common to who reads keys in any case. Go's encoding/json, which most plugins
 * are read by, takes the long s (U+017F) for an s, and the Kelvin sign for a k, as it is in lower case anyhow.
 */
export function foldedKey(key: string): string {
  const lower = key.toLowerCase();
  return lower.includes("\u017f") ? lower.replaceAll("\u017f", "s") : lower;
}

function foldAny(value: unknown, table: KeyTable | undefined): unknown {
  return table === undefined ? value : fold(value, table);
}

function foldObject(
  value: Readonly<Record<string, unknown>>,
  names: Readonly<Record<string, string>>,
  table: KeyTable,
): Record<string, unknown> {
  const folded: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const entry = value[key];
    const name = names[foldedKey(key)];
    if (name === undefined) {
      if (table.values !== undefined && entry !== null) define(folded, key, fold(entry, table.values));
      else if (table.open === true) define(folded, key, entry);
      continue;
    }
    if (entry === null) continue;
    const nested = foldAny(entry, table.nested?.[name]);
    folded[name] = merged(folded[name], nested);
  }
  return folded;
}

/** Two spellings of one key: objects merge, anything else is replaced. */
function merged(before: unknown, after: unknown): unknown {
  if (!isJsonObject(before) || !isJsonObject(after)) return after;
  const both = { ...before };
  for (const [key, value] of Object.entries(after))
    define(both, key, merged(Object.hasOwn(both, key) ? both[key] : undefined, value));
  return both;
}

/** Plain assignment would take the key `__proto__` for the prototype. */
function define(object: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}
