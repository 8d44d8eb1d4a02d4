import { existsSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { builtIn } from "../../plugins/index.ts";
import { moduleDirectory } from "../../program/index.ts";
import { installModule, sha256Hex } from "../../wasm/index.ts";
import { command } from "../command.ts";
import { CommandError } from "../errors.ts";
import { jsonOption } from "../options.ts";
import { directoryOf, directoryOption } from "./directory.ts";
import { shown } from "./folder.ts";
import { readModuleFile } from "./module-file.ts";
import { oneAtATime } from "./one-at-a-time.ts";

const defaultPluginPath = "/opt/cni/bin";

export const installCommand = command({
  parameters: { file: { count: "one", help: "a .wasm file", completes: "file" } },
  options: {
    ...directoryOption,
    sha256: { kind: "text", value: "DIGEST", help: "refuse a file that has another one" },
    ...jsonOption,
  },
  async run({ parameters: { file }, options, environment, say, json }) {
    const directory = directoryOf(options);
    const bytes = readModuleFile(file);
    const sha256 = sha256Hex(bytes), { sha256: wanted } = options;
    if (wanted !== undefined && wanted !== sha256)
      throw new CommandError(`Cannot install ${shown(file)}: its sha256 is ${sha256}, expected ${wanted}`);
    const whyTaken = (name: string) => whyNameIsTaken(name, environment["CNI_PATH"] ?? defaultPluginPath);
    const entry = await installModule({ directory, bytes, whyTaken, exclusively: oneAtATime() });
    if (options.json === true) {
      json({ ...entry, file: join(directory, `${entry.name}.wasm`) });
      return 0;
    }
    say(`installed  ${join(directory, `${entry.name}.wasm`)}`);
    say(`version    ${entry.version} (${entry.kind})`);
    say(`sha256     ${entry.sha256}`);
    say(`use        ${use(entry.kind, entry.name, directory)}`);
    return 0;
  },
});

/**
 * A conf's `type` finds built-in plugins first, then modules, then executables: nobody's name may change its meaning.
 */
function whyNameIsTaken(name: string, pluginPath: string): string | undefined {
  if (builtIn.has(name) || existsSync(join(moduleDirectory, `${name}.wasm`)))
    return "that is the name of what is built in";
  const directories = pluginPath.split(delimiter).filter((directory) => directory !== "");
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
