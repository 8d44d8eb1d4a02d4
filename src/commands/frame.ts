/**
 * The frame of everything people type: finds the command, reads its words, runs it, and tells what went wrong, in
 * words and by the exit status. A runtime never comes here.
 */
import type { Command, CommandGroup, CommandLine, CommandRows, Status } from "./command.ts";
import { isGroup } from "./command.ts";
import { UsageError, toldError } from "./errors.ts";
import type { Entry } from "./help.ts";
import { helpLines, overviewLines } from "./help.ts";
import { meantCommand } from "./nearest.ts";
import type { OptionValues, ParameterValues } from "./options.ts";
import type { Output, ProcessEnvironment, Streams } from "./output.ts";
import { ClosedOutput, outputOn, processStreams } from "./output.ts";
import { asksForHelp, readWords } from "./words.ts";

export interface Typed {
  readonly words: readonly string[];
  readonly environment: ProcessEnvironment;
  readonly streams?: Streams;
}

/** Runs what was typed and returns the exit status; whatever happens has been told by then. */
export async function runTyped(
  line: CommandLine,
  { words, environment, streams = processStreams() }: Typed,
): Promise<Status> {
  const output = outputOn(streams, environment);
  const [first = "", ...rest] = words;
  const known = Object.hasOwn(line.aliases, first) ? [line.aliases[first] ?? first, ...rest] : words;
  const found: Finding = { name: line.name };
  try {
    return await runFound(await find(line, known, found), { output, environment, commandLine: line });
  } catch (error) {
    if (error instanceof ClosedOutput) return 1;
    return tell(error, found.name, output);
  }
}

/** How far the words have led, for what is told of an error. */
interface Finding {
  name: string;
}

interface Found {
  readonly entry: Entry;
  /** What follows the command's name. */
  readonly words: readonly string[];
  readonly wantsHelp: boolean;
}

/** `help` may stand before a command, and `--help` behind it. */
async function find(line: CommandLine, words: readonly string[], found: Finding): Promise<Found> {
  let entry: Entry = { name: line.name, summary: line.summary, entry: { rows: line.rows } };
  let rest = words, wantsHelp = false;
  while (isGroup(entry.entry) && rest.length > 0) {
    const [word = "", ...others] = rest;
    if (isHelp(word)) wantsHelp = true;
    else {
      const row = rowOf(entry.name, entry.entry, word);
      entry = { name: `${entry.name} ${word}`, summary: row.summary, entry: await row.load() };
      found.name = entry.name;
    }
    rest = others;
  }
  return { entry, words: rest, wantsHelp: wantsHelp || asksForHelp(rest) };
}

function isHelp(word: string): boolean {
  return word === "help" || word === "--help" || word === "-h";
}

function rowOf(name: string, { rows }: CommandGroup, word: string): CommandRows[string] {
  const row = Object.hasOwn(rows, word) ? rows[word] : undefined;
  if (row !== undefined) return row;
  const what = word.startsWith("-") ? "option before a command" : "command";
  const meant = meantCommand(word, Object.keys(rows));
  throw new UsageError(
    `Cannot understand "${word}": there is no such ${what}, expected ` +
      (meant === undefined ? `one of those that ${name} help lists` : `${name} ${meant}`),
  );
}

interface Surroundings {
  readonly output: Output;
  readonly environment: ProcessEnvironment;
  readonly commandLine: CommandLine;
}

async function runFound(
  { entry: found, words, wantsHelp }: Found,
  { output, environment, commandLine }: Surroundings,
): Promise<Status> {
  const { name, entry } = found;
  if (wantsHelp) {
    for (const line of helpLines(found, output)) output.say(line);
    return 0;
  }
  if (isGroup(entry)) {
    for (const line of overviewLines({ ...found, rows: entry.rows }, output)) output.warn(line);
    return 2;
  }
  const { parameters, options } = readWords(name, entry, words);
  return await entry.run({
    ...output,
    environment, commandLine,
    // What readWords gives has the shape that the command's own tables say.
    parameters: parameters as ParameterValues<Command["parameters"]>,
    options: options as OptionValues<Command["options"]>,
  });
}

function tell(error: unknown, name: string, { warn }: Output): Status {
  const isUsage = error instanceof UsageError;
  warn(`${name}: ${toldError(error)}`);
  if (isUsage) warn(`${name} --help tells more`);
  return isUsage ? 2 : 1;
}
