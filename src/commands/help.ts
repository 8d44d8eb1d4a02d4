/** What a person reads when asking for help: made of the tables, so that it cannot say anything else than they do. */
import type { Command, CommandGroup, CommandRows, Example } from "./command.ts";
import { isGroup } from "./command.ts";
import type { Option, Parameter } from "./options.ts";
import { shownOption, synopsis } from "./options.ts";
import type { Style } from "./style.ts";

export interface Page {
  readonly columns: number;
  readonly style: Style;
}

export interface Entry {
  /** `polynic module build` */
  readonly name: string;
  readonly summary: string;
  readonly entry: Command | CommandGroup;
}

/** One command, or a group with what is in it. */
export function helpLines({ name, summary, entry }: Entry, page: Page): readonly string[] {
  return isGroup(entry)
    ? [...overviewLines({ name, summary, rows: entry.rows }, page), ...aboutLines(entry.about, page)]
    : commandLines({ name, summary, entry }, page);
}

/** Names of commands, each with what it does. */
export function overviewLines(
  { name, summary, rows }: { readonly name: string; readonly summary: string; readonly rows: CommandRows },
  page: Page,
): readonly string[] {
  const entries = Object.entries(rows);
  const sections = [...new Set(entries.map(([, { section = "" }]) => section))];
  const width = Math.max(...entries.map(([word]) => word.length));
  return [
    `${page.style.bold(`${name} COMMAND`)}: ${summary}`,
    ...sections.flatMap((wanted) => [
      "",
      ...(wanted === "" ? [] : [page.style.bold(`${wanted}:`)]),
      ...entries
        .filter(([, { section = "" }]) => section === wanted)
        .flatMap(([word, row]) => listed(word, row.summary, width, page)),
    ]),
    "",
    `${name} COMMAND --help tells more`,
  ];
}

function commandLines(
  { name, summary, entry }: Entry & { readonly entry: Command },
  page: Page,
): readonly string[] {
  const { parameters, options, about, examples = [], statuses } = entry;
  const given = Object.entries(parameters).map(
    ([key, parameter]) => [parameter.value ?? key.toUpperCase(), helpOf(parameter)] as const,
  );
  return [
    page.style.bold(synopsis(name, parameters, options)),
    "",
    ...wrapped(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`, page.columns),
    ...aboutLines(about, page),
    ...block("", given, page),
    ...optionBlocks(options, page),
    ...exampleLines(examples, page),
    "",
    ...wrapped(
      `Exit status: 0 ${statuses?.[0] ?? "as wanted"}, 1 ${statuses?.[1] ?? "cannot be done"}, 2 ` +
        `${statuses?.[2] ?? "not understood"}`,
      page.columns,
    ),
  ];
}

function exampleLines(examples: readonly Example[], { columns, style }: Page): readonly string[] {
  if (examples.length === 0) return [];
  const told = examples.flatMap(({ line, help }) => [
    `  ${line}`,
    ...wrapped(help, columns - 6).map((text) => `      ${text}`),
  ]);
  return ["", style.bold("Examples:"), ...told];
}

function optionBlocks(options: Command["options"], page: Page): readonly string[] {
  const entries = Object.entries(options);
  const sections = [...new Set(entries.map(([, { section = "Options" }]) => section))];
  return sections.flatMap((wanted) => {
    const rows = entries.filter(([, { section = "Options" }]) => section === wanted);
    return block(`${wanted}:`, rows.map(([key, option]) => [shownOption(key, option), helpOf(option)] as const), page);
  });
}

/** What an option or a parameter means, with what may be said for it. */
export function helpOf({ help, choices, value }: Option | Parameter): string {
  return choices === undefined || value === undefined ? help : `${help}: ${choices.join(", ")}`;
}

/** Left sides wider than this have their help on the next line. */
const widest = 30;

function block(title: string, rows: readonly (readonly [string, string])[], page: Page): readonly string[] {
  if (rows.length === 0) return [];
  const width = Math.min(widest, Math.max(...rows.map(([left]) => left.length)));
  return [
    "",
    ...(title === "" ? [] : [page.style.bold(title)]),
    ...rows.flatMap(([left, right]) => listed(left, right, width, page)),
  ];
}

function listed(left: string, right: string, width: number, { columns }: Page): readonly string[] {
  const indent = " ".repeat(width + 4);
  const lines = wrapped(right, Math.max(columns - indent.length, widest));
  const [first = "", ...rest] = lines;
  const head = left.length > width ? [`  ${left}`, `${indent}${first}`] : [`  ${left.padEnd(width)}  ${first}`];
  return [...head, ...rest.map((line) => `${indent}${line}`)].map((line) => line.trimEnd());
}

function aboutLines(about: string | undefined, { columns }: Page): readonly string[] {
  if (about === undefined) return [];
  return about.split("\n\n").flatMap((text) => [
    "",
    ...(text.startsWith(" ") ? text.split("\n") : wrapped(text.replaceAll("\n", " "), columns)),
  ]);
}

/** Lines of at most so many characters, unless a word is longer. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > columns) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}
