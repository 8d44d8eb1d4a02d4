/**
 * The executable. It is whatever it was invoked as, a name it gets as its first argument: a plugin of that name, or the
 * multiplexer. It reads the call, has it served, prints one JSON document and exits.
 */
import { toCniError } from "../call/index.ts";
import { CniError, allVersions, code, newestVersion, printAbout, printError } from "../cni/index.ts";
import { isCommand, runCommand } from "../commands/index.ts";
import { exitProcess } from "../os/index.ts";
import type { Plugin } from "../plugins/index.ts";
import { builtIn } from "../plugins/index.ts";
import { multiplexerNames, readStdin, writeAnswer, writeError, writeLine, version } from "../program/index.ts";
import { serve } from "../service/index.ts";

const name = process.argv[2] ?? multiplexerNames[0];
const words = process.argv.slice(3);

if ((process.env["CNI_COMMAND"] ?? "") === "") answerPerson();
else void answerRuntime().then(({ status, stdout }) => end(status, stdout));

async function answerRuntime(): ReturnType<typeof serve> {
  const call = { name, env: process.env, get stdin() { return readStdin(); } };
  return await serve(call, { tell: writeError, unanswered: unanswered() });
}

/**
 * Rejects when something was thrown where nobody waits for it, and when nothing is under way any more though there is
 * no answer: something that was waited for never came to an end. Without an answer a runtime would take the container
 * for attached.
 */
function unanswered(): Promise<never> {
  return new Promise((_, reject) => {
    process.once("uncaughtException", reject);
    process.once("beforeExit", () => reject(new Error("Cannot answer: what was waited for did not come to an end")));
  });
}

/** Without CNI_COMMAND it is a person who asks. */
function answerPerson(): void {
  const [argument] = words;
  const isMultiplexer = multiplexerNames.some((one) => one === name);
  if (isMultiplexer && isCommand(argument)) {
    void runCommand(argument, words.slice(1)).then((status) => process.exit(status), fail);
    return;
  }
  try {
    const plugin = builtIn.get(name);
    if (plugin === undefined && !isMultiplexer) throw new CniError(code.invalidEnvironment, unknownName());
    end(0, tellAbout(plugin, argument));
  } catch (error) {
    fail(error);
  }
}

function fail(thrown: unknown): never {
  end(1, printError(toCniError(thrown), newestVersion));
}

function unknownName(): string {
  return `Cannot act as "${name}": expected to be invoked as ${[...multiplexerNames, ...builtIn.keys()].join(", ")}`;
}

/** Plugins answer on stderr, as the reference's do; so do we where runtimes may look. */
function tellAbout(plugin: Plugin | undefined, argument: string | undefined): string {
  const about = printAbout(
    plugin === undefined
      ? `polynic ${version}: attaches a container to several networks`
      : `CNI ${plugin.type} plugin polynic ${version}`,
    plugin?.versions ?? allVersions,
  );
  switch (argument) {
    case undefined:
      writeLine(about.trimEnd());
      return "";
    case "--version": case "-v": return about;
    case "--help": case "-h": return `${about}${usage()}`;
  }
  throw new CniError(
    code.invalidEnvironment,
    `Cannot understand argument "${argument}": expected --version, --help, module, lint, install or uninstall; a ` +
      "runtime sets CNI_COMMAND and gives no arguments",
  );
}

function usage(): string {
  return `
A CNI plugin, run by a container runtime with CNI_COMMAND set and its configuration on stdin.
Invoked as ${multiplexerNames.join(" or ")} it attaches a container to the networks of its configuration,
invoked as ${[...builtIn.keys()].join(", ")} it is that plugin.

polynic module helps to write, try and install WASM modules.
polynic lint checks networks, pods and CNI configurations before they are put anywhere.
polynic install puts polynic on a node of a Kubernetes cluster, polynic uninstall takes it away.
`;
}

/** Leaving at once is quicker than letting the event loop run dry. */
function end(status: number, text: string): never {
  if (text !== "" && !writeAnswer(text)) end(1, "");
  exitProcess(status);
}
