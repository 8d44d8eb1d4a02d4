/**
 * What the shim and the daemon say to each other, see docs/daemon.md. The shim speaks first, and once:
 *
 *     polynic 1 <program version> <name> <mount> <net> <user> <root> <environment bytes> <stdin bytes>\n
 *     <NAME=value, a zero byte after each><stdin>
 *
 * The daemon answers with lines: `alive` while the call waits, `declined <why>` when it will not serve it, `begun`, and
 * `answer <status> <stdout bytes> <stderr bytes>` with those bytes after it.
 */
import type { Answer, ServedCall } from "../service/index.ts";

/** Namespaces and the root directory of a process, each as `device:inode`. */
export interface Identity {
  readonly mount: string;
  readonly net: string;
  readonly user: string;
  readonly root: string;
}

export interface ShimCall extends ServedCall {
  readonly programVersion: string;
  readonly identity: Identity;
}

/** Something is sent that no shim sends. */
export class MessageError extends Error {
  override readonly name = "MessageError";
}

export const aliveLine = "alive\n";
export const begunLine = "begun\n";

export function declinedLine(why: string): string {
  return `declined ${why.replaceAll("\n", " ")}\n`;
}

export function answerBytes({ status, stdout, stderr }: Answer): Buffer {
  const out = Buffer.from(stdout), err = Buffer.from(stderr);
  return Buffer.concat([Buffer.from(`answer ${status} ${out.length} ${err.length}\n`), out, err]);
}

const headBytesMax = 512;
/** As in shim.c. */
const environmentBytesMax = 4 * 1024 * 1024, inputBytesMax = 16 * 1024 * 1024;

interface Head {
  readonly fields: Omit<ShimCall, "env" | "stdin">;
  readonly environmentStart: number;
  readonly inputStart: number;
  readonly end: number;
}

/** Puts a call together from the bytes of a connection as they come. */
export class CallReader {
  #chunks: Buffer[] = [];
  #bytes = 0;
  #head: Head | undefined;

  /**
   * The call once it is whole; undefined while bytes are missing.
   *
   * @throws MessageError for anything that is no call, as soon as that shows
   */
  add(chunk: Buffer): ShimCall | undefined {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#head ??= this.#readHead();
    if (this.#head === undefined || this.#bytes < this.#head.end) return undefined;
    if (this.#bytes > this.#head.end) throw new MessageError("Cannot read the call: it is longer than its head says");
    return toCall(this.#head, this.#joined());
  }

  #readHead(): Head | undefined {
    const start = this.#joined();
    const end = start.subarray(0, headBytesMax).indexOf("\n");
    if (end >= 0) return parseHead(start.toString("latin1", 0, end), end + 1);
    if (start.length >= headBytesMax)
      throw new MessageError(`Cannot read the call: no line ends within ${headBytesMax} bytes`);
    return undefined;
  }

  #joined(): Buffer {
    const joined = this.#chunks.length === 1 ? this.#chunks[0] : undefined;
    const whole = joined ?? Buffer.concat(this.#chunks);
    this.#chunks = [whole];
    return whole;
  }
}

function parseHead(line: string, environmentStart: number): Head {
  const match =
    /^polynic 1 (\S+) (\S+) (\S+) (\S+) (\S+) (\S+) (\d{1,9}) (\d{1,9})$/.exec(line);
  if (match === null)
    throw new MessageError(
      `Cannot read the call: its head is ${JSON.stringify(line.slice(0, 80))}, expected "polynic 1"`,
    );
  const [, programVersion = "", name = "", mount = "", net = "", user = "", root = ""] = match;
  const environmentBytes = Number(match[7]), inputBytes = Number(match[8]);
  if (environmentBytes > environmentBytesMax || inputBytes > inputBytesMax)
    throw new MessageError(
      `Cannot read the call: it has ${environmentBytes} bytes of environment and ${inputBytes} of input, expected at ` +
        `most ${environmentBytesMax} and ${inputBytesMax}`,
    );
  const inputStart = environmentStart + environmentBytes;
  return {
    fields: { programVersion, name, identity: { mount, net, user, root } },
    environmentStart, inputStart, end: inputStart + inputBytes,
  };
}

function toCall({ fields, environmentStart, inputStart }: Head, bytes: Buffer): ShimCall {
  return {
    ...fields,
    env: toEnvironment(bytes.toString("utf8", environmentStart, inputStart)),
    stdin: bytes.toString("utf8", inputStart),
  };
}

/** The first of a name counts, as for getenv(3). */
function toEnvironment(text: string): Readonly<Record<string, string>> {
  const env: Record<string, string> = Object.create(null);
  for (const entry of text.split("\0")) {
    const end = entry.indexOf("=");
    if (end > 0) env[entry.slice(0, end)] ??= entry.slice(end + 1);
  }
  return env;
}
