/** `polynic status`: what a runtime asks with STATUS, for every network of the machine. */
import { CniError } from "../../cni/index.ts";
import { command } from "../command.ts";
import { CommandError } from "../errors.ts";
import type { ConfigurationFile } from "../machine/configuration.ts";
import { configurationFiles, findConfiguration, isReadable } from "../machine/configuration.ts";
import { confDirOption, confDirs, pluginPath, usualStateDirectory } from "../machine/directories.ts";
import { byHand, callNetwork, multiplexerOf } from "../machine/network-call.ts";
import { jsonOption } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";
import type { Cell } from "../table.ts";

export const statusCommand = command({
  about:
    "Every plugin of a network is asked whether an ADD could be served: its configuration, the links, programs and " +
    "modules that it needs. A network that cannot be read is not ready either.",
  parameters: { network: { count: "any", help: "a network's name or its file; default: all of this machine" } },
  options: { ...confDirOption, ...jsonOption },
  statuses: { 0: "all are ready", 1: "one is not" },
  async run({ parameters: { network: words }, options, environment, ...output }) {
    const directories = confDirs(options);
    const files = words.length === 0 ? configurationFiles(directories) : words.map((word) => found(word, directories));
    if (files.length === 0)
      throw new CommandError(
        `Cannot ask any network: there is no configuration in ${directories.join(" and ")}, expected a ` +
          "file there, or --conf-dir",
      );
    const states = [];
    for (const file of files) states.push(await stateOf(file, { ...output, environment }));
    if (options.json === true) output.json(states);
    else output.table({ columns, rows: states.map(rowOf) });
    return states.every(({ ready }) => ready) ? 0 : 1;
  },
});

interface NetworkState {
  readonly network: string;
  readonly file: string;
  readonly ready: boolean;
  readonly code?: number;
  readonly why?: string;
}

const columns = [{ title: "network" }, { title: "state" }, { title: "file" }, { title: "why" }] as const;

function rowOf({ network, file, ready, why = " " }: NetworkState): readonly Cell[] {
  return [network, ready ? { text: "ready", style: "green" } : { text: "not ready", style: "red" }, file, why];
}

function found(word: string, directories: readonly string[]): ConfigurationFile {
  const configuration = findConfiguration(word, directories);
  return { file: configuration.file ?? word, configuration };
}

async function stateOf(
  file: ConfigurationFile,
  caller: Output & { readonly environment: ProcessEnvironment },
): Promise<NetworkState> {
  if (!isReadable(file)) return { network: "", file: file.file, ready: false, ...problemIn(file.configuration) };
  const { configuration } = file;
  const known = { network: configuration.name, file: file.file };
  const conf = multiplexerOf(configuration, { name: byHand, stateDir: usualStateDirectory });
  try {
    await callNetwork({ verb: "STATUS", conf, path: pluginPath(caller.environment) }, caller);
    return { ...known, ready: true };
  } catch (error) {
    if (!(error instanceof CniError)) throw error;
    return { ...known, ready: false, ...problemIn(error) };
  }
}

function problemIn(problem: unknown): { readonly code?: number; readonly why: string } {
  return problem instanceof CniError ? { code: problem.code, why: problem.message } : { why: String(problem) };
}
