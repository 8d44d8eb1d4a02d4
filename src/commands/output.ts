/** Where a command's words go: lines and documents to stdout, what is no result to stderr. */
import { isatty } from "node:tty";
import { printable } from "../cni/index.ts";
import { errnoOf } from "../os/index.ts";
import { writeLine, writeStdout } from "../program/index.ts";
import type { Style } from "./style.ts";
import { coloured, plain } from "./style.ts";
import type { Table } from "./table.ts";
import { tableLines } from "./table.ts";

export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

export interface Output {
  /**
   * Prints a line to stdout at once.
   *
   * @throws ClosedOutput when whoever reads is gone, CniError 5 when it cannot be written
   */
  say(line: string): void;
  /** Prints one JSON document to stdout. */
  json(value: unknown): void;
  table(table: Table): void;
  /** Prints a line to stderr. */
  warn(line: string): void;
  readonly style: Style;
  /** Characters of a line. */
  readonly columns: number;
}

/** Whoever read stdout has ended, as `head` does: no reason to complain. */
export class ClosedOutput extends Error {
  override readonly name = "ClosedOutput";
}

/** What an output needs to know of the two streams; tests have their own. */
export interface Streams {
  writeOut(text: string): void;
  writeError(line: string): void;
  readonly isTerminal: boolean;
  readonly columns: number | undefined;
}

/** Where a line is broken when there is no terminal to ask. */
const usualColumns = 100;

export function outputOn({ writeOut, writeError, isTerminal, columns }: Streams, env: ProcessEnvironment): Output {
  // https://no-color.org
  const style = isTerminal && (env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb" ? coloured : plain;
  const say = (line: string) => writeOut(`${shown(line, isTerminal)}\n`);
  return {
    say, style,
    columns: columns ?? usualColumns,
    json: (value) => writeOut(`${JSON.stringify(value, null, 2)}\n`),
    table: (table) => tableLines(table, style).forEach(say),
    warn: (line) => writeError(shown(line, isTerminal)),
  };
}

/** Lines and columns, and in a terminal our own weight, colour and clean screen. */
const ours = /(\x1b\[(?:\d{1,2}m|H|2J)|[\t\n])/;

/** Names of interfaces, pods and files are other people's: they tell a terminal nothing. */
function shown(text: string, isTerminal: boolean): string {
  return text.split(ours)
    .map((part, index) => (index % 2 === 1 && (isTerminal || !part.startsWith("\x1b")) ? part : printable(part)))
    .join("");
}

/** The process's own. */
export function processStreams(): Streams {
  const isTerminal = isatty(1);
  return {
    isTerminal,
    // Where it is none, asking would make a stream object of a pipe, which is not ours alone.
    columns: isTerminal ? process.stdout.columns : undefined,
    writeOut(text) {
      try {
        writeStdout(text);
      } catch (cause) {
        if (cause instanceof Error && errnoOf(cause.cause) === "EPIPE")
          throw new ClosedOutput(cause.message, { cause });
        throw cause;
      }
    },
    writeError: writeLine,
  };
}
