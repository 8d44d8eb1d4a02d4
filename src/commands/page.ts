/** docs/commands.md, made of the tables that help is made of. */
import type { NamedCommand } from "./all.ts";
import type { OptionTable } from "./options.ts";
import { shownOption, synopsis } from "./options.ts";

const head = `# Commands

What people type. A container runtime sets \`CNI_COMMAND\` and types nothing. This page is made of the tables that
\`polynic COMMAND --help\` is made of: \`npm run build:docs\` writes it.

Answers go to stdout, everything else to stderr; tables have colours in a terminal only. Exit status: 0 as wanted; 1
it cannot be done here, as where nothing has the name or several things have, or the answer is no; 2 what was typed is
not understood, on whatever machine. \`--json\`, where there is one, prints one JSON document.

\`polynic install --shell\` puts completion for bash, zsh and fish and a manual page for each command where this machine
looks for them. For one shell alone \`source <(polynic completion bash)\` has bash complete commands, options, their
values, and the names of networks and containers; so does zsh and, by \`polynic completion fish | source\`, fish. \`man
polynic-attach\` is also found where the tree's \`bin\` is on \`PATH\`. Packages take both from \`dist/share\`.

`;

/** The page's text. */
export function commandsPage(commands: readonly NamedCommand[]): string {
  const list = commands.map(({ name, summary }) => `| [\`${name}\`](#${anchorOf(name)}) | ${summary} |`).join("\n");
  return `${head}| command | |\n|---|---|\n${list}\n\n${commands.map(section).join("\n")}`;
}

/** As GitHub makes them. */
function anchorOf(name: string): string {
  return name.replaceAll(" ", "-");
}

function section({ name, summary, command }: NamedCommand): string {
  const { about, parameters, options, examples = [], statuses } = command;
  const given = Object.entries(parameters).map(
    ([key, { help, value }]) => `| \`${cell(value ?? key.toUpperCase())}\` | ${cell(help)} |`,
  );
  const said = Object.entries(statuses ?? {}).map(([status, text]) => `${status} ${text}`).join(", ");
  return [
    `## ${name}`,
    "",
    `    ${synopsis(name, parameters, options)}`,
    "",
    ...paragraphs(`${summary[0]?.toUpperCase()}${summary.slice(1)}.${about === undefined ? "" : ` ${about}`}`),
    ...table([...given, ...optionRows(options)]),
    ...(said === "" ? [] : [`Exit status: ${said}.`, ""]),
    ...examples.flatMap(({ line, help }) => [`    ${line}${" ".repeat(Math.max(2, 60 - line.length))}# ${help}`]),
    ...(examples.length === 0 ? [] : [""]),
  ].join("\n");
}

/** Each in a line of its own. */
function paragraphs(text: string): readonly string[] {
  return text.split("\n\n").flatMap((one) => [one.replaceAll("\n", " "), ""]);
}

function optionRows(options: OptionTable): readonly string[] {
  return Object.entries(options).map(([key, option]) => {
    const choices = option.choices !== undefined && option.value !== undefined ? `: ${option.choices.join(", ")}` : "";
    return `| \`${cell(shownOption(key, option))}\` | ${cell(`${option.help}${choices}`)} |`;
  });
}

function table(rows: readonly string[]): readonly string[] {
  return rows.length === 0 ? [] : ["| | |", "|---|---|", ...rows, ""];
}

/** A bar would end the cell. */
function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
