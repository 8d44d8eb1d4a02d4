import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";
import { CniError, code } from "./errors.ts";
import { listRepeated } from "./repeated-keys.ts";

/** Deeper input could not be printed again: JSON.stringify is recursive. Real configurations nest below 20. */
export const jsonDepthMax = 500;

/**
 * The JSON value of a text. A sysctl that stands twice becomes a list, which is no sysctl's value, and a whole number
 * that is written with a fraction or an exponent an object that is no integer and is printed as it was written.
 *
 * @param what  names the text in the message: `stdin`, `/etc/cni/net.d/10-blue.conf`
 * @throws CniError 6 when it is not JSON, or nested deeper than 500
 */
export function parseJson(text: string, what: string): unknown {
  if (isTooDeep(text))
    throw new CniError(
      code.decodingFailure,
      `Cannot read ${what}: it is nested too deeply, expected at most ${jsonDepthMax} levels`,
    );
  try {
    const value: unknown = fraction.test(text) ? exactJson.parse(text, keepFraction) : JSON.parse(text);
    listRepeated(text, value, "sysctl");
    return value;
  } catch (cause) {
    const reason = text.trim() === "" ? "it is empty" : "it is not JSON";
    throw new CniError(code.decodingFailure, `Cannot read ${what}: ${reason}, expected a JSON object`, {
      details: String(cause),
      cause,
    });
  }
}

/**
 * Whole numbers that are not written as such, `5.0`, `1e3`, and numbers beyond what JavaScript has, which begin with
 * 309 digits or have an exponent. A string may hold one, which costs time and changes nothing. Digits are counted from
 * the first of them alone: a text of many long numbers would be gone through hundreds of times.
 */
const fraction = /\d(?:\.0*)?[eE][+-]?\d|\d\.0+\b|(?<!\d)\d{309}/;

/** JSON.parse with source text access, ECMAScript 2026, which TypeScript's library does not have yet and Node has. */
interface ExactJson {
  parse(
    text: string,
    reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown,
  ): unknown;
  /** What JSON.stringify puts out as it is. */
  rawJSON(text: string): unknown;
}

// True of the engine this is bundled with.
export const exactJson = JSON as unknown as ExactJson;

/**
 * Go's decoder takes such a number for no integer, or for none at all, and so do the plugins that people come from: it
 * stays as it is written.
 */
function keepFraction(_key: string, value: unknown, { source = "" }: { readonly source?: string }): unknown {
  const isOverflow = value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY;
  return isOverflow || (Number.isInteger(value) && /[.eE]/.test(source)) ? exactJson.rawJSON(source) : value;
}

/** The same for text that must hold an object. */
export function parseJsonObject(text: string, what: string): JsonObject {
  const value = parseJson(text, what);
  if (!isJsonObject(value))
    throw new CniError(code.decodingFailure, `Cannot read ${what}: it is ${kindOf(value)}, expected a JSON object`);
  return value;
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

const quoteChar = 0x22, backslash = 0x5c;
const opening: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const closing: ReadonlySet<number> = new Set([0x5d, 0x7d]);

/** Whether it has so many brackets at all, wherever they stand: hardly any text has, and this is looked at quickly. */
function mayBeTooDeep(text: string): boolean {
  let count = 0;
  for (const bracket of ["{", "["]) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1))
      if (++count > jsonDepthMax) return true;
  }
  return false;
}

/** Whether a text that may be JSON is nested deeper than can be printed again. */
export function isTooDeep(text: string): boolean {
  if (text.length <= jsonDepthMax || !mayBeTooDeep(text)) return false;
  let depth = 0;
  let inString = false;
  for (let i = 0; i < text.length; i++) {
    const char = text.charCodeAt(i);
    if (inString) {
      if (char === backslash) i++;
      else if (char === quoteChar) inString = false;
    } else if (char === quoteChar) inString = true;
    else if (opening.has(char)) {
      if (++depth > jsonDepthMax) return true;
    } else if (closing.has(char)) depth--;
  }
  return false;
}
