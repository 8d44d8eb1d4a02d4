import { readdirSync, statSync } from "node:fs";
import { extname, join } from "node:path";
import { CniError, code, jsonDepthMax } from "../../cni/index.ts";
import type { YamlDocument, YamlPosition } from "../../kube/index.ts";
import { parseYamlDocuments } from "../../kube/index.ts";
import { findJsonProblem, jsonProblemText, lineAndColumn } from "../../nad/index.ts";
import { errnoOf } from "../../os/index.ts";
import { readNamedFile, readStdin } from "../../program/index.ts";
import { whyFailed } from "../errors.ts";
import type { Level, Report } from "./finding.ts";
import type { Spot } from "./spot.ts";
import { fixed, spotOf } from "./spot.ts";

/** A file somebody named, or one of a directory somebody named. */
export interface Source {
  readonly file: string;
  readonly fromDirectory: boolean;
}

/** One document of a file. */
export interface SourceDocument {
  readonly source: Source;
  readonly value: unknown;
  readonly spot: Spot;
}

/** `-` among the files. */
const stdinName = "stdin";

/**
 * The files that names stand for; a directory for those in it and below that end as configurations and manifests do.
 *
 * @throws CniError 5 naming the path
 */
export function sourcesOf(name: string): readonly Source[] {
  if (name === "-") return [{ file: stdinName, fromDirectory: false }];
  if (!looked(name, () => statSync(name)).isDirectory()) return [{ file: name, fromDirectory: false }];
  const found = looked(name, () => readdirSync(name, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && extensions.has(extname(entry.name)))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (found.length === 0) throw nothingIn(name, `it holds no file that ends in ${[...extensions].join(", ")}`);
  if (found.length > filesMax)
    throw new CniError(
      code.ioFailure,
      `Cannot read ${name}: it holds ${found.length} files, expected at most ${filesMax}`,
    );
  return found.map((file) => ({ file, fromDirectory: true }));
}

/**
 * The documents of a file; one that is neither JSON nor YAML is a finding.
 *
 * @throws CniError 5 when it cannot be read, or when it was named and there is nothing in it
 */
export async function documentsOf(source: Source, report: Report): Promise<readonly SourceDocument[]> {
  const text = readText(source.file);
  if (text.trim() === "" && !source.fromDirectory) throw nothingIn(source.file, "it is empty");
  const starts = configurationExtensions.has(extname(source.file)) ? [0] : jsonStarts(text);
  const documents: SourceDocument[] = [];
  for (const [index, start] of starts.entries()) {
    documents.push(...await documentsIn({ whole: text, start, end: starts[index + 1] }, source, report));
  }
  return documents;
}

/** Where JSON documents begin that stand one after the other, as kubectl takes them; else where the text begins. */
function jsonStarts(text: string): readonly number[] {
  const starts = [0];
  for (let start = 0; ; starts.push(start)) {
    const { expected, offset = 0 } = findJsonProblem(text.slice(start), jsonDepthMax) ?? {};
    start += offset;
    if (expected !== "the end" || text[start] !== "{") return starts;
  }
}

/** Of a text, from one character to another, or to its end. */
interface Part {
  readonly whole: string;
  readonly start: number;
  readonly end: number | undefined;
}

async function documentsIn(
  { whole, start, end }: Part, source: Source, report: Report,
): Promise<readonly SourceDocument[]> {
  const text = whole.slice(start, end);
  const isJson = jsonExtensions.has(extname(source.file));
  const problem = isJson ? findJsonProblem(text, jsonDepthMax) : undefined;
  if (problem !== undefined) {
    const offset = start + problem.offset;
    const spot = fixed(source.file, "", lineAndColumn(whole, offset));
    report("error", spot, jsonProblemText(whole, { ...problem, offset }));
    return [];
  }
  const documents = (await parseYamlDocuments(text)).map((document) => moved(document, lineAndColumn(whole, start)));
  if (documents.length === 0) refuseNothing(source, text, report);
  // In JSON a key may be there twice, and the last one counts.
  if (isJson)
    return documents
      .slice(0, 1)
      .flatMap((document) => readDocument({ ...document, value: JSON.parse(text) }, "warning", source, report));
  return documents.flatMap((document) => readDocument(document, "error", source, report));
}

function shifted({ line, column }: YamlPosition, begin: YamlPosition): YamlPosition {
  return { line: line + begin.line - 1, column: line === 1 ? column + begin.column - 1 : column };
}

/** A document with the places that it has where the text around it begins elsewhere. */
function moved(document: YamlDocument, begin: YamlPosition): YamlDocument {
  if (begin.line === 1 && begin.column === 1) return document;
  const move = (position: YamlPosition | undefined) => position && shifted(position, begin);
  return {
    value: document.value,
    errors: document.errors.map((error) => ({ ...error, ...shifted(error, begin) })),
    positionOf: (path) => move(document.positionOf(path)),
    positionIn: (path, index) => move(document.positionIn(path, index)),
    inside(path) {
      const inner = document.inside(path);
      return inner && moved(inner, begin);
    },
  };
}

/** What was named and is empty is what a command left that failed; among others it may well be so. */
function refuseNothing({ file, fromDirectory }: Source, text: string, report: Report): void {
  const fact = text.trim() === "" ? "it is empty" : "there is nothing in it but comments";
  if (!fromDirectory) throw nothingIn(file, fact);
  report("warning", fixed(file, "", { line: 1, column: 1 }), fact);
}

function nothingIn(name: string, fact: string): CniError {
  return new CniError(code.ioFailure, `Cannot check ${name}: ${fact}, expected a manifest or a CNI configuration`);
}

function readDocument(document: YamlDocument, level: Level, source: Source, report: Report): readonly SourceDocument[] {
  const { file } = source;
  for (const { message, line, column } of document.errors)
    report(level, fixed(file, "", { line, column }), lowerFirst(message));
  return document.errors.length > 0 && level === "error"
    ? []
    : [{ source, value: document.value, spot: spotOf(file, document) }];
}

function lowerFirst(text: string): string {
  return `${text.slice(0, 1).toLowerCase()}${text.slice(1)}`;
}

/** A runtime reads one configuration in each. */
const configurationExtensions: ReadonlySet<string> = new Set([".conf", ".conflist"]);
const jsonExtensions: ReadonlySet<string> = new Set([".json", ...configurationExtensions]);
const extensions: ReadonlySet<string> = new Set([...jsonExtensions, ".yaml", ".yml"]);

/** A directory of more is one that was not meant. */
const filesMax = 10_000;
const fileBytesMax = 16 * 1024 * 1024;

function readText(file: string): string {
  if (file === stdinName) return readStdin();
  return looked(file, () => {
    const { size } = statSync(file);
    if (size > fileBytesMax)
      throw new CniError(code.ioFailure, `Cannot read ${file}: it has ${size} bytes, expected at most ${fileBytesMax}`);
    return readNamedFile(file);
  });
}

function looked<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof CniError) throw cause;
    const why = errnoOf(cause) === "ENOENT" ? "it is not there, expected a file, a directory, or - for stdin"
      : whyFailed(cause);
    throw new CniError(code.ioFailure, `Cannot read ${path}: ${why}`, { cause });
  }
}
