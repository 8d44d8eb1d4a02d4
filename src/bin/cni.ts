/**
 * The executable. It is whatever it was invoked as, a name it gets as its first argument: a plugin of that name, or the
 * multiplexer. It reads the call, has it served, prints one JSON document and exits.
 */
import { toCniError } from "../call/index.ts";
import {
  CniError,
  allVersions,
  code,
  newestVersion,
  parseEnvironment,
  parsePluginRequest,
  printAbout,
  printError,
  printVersions,
} from "../cni/index.ts";
import { isCommand, runCommand } from "../commands/index.ts";
import { exitProcess } from "../os/index.ts";
import type { Plugin } from "../plugins/index.ts";
import { builtIn } from "../plugins/index.ts";
import { multiplexerNames, readStdin, writeAnswer, writeLine, version } from "../program/index.ts";
import { checkedCall, runMultiplexer, runPlugin } from "../service/index.ts";

const invokedAs = process.argv[2] ?? multiplexerNames[0];
const [argument] = process.argv.slice(3);

/** The configuration's, once it has been read; an error says which version it is an error of. */
let cniVersion: string = newestVersion;

main().then(
  (text) => end(0, text),
  (thrown: unknown) => {
    const error = toCniError(thrown);
    if (error.code === code.internal) writeLine(stackOf(error));
    end(1, printError(error, cniVersion));
  },
);

async function main(): Promise<string> {
  const isMultiplexer = multiplexerNames.some((name) => name === invokedAs);
  const plugin = builtIn.get(invokedAs);
  if (plugin === undefined && !isMultiplexer) {
    throw new CniError(
      code.invalidEnvironment,
      `Cannot act as "${invokedAs}": expected to be invoked as ${[...multiplexerNames, ...builtIn.keys()].join(", ")}`,
    );
  }
  const versions = plugin?.versions ?? allVersions;
  if ((process.env["CNI_COMMAND"] ?? "") === "") {
    if (isMultiplexer && isCommand(argument)) process.exit(await runCommand(argument, process.argv.slice(4)));
    return tellAbout(plugin, versions);
  }
  const environment = parseEnvironment(process.env);
  if (environment.command === "VERSION") return printVersions(versions);
  const input = parsePluginRequest(readStdin());
  cniVersion = input.conf.cniVersion;
  const call = checkedCall(environment, input, versions);
  return plugin === undefined ? await runMultiplexer(invokedAs, call) : await runPlugin(plugin, call);
}

/**
 * Without CNI_COMMAND it is a person who asks. Plugins answer on stderr, as the reference's do; so do we where runtimes
 * may look.
 */
function tellAbout(plugin: Plugin | undefined, versions: readonly string[]): string {
  const about = printAbout(
    plugin === undefined
      ? `polynic ${version}: attaches a container to several networks`
      : `CNI ${plugin.type} plugin polynic ${version}`,
    versions,
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

/** A bug of our own: where it is, for whoever has to find it. */
function stackOf(error: Error): string {
  const { cause } = error;
  return (cause instanceof Error ? cause.stack : error.stack) ?? error.message;
}

/** Leaving at once is quicker than letting the event loop run dry. */
function end(status: number, text: string): never {
  if (text !== "" && !writeAnswer(text)) end(1, "");
  exitProcess(status);
}
