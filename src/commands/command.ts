/** What a command is: tables of what may be typed behind its name, words about it, and what it does. */
import type { OptionTable, OptionValues, ParameterTable, ParameterValues } from "./options.ts";
import type { Output, ProcessEnvironment } from "./output.ts";

/** All that can be typed. */
export interface CommandLine {
  /** What everything begins with: `polynic`. */
  readonly name: string;
  readonly summary: string;
  readonly rows: CommandRows;
  /** Words that stand for a command: `--version` for `version`. */
  readonly aliases: Readonly<Record<string, string>>;
}

/**
 * 0: as wanted. 1: it cannot be done here, as where nothing has a name, or the answer is no. 2: not understood, on
 * whatever machine.
 */
export type Status = 0 | 1 | 2;

export interface Example {
  /** As it is typed, from `polynic` on. */
  readonly line: string;
  readonly help: string;
}

export interface Command<P extends ParameterTable = ParameterTable, O extends OptionTable = OptionTable> {
  /** Paragraphs with an empty line between them; lines that begin with a space are kept as they stand. */
  readonly about?: string;
  readonly parameters: P;
  readonly options: O;
  readonly examples?: readonly Example[];
  /** What the exit statuses mean, where it is not `as wanted`, `cannot be done`, `not understood`. */
  readonly statuses?: { readonly 0?: string; readonly 1?: string; readonly 2?: string };
  run(input: Input<P, O>): Promise<Status>;
}

export interface Input<P extends ParameterTable = ParameterTable, O extends OptionTable = OptionTable> extends Output {
  readonly parameters: ParameterValues<P>;
  readonly options: OptionValues<O>;
  readonly environment: ProcessEnvironment;
  /** What the command is one of. */
  readonly commandLine: CommandLine;
}

/** Commands behind one word, as `polynic module`. */
export interface CommandGroup {
  readonly about?: string;
  readonly rows: CommandRows;
}

export interface CommandRow {
  /** What it does, in a line. */
  readonly summary: string;
  /** The heading of the overview it stands under. */
  readonly section?: string;
  load(): Promise<Command | CommandGroup>;
}

/** By name, in the order of the overview. */
export type CommandRows = Readonly<Record<string, CommandRow>>;

/** A command whose `run` knows the types of its own tables. */
export function command<const P extends ParameterTable, const O extends OptionTable>(
  definition: Command<P, O>,
): Command<P, O> {
  return definition;
}

export function isGroup(entry: Command | CommandGroup): entry is CommandGroup {
  return "rows" in entry;
}
