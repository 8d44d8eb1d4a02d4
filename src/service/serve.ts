import type { Observer, Surroundings, Warm } from "../call/index.ts";
import { bugIn, toCniError } from "../call/index.ts";
import {
  CniError,
  allVersions,
  code,
  newestVersion,
  parseEnvironment,
  parsePluginRequest,
  printError,
  printVersions,
} from "../cni/index.ts";
import { builtIn } from "../plugins/index.ts";
import { multiplexerNames } from "../program/index.ts";
import { checkedCall } from "./call.ts";
import { runMultiplexer } from "./multiplexer.ts";
import { runPlugin } from "./stand-alone.ts";

/** One call of a CNI plugin, as its executable would get it. */
export interface ServedCall {
  /** The executable's name: a plugin's, or one of the multiplexer's. */
  readonly name: string;
  /** The caller's whole environment, CNI_* and all; executed plugins and iptables run with it. */
  readonly env: Surroundings["env"];
  /** The configuration. Looked at once, after the environment, and not for VERSION, so that a getter may read it. */
  readonly stdin: string;
}

/** What the executable would leave behind. */
export interface Answer {
  /** 0, or 1 with an error object on stdout. */
  readonly status: 0 | 1;
  /** One JSON document, or nothing. */
  readonly stdout: string;
  /** Log lines and what executed plugins said, with their ends of line; "" when they went to `tell`. */
  readonly stderr: string;
}

export interface ServeOptions {
  /** What this process keeps between calls; absent: each call opens what it needs and closes it. */
  readonly warm?: Warm | undefined;
  /** Gets what goes to stderr as it comes, so that a call that is killed has said it; absent: `stderr` has it all. */
  readonly tell?: Surroundings["tell"];
  /** Rejects when the call can have no answer any more, with the error that is then the answer. */
  readonly unanswered?: Promise<never>;
  /** Of calls to the multiplexer. */
  readonly observer?: Observer | undefined;
}

/**
 * Serves one call, whichever way it came in. Any number may be under way in one process: what they share on disk or in
 * the kernel they lock, and of the process they use only the namespace it is in.
 *
 * Never rejects: every failure is an answer.
 */
export async function serve(
  call: ServedCall,
  { warm, tell, unanswered, observer }: ServeOptions = {},
): Promise<Answer> {
  let cniVersion: string = newestVersion, stderr = "";
  const surroundings = { env: call.env, tell: tell ?? ((text) => { stderr += text; }) };
  const work = answerOf(call, surroundings, {
    warm, observer, readVersion: (version) => { cniVersion = version; },
  });
  try {
    const stdout = await (unanswered === undefined ? work : Promise.race([work, unanswered]));
    return { status: 0, stdout, stderr };
  } catch (thrown) {
    const error = toCniError(thrown);
    const bug = bugIn(error);
    if (bug !== undefined) surroundings.tell(`${bug.stack ?? bug.message}\n`);
    return { status: 1, stdout: printError(error, cniVersion), stderr };
  }
}

/** What goes to stdout. The configuration's version is told as soon as it is known: errors are printed in it, too. */
async function answerOf(
  call: ServedCall,
  surroundings: Surroundings,
  { warm, observer, readVersion }: Pick<ServeOptions, "warm" | "observer"> & {
    readonly readVersion: (version: string) => void;
  },
): Promise<string> {
  const { name, env } = call;
  const plugin = builtIn.get(name);
  if (plugin === undefined && !multiplexerNames.some((one) => one === name)) {
    throw new CniError(
      code.invalidEnvironment,
      `Cannot act as "${name}": expected to be invoked as ${[...multiplexerNames, ...builtIn.keys()].join(", ")}`,
    );
  }
  const versions = plugin?.versions ?? allVersions;
  const environment = parseEnvironment(env);
  if (environment.command === "VERSION") return printVersions(versions);
  const input = parsePluginRequest(call.stdin);
  readVersion(input.conf.cniVersion);
  const checked = checkedCall(environment, input, versions);
  return plugin === undefined
    ? await runMultiplexer(name, checked, surroundings, { warm, observer })
    : await runPlugin(plugin, checked, surroundings, warm);
}
