import { statSync } from "node:fs";
import { join } from "node:path";
import { CniError, code } from "../cni/index.ts";
import { ProgramError, SystemCallError, runProgram } from "../os/index.ts";

/** One call of a plugin executable: the CNI_* variables and what it reads on stdin. */
export interface ExecutableCall {
  readonly file: string;
  /** For messages. */
  readonly type: string;
  readonly command: string;
  readonly containerId: string;
  readonly netns: string;
  readonly ifName: string;
  readonly args: string;
  readonly path: readonly string[];
  readonly stdin: string;
  /** Its environment but for the CNI_* variables above. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Gets its stderr when it succeeds. */
  tell(text: string): void;
  readonly timeoutMs?: number;
}

/** Longest run of one plugin executable; runtimes give up on a sandbox after two to four minutes. */
export const executableTimeoutMs = 240_000;

/** Starting a file that is just being replaced fails with ETXTBSY; the reference tries 5 more times, a second apart. */
const busyRetries = 5;
const busyPauseMs = 1000;

/** For a plugin to tidy up in when it has been told to end. */
const graceMs = 2000;
const outputBytesMax = 8 * 1024 * 1024;
const quotedLengthMax = 400;

/**
 * The first regular file of that name in the directories; the execute bit is not tested, as in the reference.
 *
 * @returns undefined when there is none, or when `type` is no plain file name
 */
export function findExecutable(type: string, directories: readonly string[]): string | undefined {
  if (type === "" || /[/\0]/.test(type) || type === "." || type === "..") return undefined;
  return directories.filter((directory) => directory !== "").map((directory) => join(directory, type)).find(isFile);
}

/** A directory that cannot be looked into is passed over, as the reference does: the next one may have it. */
function isFile(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return false;
  }
}

/**
 * Runs a plugin executable and returns its stdout; its stderr is passed on when it succeeds.
 *
 * @throws CniError the plugin's own where it printed one, else code 112 with what it said and how it ended
 * @see CNI specification 1.1.0, section 4 "Delegating"; the environment is the caller's with every CNI_* variable
 *   replaced
 */
export async function runExecutable(call: ExecutableCall): Promise<string> {
  for (let retry = 0; ; retry++) {
    const ended = await start(call);
    if (ended.errno === "ETXTBSY" && retry < busyRetries) {
      await new Promise((resolve) => setTimeout(resolve, busyPauseMs));
      continue;
    }
    if (ended.failed) throw failure(call, ended);
    if (ended.stderr !== "") call.tell(ended.stderr);
    return ended.stdout;
  }
}

/** How a run ended, whichever way. */
interface Ended {
  readonly failed: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly errno?: string;
  /** "it ended with status 1"; the reason in words. */
  readonly reason: string;
}

async function start(call: ExecutableCall): Promise<Ended> {
  const options = {
    input: call.stdin,
    env: environment(call),
    timeoutMs: call.timeoutMs ?? executableTimeoutMs,
    graceMs,
    outputBytesMax,
  };
  try {
    const { status, signal, ...said } = await runProgram(call.file, [], options);
    const reason = signal === undefined ? `it ended with status ${status}` : `it was ended by ${signal}`;
    return { failed: status !== 0, reason, ...said };
  } catch (error) {
    if (error instanceof ProgramError)
      return { failed: true, stdout: error.stdout, stderr: error.stderr, reason: `${error.problem} and was ended` };
    if (!(error instanceof SystemCallError)) throw error;
    const { errnoName: errno } = error;
    return { failed: true, stdout: "", stderr: "", errno, reason: `it could not be started (${errno})` };
  }
}

/**
 * Set for everything that we run, and for what that runs in its turn: a multiplexer in there would be one inside
 * itself.
 */
export const insideVariable = "POLYNIC_INSIDE";

/** Every CNI_* variable is set, even to nothing, so that none of the caller's shines through. */
function environment(call: ExecutableCall): Record<string, string | undefined> {
  return {
    ...call.env,
    CNI_COMMAND: call.command,
    CNI_CONTAINERID: call.containerId,
    CNI_NETNS: call.netns,
    CNI_ARGS: call.args,
    CNI_IFNAME: call.ifName,
    CNI_PATH: call.path.join(":"),
    [insideVariable]: call.type,
  };
}

/** The error object on stdout where there is one, else the best words to be had. */
function failure(call: ExecutableCall, ended: Ended): CniError {
  const where = `plugin "${call.type}" (${call.file}) for ${call.command}`;
  if (ended.stdout.trim() === "") {
    const said = ended.stderr.trim();
    return new CniError(
      code.executable,
      `Cannot run ${where}: ${ended.reason}${said === "" ? "" : ` and said: ${quoted(said)}`}`,
      missing(said),
    );
  }
  const parsed = parsedError(ended.stdout);
  if (parsed !== undefined) return parsed;
  return new CniError(
    code.executable,
    `Cannot read the error of ${where}: ${ended.reason} and printed ${quoted(ended.stdout)}, expected a CNI error ` +
      "object",
  );
}

/** What a plugin said itself, code and words: whatever its code, no bug of ours. */
export class PluginError extends CniError {}

function parsedError(stdout: string): PluginError | undefined {
  let value: unknown;
  try {
    value = JSON.parse(stdout);
  } catch {
    return undefined;
  }
  const message = field(value, "msg");
  if (typeof message !== "string") return undefined;
  const number = field(value, "code"),
    details = field(value, "details");
  return new PluginError(
    typeof number === "number" && Number.isSafeInteger(number) && number > 0 ? number : code.internal,
    message,
    {
      ...(typeof details === "string" && details !== "" ? { details } : {}),
      ...missing(message),
    },
  );
}

/** ENOENT in the words of the C library and of Go: all that a program says of it. */
const missingText = "no such file or directory";

/** What an executable missed, as the file system's own errors say it, so that nobody else looks at its words. */
class MissingFile extends Error {
  readonly code = "ENOENT";
}

function missing(said: string): { readonly cause?: Error } {
  return said.includes(missingText) ? { cause: new MissingFile(said) } : {};
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? Object.entries(value).find(([key]) => key === name)?.[1]
    : undefined;
}

/** What a program said, in a message: in quotation marks, and of a long text its beginning. */
export function quoted(text: string): string {
  const short = text.length > quotedLengthMax ? `${text.slice(0, quotedLengthMax)}...` : text;
  return JSON.stringify(short);
}
