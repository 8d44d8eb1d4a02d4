import { printable } from "../../cni/index.ts";
import type { Spot } from "./spot.ts";

/**
 * error: an ADD would fail. warning: it would do something else than what is written, or depends on the node. note: it
 * does what is written, where Multus does not.
 */
export type Level = "error" | "warning" | "note";

export interface Finding {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly level: Level;
  /** The way to the key; "" for a whole file. */
  readonly path: string;
  readonly message: string;
}

/** Takes what is found. */
export type Report = (level: Level, spot: Spot, message: string) => void;

/** A list of findings and what fills it. */
export function gather(): { readonly findings: Finding[]; readonly report: Report } {
  const findings: Finding[] = [];
  const report: Report = (level, { file, path, position }, message) =>
    void findings.push({ file, ...position, level, path, message });
  return { findings, report };
}

/** By file in the order given, then from top to bottom; what is said twice stays once. */
export function inOrder(findings: readonly Finding[], files: readonly string[]): readonly Finding[] {
  const seen = new Set<string>();
  const once = findings.filter((finding) => {
    const key = JSON.stringify(finding);
    return seen.has(key) ? false : seen.add(key);
  });
  return once.sort((a, b) => files.indexOf(a.file) - files.indexOf(b.file) || a.line - b.line || a.column - b.column);
}

/** `file:line:column: error: path: message` */
export function findingLine({ file, line, column, level, path, message }: Finding): string {
  const text = `${file}:${line}:${column}: ${level}: ${path === "" ? "" : `${path}: `}${message}`;
  return printable(text.replaceAll(/\s*\n\s*/g, " "));
}
