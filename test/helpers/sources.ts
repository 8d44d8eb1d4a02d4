/** The project's own files as text, for the tests of how it is built: rooms, imports, exports, functions. */
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import levels from "../../src/rooms.json" with { type: "json" };

export const root = join(import.meta.dirname, "..", "..");
export const source = join(root, "src");

/** The rooms of src/ from the bottom up, as src/rooms.json has them; those of a level stand side by side. */
export const rooms: readonly string[] = levels.flatMap((level) => level.rooms);

/** The level of a room, from 0; NaN for a folder that is no room. */
export function levelOf(room: string): number {
  const index = levels.findIndex((level) => level.rooms.includes(room));
  return index < 0 ? Number.NaN : index;
}

/** The number of a level by its name in src/rooms.json. */
export function levelNamed(name: string): number {
  return levels.findIndex(({ level }) => level === name);
}

/** The room a file of src/ is in. */
export function roomOf(file: string): string {
  return relative(source, file).split("/")[0] ?? "";
}

/** A file as errors name it: from the root. */
export function shown(file: string): string {
  return relative(root, file);
}

/** Files below one of `areas`, each a folder from the root, with one of `endings`; whole paths, sorted. */
export function filesOf(areas: readonly string[], endings: readonly string[]): readonly string[] {
  return areas.flatMap((area) => readdirSync(join(root, area), { recursive: true, encoding: "utf8" })
    .filter((name) => endings.some((ending) => name.endsWith(ending)))
    .map((name) => join(root, area, name))).toSorted();
}

/** The lines of a file, without the end of the last one. */
export function linesOf(file: string): readonly string[] {
  return textOf(file).replace(/\n$/, "").split("\n");
}

const fileName = /`((?:[\w.-]+\/)+(?:[\w.-]+|\{[\w.,-]+\})\.(?:ts|mjs|cjs|c|md|yaml|conf|conflist|sh|json))`/g;

/** The paths a page has in backquotes; `net/{mac,name}.ts` is two. */
export function filesNamedIn(text: string): readonly string[] {
  return [...text.matchAll(fileName)].flatMap(([, path = ""]) => {
    const [, before = "", list, after = ""] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(path) ?? [];
    return list === undefined ? [path] : list.split(",").map((name) => `${before}${name}${after}`);
  });
}

const texts = new Map<string, string>();

/** A file's text; it is read once. */
export function textOf(file: string): string {
  const text = texts.get(file) ?? readFileSync(file, "utf8");
  texts.set(file, text);
  return text;
}

export interface Import {
  readonly file: string;
  /** As it is written: "node:fs", a package, or a path from the file's folder. */
  readonly from: string;
  /** The file meant, whole, where `from` is a path; else empty. */
  readonly target: string;
  readonly typeOnly: boolean;
  /** Names as the other file exports them; "*" for all of them. */
  readonly names: readonly string[];
}

/** What a file imports or passes on, import("...") included. */
export function importsOf(file: string): readonly Import[] {
  const found = [...textOf(file).matchAll(/^(?:import|export)\s+(type\s+)?(?:([^"';]*?)\sfrom\s+)?"([^"]+)";/gm)]
    .map(([, type, clause = "", from = ""]) => ({ from, typeOnly: type !== undefined, names: namesIn(clause) }));
  const late = [...textOf(file).matchAll(/(?:(\{[^}]*\})\s*=\s*(?:\(?await\s+)?)?\bimport\("([^"]+)"\)/g)]
    .map(([, clause = "*", from = ""]) => ({ from, typeOnly: false, names: namesIn(clause) }));
  return [...found, ...late].map((one) => ({ ...one, file,
    target: one.from.startsWith(".") ? resolve(dirname(file), one.from) : "" }));
}

/** The names in `{ a, b as c }` or `{ a: b }`, as the other file has them. */
function namesIn(clause: string): readonly string[] {
  const list = /^\{([^}]*)\}$/.exec(clause.trim());
  if (list === null) return clause === "" ? [] : ["*"];
  return (list[1] ?? "").split(",").map((name) => name.trim().split(/ as |:/)[0] ?? "").filter((name) => name !== "");
}

/** The names that a file with no `export *` exports, as others see them. */
export function exportsOf(file: string): readonly string[] {
  const listed = [...textOf(file).matchAll(/^export (?:type )?\{([^}]*)\}/gm)]
    .flatMap(([, names = ""]) => names.split(",").map((name) => name.trim().split(" as ").at(-1) ?? ""))
    .filter((name) => name !== "");
  const spaces = [...textOf(file).matchAll(/^export \* as (\w+)/gm)].map(([, name = ""]) => name);
  const declared = [...textOf(file)
    .matchAll(/^export (?:async |abstract |declare )*(?:const|let|function\*?|class|interface|type|enum) (\w+)/gm)];
  return [...listed, ...spaces, ...declared.map(([, name = ""]) => name)];
}

export interface FunctionSpan {
  readonly file: string;
  /** The last name before its body: its own, or what it is given to. */
  readonly name: string;
  /** Of its body's first line, from 1. */
  readonly line: number;
  readonly lineCount: number;
}

const controlWord = /^(?:\} )?(?:if|for|while|switch|else|catch|do|try|finally)\b/;
const declarationWord = /^(?:export )?(?:default )?(?:abstract )?(?:class|interface|type|enum|namespace)\b/;

/**
 * The functions of a file whose bodies take more than a line, found by how they stand: a body opens at the end of a
 * line and closes at the first later line that is indented no deeper.
 */
export function functionsOf(file: string): readonly FunctionSpan[] {
  const lines = linesOf(file);
  return lines.flatMap((line, index) => {
    if (!opensFunction(line.trim())) return [];
    const end = lines.findIndex((later, i) => i > index && later.trim() !== "" && indentOf(later) <= indentOf(line));
    const head = lines.slice(0, index + 1)
      .findLast((before) => indentOf(before) <= indentOf(line) && /^\w/.test(before.trim()));
    return [{ file, name: nameIn(head ?? line), line: index + 1, lineCount: end - index + 1 }];
  });
}

function opensFunction(line: string): boolean {
  if (!line.endsWith(" {") || controlWord.test(line) || declarationWord.test(line)) return false;
  return line.endsWith("=> {") || /\)(?:: .+)? \{$/.test(line);
}

function nameIn(line: string): string {
  const words = /^(?:export |default |async |static |get |set |const |let |function\*? ?)*([#\w.]+)/.exec(line.trim());
  return words?.[1] ?? line.trim();
}

function indentOf(line: string): number {
  return line.length - line.trimStart().length;
}
