/**
 * `polynic module`: the commands of who writes, tries and installs WASM modules. A runtime never comes here, and this
 * folder is loaded only when a person asks for it. One file a command.
 *
 * Exit status: 0 as wanted, 1 cannot be done or a check failed, 2 not understood. Answers go to stdout, errors to
 * stderr.
 */
import { CniError } from "../../cni/index.ts";
import { writeAnswer, writeLine } from "../../program/index.ts";
import { typedArguments } from "../arguments.ts";
import { UsageError } from "../errors.ts";
import { benchCommand } from "./bench.ts";
import { buildCommand } from "./build.ts";
import type { Command, CommandInput } from "./command.ts";
import { optionsOf } from "./command.ts";
import { isForPeople } from "./errors.ts";
import { inspectCommand } from "./inspect.ts";
import { installCommand } from "./install.ts";
import { listCommand } from "./list.ts";
import { newCommand } from "./new.ts";
import { removeCommand } from "./remove.ts";
import { runCommand } from "./run.ts";
import { testCommand } from "./test.ts";
import { verifyCommand } from "./verify.ts";

const commands: ReadonlyMap<string, Command> = new Map([
  ["new", newCommand],
  ["build", buildCommand],
  ["test", testCommand],
  ["run", runCommand],
  ["inspect", inspectCommand],
  ["bench", benchCommand],
  ["install", installCommand],
  ["remove", removeCommand],
  ["list", listCommand],
  ["verify", verifyCommand],
]);

/** Runs what stands behind `polynic module` and gives the exit status. */
export async function runModuleCommand(words: readonly string[]): Promise<number> {
  const [name, ...rest] = words;
  try {
    if (name === undefined || name === "help" || name === "--help" || name === "-h") {
      if (name !== undefined) return writeAnswer(overview()) ? 0 : 1;
      writeLine(overview().trimEnd());
      return 2;
    }
    const command = commands.get(name);
    if (command === undefined)
      throw new UsageError(`Cannot understand "${name}": expected ${[...commands.keys()].join(", ")}`);
    if (rest.includes("--help") || rest.includes("-h")) {
      return writeAnswer(help(name, command)) ? 0 : 1;
    }
    return await command.run(inputOf(name, command, rest));
  } catch (error) {
    return tell(name ?? "", error);
  }
}

function inputOf(name: string, command: Command, words: readonly string[]): CommandInput {
  const { options } = command;
  const { values, positionals } = typedArguments(
    { args: [...words], options, allowPositionals: true, strict: true },
    `expected polynic module ${name} ${command.usage}`,
  );
  const [fewest, most] = command.arguments;
  if (positionals.length < fewest || positionals.length > most)
    throw new UsageError(
      `Cannot understand ${positionals.length} arguments: expected polynic module ${name} ${command.usage}`,
    );
  return { arguments: positionals, options: optionsOf(values), say: (line) => void writeAnswer(`${line}\n`) };
}

/** Errors a person can act upon are one line; anything else is our own bug, and its stack is wanted. */
function tell(name: string, error: unknown): number {
  const text = !(error instanceof Error)
    ? String(error)
    : isForPeople(error)
      ? error.message
      : (error.stack ?? error.message);
  const number = error instanceof CniError ? ` (code ${error.code})` : "";
  writeLine(`polynic module ${name}: ${text}${number}`);
  return error instanceof UsageError ? 2 : 1;
}

function overview(): string {
  const names = [...commands].map(([name, { summary }]) => `  ${name.padEnd(8)}  ${summary}\n`);
  return `polynic module COMMAND: write, try and install WASM modules\n\n${names.join("")}\npolynic module COMMAND ` +
    `--help tells more\n`;
}

function help(name: string, { usage, summary }: Command): string {
  return `polynic module ${name} ${usage}\n\n${summary}\n`;
}
