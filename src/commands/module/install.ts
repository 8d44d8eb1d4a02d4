import { existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { builtIn } from "../../plugins/index.ts";
import { moduleDirectory } from "../../program/index.ts";
import { installModule, sha256Hex } from "../../wasm/index.ts";
import { CommandError } from "../errors.ts";
import type { Command } from "./command.ts";
import { directoryOf, directoryOption } from "./directory.ts";
import { shown } from "./folder.ts";
import { readModuleFile } from "./module-file.ts";
import { oneAtATime } from "./one-at-a-time.ts";

const defaultPluginPath = "/opt/cni/bin";

export const installCommand: Command = {
  usage: "FILE [--dir DIRECTORY] [--sha256 DIGEST]",
  summary: "verifies a module, copies it into the module directory and pins its digest",
  options: { ...directoryOption, sha256: { type: "string" } },
  arguments: [1, 1],
  async run(input) {
    const { arguments: [path = ""], options, say } = input;
    const directory = directoryOf(input);
    const bytes = readModuleFile(path);
    const sha256 = sha256Hex(bytes),
      wanted = options.text("sha256");
    if (wanted !== undefined && wanted !== sha256)
      throw new CommandError(`Cannot install ${shown(path)}: its sha256 is ${sha256}, expected ${wanted}`);
    const entry = await installModule({ directory, bytes, whyTaken, exclusively: oneAtATime() });
    say(`installed  ${join(directory, `${entry.name}.wasm`)}`);
    say(`version    ${entry.version} (${entry.kind})`);
    say(`sha256     ${entry.sha256}`);
    say(`use        ${use(entry.kind, entry.name, directory)}`);
    return 0;
  },
};

/**
 * A conf's `type` finds built-in plugins first, then modules, then executables: nobody's name may change its meaning.
 */
function whyTaken(name: string): string | undefined {
  if (builtIn.has(name) || existsSync(join(moduleDirectory, `${name}.wasm`)))
    return "that is the name of what is built in";
  const directories = (process.env["CNI_PATH"] ?? defaultPluginPath)
    .split(delimiter)
    .filter((directory) => directory !== "");
  const executable = directories.map((directory) => join(directory, name)).find(isExecutable);
  return executable === undefined ? undefined : `${executable} has that name`;
}

function isExecutable(path: string): boolean {
  const facts = statSync(path, { throwIfNoEntry: false });
  return facts !== undefined && facts.isFile() && (facts.mode & 0o111) !== 0;
}

function use(kind: string, name: string, directory: string): string {
  if (kind === "ipam") return `"ipam": ${JSON.stringify({ type: name, ranges: [[{ subnet: "10.0.0.0/24" }]] })}`;
  return kind === "policy" ? `{ "type": "${name}" } among a network's plugins` : `by name from ${directory}`;
}
