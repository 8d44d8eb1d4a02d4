// npm run build:docs: writes docs/commands.md from the tables of src/commands.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { allCommands } from "../src/commands/all.ts";
import { rows } from "../src/commands/index.ts";
import { commandsPage } from "../src/commands/page.ts";

const page = join(import.meta.dirname, "..", "docs", "commands.md");
writeFileSync(page, commandsPage(await allCommands(rows, "polynic")));
