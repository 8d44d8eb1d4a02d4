/**
 * The executable. It is whatever it was invoked as, a name it gets as its first argument: a plugin of that name, or the
 * multiplexer. It reads the call, has it served, prints one JSON document and exits.
 */
import { CniError, allVersions, code, messageOf, newestVersion, printAbout, printError } from "../cni/index.ts";
import { runWords } from "../commands/index.ts";
import { cancelAlarm, exitProcess } from "../os/index.ts";
import type { Plugin } from "../plugins/index.ts";
import { builtIn } from "../plugins/index.ts";
import {
  aboutPolynic,
  multiplexerNames,
  readStdin,
  version,
  writeAnswer,
  writeError,
  writeLine,
} from "../program/index.ts";
import { serve } from "../service/index.ts";

// The shim's, for a runtime that cannot start, see shim/shim.c.
cancelAlarm();

const name = process.argv[2] ?? multiplexerNames[0];
const words = process.argv.slice(3);

const daemonWords = dhcpDaemonWords();

if (daemonWords !== undefined) runForPerson(daemonWords);
else if ((process.env["CNI_COMMAND"] ?? "") === "") answerPerson();
else void answerRuntime();

/** An ADD whose answer nobody takes has failed, and what fails leaves nothing: it is deleted again. */
async function answerRuntime(): Promise<never> {
  let text: string | undefined;
  const call = { name, env: process.env, get stdin() { return (text ??= readStdin()); } };
  const options = { tell: writeError, unanswered: unanswered() };
  const { status, stdout } = await serve(call, options);
  if (stdout === "" || writeAnswer(stdout)) exitProcess(status);
  if (status === 0 && process.env["CNI_COMMAND"] === "ADD")
    await serve({ name, env: { ...process.env, CNI_COMMAND: "DEL" }, stdin: call.stdin }, options);
  exitProcess(1);
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

/** Without CNI_COMMAND it is a person who asks, in words; a plugin takes none, as the reference's do not. */
function answerPerson(): void {
  const isMultiplexer = multiplexerNames.some((one) => one === name);
  const plugin = builtIn.get(name);
  if (isMultiplexer && words.length > 0) {
    runForPerson(words);
  } else if (plugin === undefined && !isMultiplexer) {
    end(1, printError(new CniError(code.invalidEnvironment, unknownName()), newestVersion));
  } else {
    // On stderr, as the reference's do: runtimes may look at stdout.
    writeLine(printAbout(aboutOf(plugin), plugin?.versions ?? allVersions).trimEnd());
    end(0, "");
  }
}

function runForPerson(typed: readonly string[]): void {
  const leave = (status: number) => process.exit(status);
  void Promise.race([runWords(typed, process.env), unanswered()]).then(leave, (error: unknown) => {
    writeLine(messageOf(error));
    leave(1);
  });
}

/**
 * The reference's dhcp plugin is its daemon as well, `dhcp daemon -broadcast -timeout 5s`, whatever the environment
 * says; Go's flags may have one dash. Undefined for everything else.
 */
function dhcpDaemonWords(): readonly string[] | undefined {
  const [first, ...flags] = words;
  if (name !== "dhcp" || first !== "daemon") return undefined;
  return ["dhcp-daemon", ...flags.map((flag) => flag.replace(/^-(?=[a-z])/, "--"))];
}

function unknownName(): string {
  return `Cannot act as "${name}": expected to be invoked as ${[...multiplexerNames, ...builtIn.keys()].join(", ")}`;
}

function aboutOf(plugin: Plugin | undefined): string {
  return plugin === undefined
    ? `${aboutPolynic}; polynic help lists what can be typed`
    : `CNI ${plugin.type} plugin polynic ${version}`;
}

/** Leaving at once is quicker than letting the event loop run dry. */
function end(status: number, text: string): never {
  if (text !== "" && !writeAnswer(text)) end(1, "");
  exitProcess(status);
}
