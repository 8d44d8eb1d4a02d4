/** Manual pages, made of the tables that help is made of; man(7) has the macros. */
import type { Command, CommandGroup, CommandRows } from "./command.ts";
import { isGroup } from "./command.ts";
import { helpOf, wrapped } from "./help.ts";
import type { Option } from "./options.ts";
import { shownParameter, shownValue } from "./options.ts";

export interface ManPage {
  /** `polynic-module-build.1` */
  readonly file: string;
  readonly text: string;
}

interface Named {
  /** `polynic module build` */
  readonly name: string;
  readonly summary: string;
}

/** A page for everything that can be typed, one for each group, and one for each command. */
export async function manPages(all: Named & CommandGroup, version: string): Promise<readonly ManPage[]> {
  const pages = [page(all, version, groupSections(all))];
  for (const [word, { summary, load }] of Object.entries(all.rows)) {
    const entry = await load(), named = { name: `${all.name} ${word}`, summary };
    if (isGroup(entry)) pages.push(...(await manPages({ ...named, ...entry }, version)));
    else pages.push(page(named, version, commandSections(named, entry)));
  }
  return pages;
}

function page({ name, summary }: Named, version: string, sections: readonly string[]): ManPage {
  const title = dashed(name);
  return {
    file: `${title}.1`,
    text: [
      `.TH "${title.toUpperCase()}" "1" "" "polynic ${version}" "polynic"`,
      section("Name", [`${escaped(title)} \\- ${escaped(summary)}`]),
      ...sections,
    ].join("\n") + "\n",
  };
}

/** As manual pages are called: `polynic-module-build`. */
function dashed(name: string): string {
  return name.replaceAll(" ", "-");
}

function section(title: string, lines: readonly string[]): string {
  return [`.SH ${title.toUpperCase()}`, ...lines].join("\n");
}

function groupSections({ name, about, rows }: Named & CommandGroup): readonly string[] {
  return [
    section("Synopsis", [`.B ${escaped(name)}`, "COMMAND"]),
    ...(about === undefined ? [] : [section("Description", paragraphs(about))]),
    section("Commands", rowsByHeading(rows)),
    section("Exit status", exitStatus({})),
    section("See also", references(Object.keys(rows).map((word) => `${name} ${word}`), name)),
  ];
}

function rowsByHeading(rows: CommandRows): readonly string[] {
  let heading = "";
  return Object.entries(rows).flatMap(([word, { summary, section: own = "" }]) => {
    const isNew = own !== heading;
    heading = own;
    return [...(isNew ? [`.SS ${escaped(own)}`] : []), ".TP", `.B ${escaped(word)}`, ...prose(summary)];
  });
}

function commandSections({ name, summary }: Named, command: Command): readonly string[] {
  const { parameters, options, about, examples = [], statuses = {} } = command;
  const given = Object.entries(parameters);
  const usual = Object.entries(options);
  const words = [
    ...(usual.length === 0 ? [] : ["[OPTION...]"]),
    ...given.map(([key, one]) => shownParameter(key, one)),
  ];
  return [
    section("Synopsis", [`.B ${escaped(name)}`, ...(words.length === 0 ? [] : [escaped(words.join(" "))])]),
    section("Description", [
      ...prose(`${summary[0]?.toUpperCase()}${summary.slice(1)}.`),
      ...(about === undefined ? [] : [".PP", ...paragraphs(about)]),
      ...given.flatMap(([key, one]) => [".TP", `.I ${escaped(one.value ?? key.toUpperCase())}`, ...prose(helpOf(one))]),
    ]),
    ...(usual.length === 0 ? [] : [section("Options", usual.flatMap(([key, option]) => optionLines(key, option)))]),
    section("Exit status", exitStatus(statuses)),
    ...(examples.length === 0 ? [] : [section("Examples", examples.flatMap(({ line, help }) =>
      [".TP", `.B ${escaped(line)}`, ...prose(help)]))]),
    section("See also", references([], name)),
  ];
}

function optionLines(key: string, option: Option): readonly string[] {
  const names = [...(option.short === undefined ? [] : [`-${option.short}`]), `--${key}`];
  const value = shownValue(key, option);
  const shown = names.map((name) => `\\fB${escaped(name)}\\fR`).join(", ");
  return [".TP", `${shown}${value === "" ? "" : ` \\fI${escaped(value)}\\fR`}`, ...prose(helpOf(option))];
}

function exitStatus(statuses: NonNullable<Command["statuses"]>): readonly string[] {
  const rows = [statuses[0] ?? "as wanted", statuses[1] ?? "cannot be done", statuses[2] ?? "not understood"];
  return rows.flatMap((text, status) => [".TP", `.B ${status}`, ...prose(text)]);
}

/** The page above, and those below. */
function references(names: readonly string[], name: string): readonly string[] {
  const above = name.split(" ").slice(0, -1).join(" ");
  const all = [...(above === "" ? [] : [above]), ...names];
  return all.map((one, index) => `.BR ${escaped(dashed(one))} (1)${index + 1 < all.length ? "," : ""}`);
}

function paragraphs(about: string): readonly string[] {
  return about.split("\n\n").flatMap((text, index) => [
    ...(index === 0 ? [] : [".PP"]),
    ...(text.startsWith(" ") ? [".nf", ...text.split("\n").map(escaped), ".fi"] : prose(text.replaceAll("\n", " "))),
  ]);
}

/** Lines of roff are short, whatever the page's width will be. */
const sourceColumns = 72;

function prose(text: string): readonly string[] {
  return wrapped(text, sourceColumns).map(escaped);
}

/** As roff prints it: a backslash and a dash would mean something else, and a dot or quote that begins a line, too. */
function escaped(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-").replace(/^(?=[.'])/, "\\&");
}
