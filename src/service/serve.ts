import type { Observer, Surroundings, Warm } from "../call/index.ts";
import { bugIn, toCniError } from "../call/index.ts";
import {
  CniError,
  allVersions,
  code,
  newestVersion,
  parseEnvironment,
  printError,
  printVersions,
} from "../cni/index.ts";
import { builtIn } from "../plugins/index.ts";
import { multiplexerNames } from "../program/index.ts";
import { checkedCall } from "./call.ts";
import { LatelyRead } from "./lately-read.ts";
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
  /** Names the call in the text of its error; absent: nothing does. */
  readonly request?: string;
  /** Told of the call once there is an answer. */
  answered?(facts: CallFacts): void;
  /** Rejects when the call can have no answer any more, with the error that is then the answer. */
  readonly unanswered?: Promise<never>;
  /** Looks on while a call to the multiplexer is served. */
  readonly observer?: Observer | undefined;
}

/** What a call was about, as far as it could be read, and what came of it. */
export interface CallFacts {
  readonly verb: string;
  /** The name it was made by. */
  readonly plugin: string;
  /** "" where the configuration has none, or could not be read. */
  readonly network: string;
  /** 0 for success, else the error's. */
  readonly code: number;
  readonly problem: string | undefined;
}

/**
 * Serves one call, whichever way it came in. Any number may be under way in one process: what they share on disk or in
 * the kernel they lock, and of the process they use only the namespace it is in.
 *
 * Never rejects: every failure is an answer.
 */
export async function serve(
  call: ServedCall, { warm, tell, request, answered, unanswered, observer }: ServeOptions = {},
): Promise<Answer> {
  let cniVersion: string = newestVersion, network = "", stderr = "";
  const surroundings = { env: call.env, tell: tell ?? ((text) => { stderr += text; }) };
  const read = (conf: ReadConf): void => {
    cniVersion = conf.cniVersion;
    network = conf.name;
  };
  const work = answerOf(call, surroundings, { warm, observer, read });
  const facts = { verb: call.env["CNI_COMMAND"] ?? "", plugin: call.name };
  try {
    const stdout = await (unanswered === undefined ? work : Promise.race([work, unanswered]));
    answered?.({ ...facts, network, code: 0, problem: undefined });
    return { status: 0, stdout, stderr };
  } catch (thrown) {
    const error = toCniError(thrown);
    const bug = bugIn(error);
    if (bug !== undefined) surroundings.tell(`${bug.stack ?? bug.message}\n`);
    answered?.({ ...facts, network, code: error.code, problem: error.message });
    return { status: 1, stdout: printError(named(error, request), cniVersion), stderr };
  }
}

/** With the name by which the call is found in the log. */
function named(error: CniError, request: string | undefined): CniError {
  if (request === undefined) return error;
  const { code: number, message, details } = error;
  return new CniError(number, `${message} (request ${request})`, {
    cause: error, ...(details === undefined ? {} : { details }),
  });
}

interface ReadConf {
  readonly cniVersion: string;
  readonly name: string;
}

/** What goes to stdout. What the configuration says of itself is told once it is known: errors have its version. */
async function answerOf(
  call: ServedCall,
  surroundings: Surroundings,
  { warm, observer, read }: Pick<ServeOptions, "warm" | "observer"> & { readonly read: (conf: ReadConf) => void },
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
  const lately = warm === undefined ? new LatelyRead() : latelyReadOf(warm);
  const input = lately.request(call.stdin);
  read(input.conf);
  const checked = checkedCall(environment, input, versions, warm?.host);
  return plugin === undefined
    ? await runMultiplexer(name, checked, surroundings, { warm, observer, lately })
    : await runPlugin(plugin, checked, surroundings, warm);
}

/** What each process that serves many calls has read. */
const readBy = new WeakMap<Warm, LatelyRead>();

function latelyReadOf(warm: Warm): LatelyRead {
  const known = readBy.get(warm) ?? new LatelyRead();
  readBy.set(warm, known);
  return known;
}
