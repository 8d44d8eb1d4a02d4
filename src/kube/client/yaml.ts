import type { Document, ParsedNode, YAMLMap } from "yaml";
import { Composer, LineCounter, Parser, Scalar, isMap, isNode, isScalar, visit } from "yaml";
import { messageOf } from "../../cni/index.ts";
import { lenientLexer } from "./yaml-lexer.ts";

/** A key or an index on the way to a value. */
export type YamlStep = string | number;

/** A place in a text, both from 1. */
export interface YamlPosition {
  readonly line: number;
  readonly column: number;
}

/** One document of a YAML text, with the places of what is in it. */
export interface YamlDocument {
  /** Undefined when the text cannot be read as YAML. */
  readonly value: unknown;
  readonly errors: readonly (YamlPosition & { readonly message: string })[];
  /** Where a value is: at its key in an object, at itself in a list; undefined when there is none. */
  positionOf(path: readonly YamlStep[]): YamlPosition | undefined;
  /**
   * Where a character of a string is, else where the string is: in a folded block, or one over several lines, nobody
   * can say.
   *
   * @param index  into the string's value, as JavaScript counts
   */
  positionIn(path: readonly YamlStep[], index: number): YamlPosition | undefined;
  /** What a string holds as a document of its own, with places in this text; undefined when it is no string. */
  inside(path: readonly YamlStep[]): YamlDocument | undefined;
}

/**
 * The value of a YAML document. Loaded late: it brings the package along, and most files we read are JSON.
 *
 * @throws Error naming line and column
 */
export function parseYaml(text: string): unknown {
  const [first, second] = parseYamlDocuments(text);
  const [error] = first?.errors ?? [];
  if (error !== undefined) throw new Error(`${error.message} at line ${error.line}, column ${error.column}`);
  if (second !== undefined) throw new Error("It holds several documents");
  return first?.value;
}

/** Every document of a YAML text, JSON included; documents without a value are left out unless they have errors. */
export function parseYamlDocuments(given: string): readonly YamlDocument[] {
  // Ends of line as of old Macs, which YAML has (1.2, 5.4) and the package has not.
  const text = given.replaceAll(/\r(?!\n)/g, "\n");
  const lines = new LineCounter();
  return composed(text, lines.addNewLine)
    .map((document) => readDocument(document, text, (offset) => place(lines, offset)))
    .filter(({ value, errors }) => errors.length > 0 || (value !== null && value !== undefined));
}

/**
 * Merge keys are YAML 1.1, as kubectl reads it. What the package warns of would be printed to stderr, which is the
 * runtime's log. Keys are compared by `repeatedKeys`: the package compares each with each.
 */
const options = { logLevel: "silent", prettyErrors: false, merge: true, uniqueKeys: false } as const;

function composed(text: string, onNewLine?: (offset: number) => void): readonly Document.Parsed[] {
  const parser = new Parser(onNewLine);
  onNewLine?.(0);
  const tokens = function* () {
    for (const lexeme of lenientLexer().lex(text)) yield* parser.next(lexeme);
    yield* parser.end();
  };
  const documents = [...new Composer(options).compose(tokens(), true, text.length)];
  for (const document of documents) takeEscapedQuotes(document, text);
  return documents;
}

function readDocument(
  document: Document.Parsed,
  text: string,
  placeOf: (offset: number) => YamlPosition,
): YamlDocument {
  const errors = [
    ...document.errors.filter(({ message }) => !closeComment.test(message) && message !== escapedQuote)
      .map(({ message, pos: [offset] }) => ({
        message: overflow.test(message) ? tooDeep : message,
        ...placeOf(offset),
      })),
    ...repeatedKeys(document).map((offset) => ({ message: "Map keys must be unique", ...placeOf(offset) })),
  ];
  const { value, problem } = errors.length > 0 ? { value: undefined } : valueOf(document);
  const positionOf = (path: readonly YamlStep[]): YamlPosition | undefined => mapped(offsetOf(document, path), placeOf);
  const positionIn = (path: readonly YamlStep[], index: number): YamlPosition | undefined => {
    const node: unknown = document.getIn(path, true);
    return mapped(isScalar(node) ? offsetIn(node, text, index) : undefined, placeOf) ?? positionOf(path);
  };
  return {
    value, positionOf, positionIn,
    errors: problem === undefined ? errors : [{ message: problem, ...placeOf(0) }],
    inside(path) {
      const string: unknown = document.getIn(path);
      if (typeof string !== "string") return undefined;
      const [inner] = composed(string);
      return inner && readDocument(inner, string, (offset) => positionIn(path, offset) ?? placeOf(0));
    },
  };
}

