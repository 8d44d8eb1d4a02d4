import type { JsonObject } from "../cni/index.ts";
import { isJsonObject } from "../cni/index.ts";

/** The JSON object of a text that may be anything; undefined when it is none. */
export function jsonObjectIn(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
