import { cpSync, existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { sdkDirectory, templateDirectory } from "../../program/index.ts";
import { command } from "../command.ts";
import { CommandError, UsageError } from "../errors.ts";

const kinds = ["ipam", "merge", "policy"] as const;
const moduleName = /^[a-z0-9][a-z0-9-]{0,62}$/;

/** What stands for the module's name and for the SDK's directory in a template. */
const namePlaceholder = "@NAME@";
const sdkPlaceholder = "@SDK@";

export const newCommand = command({
  parameters: { name: { count: "one", help: "of the module, or a path that ends in it" } },
  options: { kind: { kind: "text", choices: kinds, help: "what the module decides; default: ipam" } },
  examples: [{ line: "polynic module new sticky-pods", help: "an ipam module, with cases that hold" }],
  async run({ parameters: { name: path }, options: { kind = "ipam" }, say }) {
    const folder = resolve(path), name = basename(folder);
    if (!moduleName.test(name))
      throw new UsageError(
        `Cannot use name "${name}": expected lower-case letters, digits and dashes, as in "sticky-pods"`,
      );
    if (existsSync(folder) && readdirSync(folder).length > 0)
      throw new CommandError(`Cannot make ${folder}: it is there and not empty, expected a new name`);
    cpSync(join(templateDirectory, kind), folder, { recursive: true });
    for (const file of filesIn(folder)) fillIn(file, name);
    for (const file of filesIn(folder)) say(`made  ${relative(process.cwd(), file) || file}`);
    say("");
    say(`next  cd ${path} && polynic module build && polynic module test`);
    return 0;
  },
});

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name)).sort();
}

function fillIn(file: string, name: string): void {
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.replaceAll(namePlaceholder, name).replaceAll(sdkPlaceholder, sdkDirectory));
}