/** `\'` in double quotes is no escape of YAML, 5.7; go-yaml takes it for the quote, and the package for both. */
function takeEscapedQuotes(document: Document.Parsed, text: string): void {
  if (!document.errors.some(({ message }) => message === escapedQuote)) return;
  try {
    visit(document, {
      Scalar(_, node) {
        if (node.type !== Scalar.QUOTE_DOUBLE || !node.range) return;
        const source = text.slice(node.range[0], node.range[1]);
        if (!source.includes("\\'")) return;
        const [fixed] = composed(source.replaceAll(/\\([^])/g, (pair, char) => (char === "'" ? char : pair)));
        node.value = fixed?.toJS();
      },
    });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
}

const escapedQuote = "Invalid escape sequence \\'";

/** Where keys stand that their map has had already. What is nested too deeply to be looked at has an error already. */
function repeatedKeys(document: Document.Parsed): readonly number[] {
  const offsets: number[] = [];
  const ofMap = (_: unknown, { items }: YAMLMap): void => {
    const seen = new Set<unknown>();
    for (const { key } of items) {
      if (!isScalar(key) || key.value === mergeKey) continue;
      if (seen.has(key.value)) offsets.push(startOf(key) ?? 0);
      seen.add(key.value);
    }
  };
  try {
    visit(document, { Map: ofMap });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return offsets;
}

const mergeKey = "<<";

/** YAML 1.2 wants white space before a comment, 6.6; go-yaml does not, and the package reads on as if it were there. */
const closeComment = /^Comments must be separated from other tokens by white space/;

/** The package recurses, and hands on what the engine says when that is too much. */
const overflow = /^Maximum call stack/;
const tooDeep = "it is nested too deeply";

function mapped<T>(offset: number | undefined, placeOf: (offset: number) => T): T | undefined {
  return offset === undefined ? undefined : placeOf(offset);
}

/** Aliases that grow beyond the package's bound, or hold themselves, are found out here only. */
function valueOf(document: Document.Parsed): { readonly value: unknown; readonly problem?: string } {
  try {
    const value: unknown = document.toJS();
    JSON.stringify(value);
    return { value };
  } catch (error) {
    if (error instanceof RangeError) return { value: undefined, problem: tooDeep };
    if (error instanceof TypeError) return { value: undefined, problem: "an alias stands for what holds it" };
    return { value: undefined, problem: messageOf(error) };
  }
}

function offsetOf(document: Document.Parsed, path: readonly YamlStep[]): number | undefined {
  const last = path.at(-1);
  const owner: unknown = document.getIn(path.slice(0, -1), true);
  if (last !== undefined && isMap(owner)) {
    const pair = owner.items.find(({ key }) => (isScalar(key) ? key.value : key) === last);
    return startOf(pair?.key);
  }
  return startOf(path.length === 0 ? document.contents : document.getIn(path, true));
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** Where a string's character is in the text of the document. */
function offsetIn(node: Scalar | ParsedNode, text: string, index: number): number | undefined {
  if (!isScalar(node) || typeof node.value !== "string" || !node.range) return undefined;
  const [start, end] = node.range;
  const source = text.slice(start, end);
  switch (node.type) {
    case Scalar.BLOCK_LITERAL:
      return within(start, offsetInLiteral(source, node.value, index));
    case Scalar.QUOTE_DOUBLE:
      return within(start, offsetInQuotes(source, index, /\\(?:x[\da-fA-F]{2}|u[\da-fA-F]{4}|U[\da-fA-F]{8}|.)/y));
    case Scalar.QUOTE_SINGLE:
      return within(start, offsetInQuotes(source, index, /''/y));
    default:
      return source.startsWith(node.value) ? start + index : undefined;
  }
}

function within(start: number, offset: number | undefined): number | undefined {
  return offset === undefined ? undefined : start + offset;
}

/** Lines of the value are those after the header, less what all are indented by. */
function offsetInLiteral(source: string, value: string, index: number): number | undefined {
  const before = value.slice(0, index).split("\n");
  const sourceLines = source.split("\n"), valueLines = value.split("\n");
  const line = sourceLines[before.length], wanted = valueLines[before.length - 1];
  if (line === undefined || wanted === undefined || !line.trimEnd().endsWith(wanted.trimEnd())) return undefined;
  const indentation = line.trimEnd().length - wanted.trimEnd().length;
  const lineStart = sourceLines.slice(0, before.length).join("\n").length + 1;
  return lineStart + indentation + (before.at(-1)?.length ?? 0);
}

/** Walks a quoted string; where it goes over several lines they are folded, and nobody can say. */
function offsetInQuotes(source: string, index: number, escape: RegExp): number | undefined {
  if (source.includes("\n")) return undefined;
  let at = 1;
  for (let count = 0; count < index && at < source.length; count++) {
    escape.lastIndex = at;
    at += escape.exec(source)?.[0].length ?? 1;
  }
  return at;
}

function place(lines: LineCounter, offset: number): YamlPosition {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}
