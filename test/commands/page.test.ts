// docs/commands.md says what the tables of the commands say, and of every command.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { allCommands } from "../../src/commands/all.ts";
import { rows } from "../../src/commands/index.ts";
import { commandsPage } from "../../src/commands/page.ts";

const page = suite("docs/commands.md");

page("is what npm run build:docs writes", async () => {
  const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", "commands.md"), "utf8");
  assert.is(text, commandsPage(await allCommands(rows, "polynic")));
});

page("has every command, its options and what its exit status means", async () => {
  const commands = await allCommands(rows, "polynic");
  const text = commandsPage(commands);
  assert.ok(commands.length >= 18, `${commands.length}`);
  for (const { name, command } of commands) {
    const [, section = ""] = text.split(`\n## ${name}\n`);
    const own = section.split("\n## ")[0] ?? "";
    for (const option of Object.keys(command.options)) assert.ok(own.includes(`--${option}`), `${name} --${option}`);
    for (const meaning of Object.values(command.statuses ?? {})) assert.ok(own.includes(meaning), `${name}: ${meaning}`);
  }
});

page("has paragraphs where help has them, and rows of two cells each", async () => {
  const text = commandsPage(await allCommands(rows, "polynic"));
  assert.match(text, /several have the name\.\n\nNETWORK is the name/);
  for (const row of text.split("\n").filter((line) => line.startsWith("| ")))
    assert.is(row.replaceAll("\\|", "").split("|").length, 4, row);
});

page.run();
