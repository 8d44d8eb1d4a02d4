import { exactJson } from "../../cni/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import { isJsonObject } from "../../schema/index.ts";

/**
 * The JSON object of a text that may be anything; undefined when it is none. Integers beyond what a number holds keep
 * their digits: an object is written back as it was read, and the API refuses one whose int64 has become another.
 */
export function jsonObjectIn(text: string): JsonObject | undefined {
  try {
    const value = longNumber.test(text) ? exactJson.parse(text, keepDigits) : JSON.parse(text) as unknown;
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Number.MAX_SAFE_INTEGER has 16 digits. Those of names and labels stand behind a quote; a string that says it like a
 * number costs time and changes nothing.
 */
const longNumber = /[:[,\s]-?\d{16}/;

function keepDigits(_key: string, value: unknown, { source = "" }: { readonly source?: string }): unknown {
  return typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source)
    ? exactJson.rawJSON(source)
    : value;
}
