import { CniError, code, printable } from "../cni/index.ts";

/** Where a text stops being JSON, and what would have gone on. */
export interface JsonProblem {
  /** In words: that it is not JSON, or too big. */
  readonly what: string;
  /** Index of the first character that cannot stand there; the text's length when it ends too early. */
  readonly offset: number;
  /** What is there, in words: `found "}"`. */
  readonly found: string;
  /** What could have stood there, in words. */
  readonly expected: string;
}

/** Bounds of a text somebody in a cluster may have written. */
export interface JsonLimits {
  readonly charsMax: number;
  readonly depthMax: number;
}

/**
 * The JSON value of a text within bounds. `JSON.parse` decides; where it refuses, the message says at which line and
 * column.
 *
 * @param subject  names the text: `annotation k8s.v1.cni.cncf.io/networks of pod "blue/web"`
 * @throws CniError 6
 */
export function parseBoundedJson(text: string, subject: string, limits: JsonLimits): unknown {
  const problem =
    text.length > limits.charsMax ? tooLong(text, limits.charsMax) : findJsonProblem(text, limits.depthMax);
  if (problem !== undefined)
    throw new CniError(code.decodingFailure, `Cannot read ${subject}: ${jsonProblemText(text, problem)}`);
  return JSON.parse(text);
}

/** The problem in words, to be put after a colon: it is not JSON at line 1, column 9, found "}", expected a value. */
export function jsonProblemText(text: string, { what, offset, found, expected }: JsonProblem): string {
  if (text.trim() === "") return "it is empty, expected JSON";
  const { line, column } = lineAndColumn(text, offset);
  const near = printable(text.slice(Math.max(0, offset - nearChars), offset + nearChars));
  return `${what} at line ${line}, column ${column} (near \`${near}\`): found ${found}, expected ${expected}`;
}

/** Line and column of a character, both from 1. */
export function lineAndColumn(text: string, offset: number): { readonly line: number; readonly column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf("\n") + 1;
  return { line: before.split("\n").length, column: offset - lineStart + 1 };
}

/** The first problem of a text as JSON (RFC 8259), or undefined; deeper nesting than `depthMax` is one. */
export function findJsonProblem(text: string, depthMax: number): JsonProblem | undefined {
  const open: ("[" | "{")[] = [];
  let state: State = "value";
  let at = skipSpace(text, 0);
  while (at < text.length || state !== "end") {
    const token = nextToken(text, at);
    if (token.problem !== undefined) return token.problem;
    const next = step(state, token.kind, open);
    if (next === undefined)
      return {
        what: notJson,
        offset: at,
        found: token.kind === "end" ? "the end" : JSON.stringify(text.slice(at, at + 1)),
        expected: expectation(state, open),
      };
    if (open.length > depthMax)
      return { what: tooBig, offset: at, found: `${open.length} levels of nesting`, expected: `at most ${depthMax}` };
    state = next;
    at = skipSpace(text, token.end);
  }
  return undefined;
}

/** This much of a text is shown on either side of a problem. */
const nearChars = 16;

const notJson = "it is not JSON", tooBig = "it is too big";

/** What may come next; "first" states follow an opening bracket, where the closing one may come too. */
type State = "value" | "firstValue" | "key" | "firstKey" | "colon" | "after" | "end";
type Kind = "[" | "]" | "{" | "}" | ":" | "," | "string" | "scalar" | "other" | "end";

interface Token {
  readonly kind: Kind;
  /** Index behind it. */
  readonly end: number;
  /** It begins like one of its kind, but is none. */
  readonly problem?: JsonProblem;
}

/** The state after a token, undefined when it cannot stand there; opens and closes brackets in `open`. */
function step(state: State, kind: Kind, open: ("[" | "{")[]): State | undefined {
  const closes = (kind === "]" && (state === "firstValue" || (state === "after" && open.at(-1) === "[")))
    || (kind === "}" && (state === "firstKey" || (state === "after" && open.at(-1) === "{")));
  if (closes) {
    open.pop();
    return open.length === 0 ? "end" : "after";
  }
  switch (state) {
    case "value": case "firstValue":
      if (kind === "[" || kind === "{") {
        open.push(kind);
        return kind === "[" ? "firstValue" : "firstKey";
      }
      if (kind !== "string" && kind !== "scalar") return undefined;
      return open.length === 0 ? "end" : "after";
    case "key": case "firstKey": return kind === "string" ? "colon" : undefined;
    case "colon": return kind === ":" ? "value" : undefined;
    case "after":
      if (kind !== ",") return undefined;
      return open.at(-1) === "[" ? "value" : "key";
    case "end": return undefined;
  }
}

function expectation(state: State, open: readonly ("[" | "{")[]): string {
  switch (state) {
    case "value": return "a value";
    case "firstValue": return 'a value or "]"';
    case "key": return "a key in double quotes";
    case "firstKey": return 'a key in double quotes or "}"';
    case "colon": return '":"';
    case "after": return open.at(-1) === "[" ? '"," or "]"' : '"," or "}"';
    case "end": return "the end";
  }
}

function nextToken(text: string, at: number): Token {
  const char = text[at];
  switch (char) {
    case undefined: return { kind: "end", end: at };
    case "[": case "]": case "{": case "}": case ":": case ",": return { kind: char, end: at + 1 };
    case '"': return stringToken(text, at);
  }
  scalarPattern.lastIndex = at;
  const [scalar] = scalarPattern.exec(text) ?? [];
  if (scalar === undefined) return { kind: "other", end: at + 1 };
  const isOverflow = /^-?\d/.test(scalar) && !Number.isFinite(Number(scalar));
  return {
    kind: "scalar", end: at + scalar.length,
    ...(isOverflow ? { problem: tooLarge(at, scalar) } : {}),
  };
}

/** A number or a word, up to where another word would begin: `01` and `truer` are none. */
const scalarPattern = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y;

function stringToken(text: string, start: number): Token {
  for (let at = start + 1; at < text.length; at++) {
    const char = text.charCodeAt(at);
    if (char === quoteChar) return { kind: "string", end: at + 1 };
    if (char < firstPrintable) return stringProblem(at, "a control character in a string", "an escape such as \\n");
    if (char !== backslash) continue;
    escapePattern.lastIndex = at;
    const escape = escapePattern.exec(text);
    if (escape === null)
      return stringProblem(at, JSON.stringify(text.slice(at, at + 2)), "an escape such as \\\\, \\n or \\u0041");
    at += escape[0].length - 1;
  }
  return stringProblem(text.length, "the end", "the closing quote of a string");
}

function stringProblem(offset: number, found: string, expected: string): Token {
  return { kind: "string", end: offset, problem: { what: notJson, offset, found, expected } };
}

const quoteChar = 0x22, backslash = 0x5c, firstPrintable = 0x20;
const escapePattern = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y;

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && " \t\n\r".includes(text.charAt(at))) at++;
  return at;
}

/** Go's decoder, which everybody else reads it with, has no number of this size either. */
function tooLarge(offset: number, scalar: string): JsonProblem {
  const found = scalar.length > nearChars ? `${scalar.slice(0, nearChars)}...` : scalar;
  return { what: "it holds a number that is too large", offset, found, expected: "at most 1.8e308" };
}

function tooLong(text: string, charsMax: number): JsonProblem {
  return { what: tooBig, offset: charsMax, found: `${text.length} characters`, expected: `at most ${charsMax}` };
}
