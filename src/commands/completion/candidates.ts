/** What may stand for the last of some words, as the tables of commands have it. */
import type { Command, CommandGroup, CommandLine } from "../command.ts";
import { isGroup } from "../command.ts";
import type { Completion, Option, OptionTable, Parameter } from "../options.ts";
import type { ProcessEnvironment } from "../output.ts";
import { isRepeated } from "../words.ts";
import { containerNames, networkNames } from "./names.ts";

export interface Candidate {
  /** Empty: files or directories, as `help` says. */
  readonly text: string;
  readonly help: string;
}

/** @param words  behind `polynic`; the last one is the one that is being typed */
export async function candidates(
  { rows, aliases }: CommandLine,
  words: readonly string[],
  environment: ProcessEnvironment,
): Promise<readonly Candidate[]> {
  const last = words.at(-1) ?? "";
  let entry: Command | CommandGroup | undefined = { rows }, rest = words.slice(0, -1);
  while (entry !== undefined && isGroup(entry) && rest.length > 0) {
    const [word = "", ...others] = rest, known: string = (entry.rows === rows ? aliases[word] : undefined) ?? word;
    // `help` may stand before a command.
    if (word !== "help") entry = Object.hasOwn(entry.rows, known) ? await entry.rows[known]?.load() : undefined;
    rest = others;
  }
  if (entry === undefined) return [];
  if (isGroup(entry)) return Object.entries(entry.rows).map(([text, { summary }]) => ({ text, help: summary }));
  return await behindCommand(entry, { before: rest, last, environment });
}

interface Place {
  /** Words between the command's name and the last one. */
  readonly before: readonly string[];
  readonly last: string;
  readonly environment: ProcessEnvironment;
}

async function behindCommand({ parameters, options }: Command, place: Place): Promise<readonly Candidate[]> {
  const { last, environment } = place, { open, others, given, isOver } = takenApart(options, place.before);
  if (open !== undefined) return await valuesOf(open, environment);
  const [, name = "", equals] = (isOver ? null : /^--([^=]*)(=)?/s.exec(last)) ?? [];
  if (equals !== undefined) {
    const option = Object.hasOwn(options, name) ? options[name] : undefined;
    if (option === undefined) return [];
    const values = option.kind === "switch" ? truths : await valuesOf(option, environment);
    return values.map(({ text, help }) => ({ text: text === "" ? "" : `--${name}=${text}`, help }));
  }
  const parameter = parameterAt(Object.values(parameters), others);
  if (!isOver && (last.startsWith("-") || parameter === undefined)) return optionsLeft(options, given);
  return parameter === undefined ? [] : await valuesOf(parameter, environment);
}

const truths: readonly Candidate[] = [{ text: "true", help: "" }, { text: "false", help: "" }];

interface TakenApart {
  /** The option whose value comes next. */
  readonly open: Option | undefined;
  /** How many words are no option. */
  readonly others: number;
  readonly given: ReadonlySet<string>;
  /** No option follows any more. */
  readonly isOver: boolean;
}

/** As readWords does, of words that may be wrong. */
function takenApart(table: OptionTable, words: readonly string[]): TakenApart {
  const given = new Set<string>();
  let open: Option | undefined, others = 0;
  for (const [index, word] of words.entries()) {
    if (open !== undefined) open = undefined;
    else if (word === "--") return { open, others: others + words.length - index - 1, given, isOver: true };
    else if (!word.startsWith("-") || word === "-") others++;
    else {
      const [, long, letter, value] = /^(?:--([^=]+)|-(.))(.*)$/s.exec(word) ?? [];
      const name = long ?? Object.keys(table).find((key) => table[key]?.short === letter) ?? "";
      const option = Object.hasOwn(table, name) ? table[name] : undefined;
      given.add(name);
      open = option?.kind === "switch" || value !== "" ? undefined : option;
    }
  }
  return { open, others, given, isOver: false };
}

/** The parameter that the next word would be; the last one may take all that follow. */
function parameterAt(parameters: readonly Parameter[], index: number): Parameter | undefined {
  const last = parameters.at(-1);
  return parameters[index] ?? (last !== undefined && isRepeated(last) ? last : undefined);
}

/** Those that are not given yet, or may be repeated. */
function optionsLeft(table: OptionTable, given: ReadonlySet<string>): readonly Candidate[] {
  const left = Object.entries(table).filter(([name, { kind }]) => kind === "texts" || !given.has(name));
  return [
    ...left.map(([name, { help }]) => ({ text: `--${name}`, help })),
    { text: "--help", help: "tell more" },
  ];
}

async function valuesOf(of: Option | Parameter, environment: ProcessEnvironment): Promise<readonly Candidate[]> {
  if (of.choices !== undefined) return of.choices.map((text) => ({ text, help: "" }));
  const completes = of.completes ?? byName[of.value ?? ""];
  if (completes === undefined) return [];
  switch (completes) {
    case "file": case "directory": return [{ text: "", help: completes }];
    case "network": return [...networkNames(), { text: "", help: "file" }];
    case "container": return await containerNames(environment);
  }
}

/** What a value is called says enough. */
const byName: Readonly<Record<string, Completion>> = { FILE: "file", DIR: "directory", DIRECTORY: "directory" };
