/**
 * `polynic install` and `polynic uninstall`: putting polynic on a node of a cluster, and taking it away again. A
 * runtime never comes here, and this folder is loaded only when a person or a DaemonSet asks for it.
 *
 * Exit status: 0 as wanted, 1 cannot be done, 2 not understood. What was done goes to stdout, errors to stderr.
 */
import { CniError } from "../../cni/index.ts";
import { writeAnswer, writeLine } from "../../program/index.ts";
import { CommandError, UsageError } from "../errors.ts";
import type { Flag } from "./flags.ts";
import { flagHelp, installFlags, uninstallFlags } from "./flags.ts";
import type { Say } from "./install.ts";
import { installCommand } from "./install.ts";
import { uninstallCommand } from "./uninstall.ts";

interface NodeCommand {
  readonly summary: string;
  readonly flags: Readonly<Record<string, Flag>>;
  run(words: readonly string[], say: Say): Promise<number>;
}

const commands: Readonly<Record<NodeCommandName, NodeCommand>> = {
  install: {
    summary:
      "puts polynic on this node: the executable, a kubeconfig, and a configuration before all others that has the " +
        "cluster's network as its default one",
    flags: installFlags,
    run: installCommand,
  },
  uninstall: {
    summary: "takes polynic off this node and gives back what was there before",
    flags: uninstallFlags, run: uninstallCommand,
  },
};

export type NodeCommandName = "install" | "uninstall";

/** Runs one of them and gives the exit status. */
export async function runNodeCommand(name: NodeCommandName, words: readonly string[]): Promise<number> {
  const { summary, flags, run } = commands[name];
  if (words.includes("--help") || words.includes("-h"))
    return writeAnswer(`polynic ${name} [FLAGS]: ${summary}\n\n${flagHelp(flags)}`) ? 0 : 1;
  try {
    return await run(words, (line) => void writeAnswer(`${line}\n`));
  } catch (error) {
    writeLine(`polynic ${name}: ${told(error)}`);
    return error instanceof UsageError ? 2 : 1;
  }
}

/** What a person can act upon is one line; anything else is our own bug, and its stack is wanted. */
function told(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isForPeople =
    error instanceof UsageError || error instanceof CommandError || error instanceof CniError || "code" in error;
  return isForPeople ? error.message : (error.stack ?? error.message);
}
