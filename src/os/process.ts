import { accessSync, closeSync, constants, statSync } from "node:fs";
import { join } from "node:path";
import type { Spawn } from "./child.ts";
import { doNotWait, pipe, readNow, signalGroup, spawn, waitForChild, writeNow } from "./child.ts";

/** How a program is run. */
export interface ProgramOptions {
  /** Its stdin; empty when absent. */
  readonly input?: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** Between SIGTERM, which lets it tidy up, and SIGKILL; 0 when absent: SIGKILL at once. */
  readonly graceMs?: number;
  /** Of stdout and stderr together; more ends the program. */
  readonly outputBytesMax?: number;
}

/** How a program ended. */
export interface ProgramResult {
  /** Its exit status; 128 and the signal's number when a signal ended it, as shells say. */
  readonly status: number;
  /** "SIGTERM" when a signal ended it. */
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that exceeded a limit and was killed for it, with all that it had started in its own group. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
  readonly program: string;
  /** "it was still running after 100 ms". */
  readonly problem: string;
  /** What it had said by then. */
  readonly stdout: string;
  readonly stderr: string;

  constructor(program: string, problem: string, said: { readonly stdout: string; readonly stderr: string }) {
    super(`Cannot run "${program}": ${problem} and was ended`);
    this.program = program;
    this.problem = problem;
    this.stdout = said.stdout;
    this.stderr = said.stderr;
  }
}

/**
 * Runs a program to its end and returns what it said whatever its status. Its three streams are pipes, as a shell or
 * libcni would give it: programs open /dev/stdin and /dev/stdout, which those of Node, socket pairs, refuse.
 * It starts in the namespace this process is in. Meanwhile other work goes on, and no thread waits.
 *
 * @param program  the path of its file, see `findProgram`
 * @throws SystemCallError when it cannot be started (ENOENT, EACCES, EAGAIN); ProgramError when it exceeds a limit
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  options: ProgramOptions,
): Promise<ProgramResult> {
  using child = start(program, args, options);
  const { status, problem } = await attend(child, options);
  const said = { stdout: child.stdout.text(), stderr: child.stderr.text() };
  if (problem !== undefined || status === undefined)
    throw new ProgramError(program, problem ?? "it does not end", said);
  const signal = status & 0x7f;
  // waitpid(2): the signal in the low seven bits, else the exit status in the next byte.
  return signal === 0
    ? { status: (status >> 8) & 0xff, signal: undefined, ...said }
    : { status: 128 + signal, signal: signalNames[signal - 1] ?? `signal ${signal}`, ...said };
}

/** The first executable file of that name in the directories, those of a PATH for one. */
export function findProgram(name: string, directories: readonly string[]): string | undefined {
  return directories
    .filter((directory) => directory.startsWith("/"))
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/** What a program may have said and we have not read yet: more than any result, and most tables. */
const pipeBytes = 1024 * 1024;
const outputBytesUsual = 64 * 1024 * 1024;
/** Between a program's end and the end of reading: a process it left running may keep its streams open for ever. */
const lateOutputMs = 500;
/** A killed process is gone within moments; one stuck in the kernel is left to it. */
const killedMs = 2_000;
/** Pauses between looks while nothing happens; a program's end ends each of them. */
const pausesMs = { first: 5, longest: 50 };

interface Child extends Disposable {
  readonly id: number;
  readonly stdin: Feeding;
  readonly stdout: Reading;
  readonly stderr: Reading;
}

/** Starts it with its ends of three pipes; nothing stays open when that fails. */
function start(program: string, args: readonly string[], { input = "", env }: ProgramOptions): Child {
  const open = new Set<number>();
  const close = (fd: number): void => {
    if (open.delete(fd)) closeSync(fd);
  };
  const opened = () => {
    const ends = pipe(pipeBytes);
    open.add(ends.readEnd).add(ends.writeEnd);
    return ends;
  };
  const closeAll = (): void => open.forEach(close);
  try {
    const [stdin, stdout, stderr] = [opened(), opened(), opened()];
    const theirs: Spawn["stdio"] = [stdin.readEnd, stdout.writeEnd, stderr.writeEnd];
    const ours = [stdin.writeEnd, stdout.readEnd, stderr.readEnd] as const;
    for (const fd of ours) doNotWait(fd);
    hearOfEnds();
    const entries = Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
    const id = spawn({ program, args, env: entries, stdio: theirs });
    for (const fd of theirs) close(fd);
    return {
      id,
      stdin: new Feeding(ours[0], Buffer.from(input), close),
      stdout: new Reading(ours[1], close),
      stderr: new Reading(ours[2], close),
      [Symbol.dispose]: closeAll,
    };
  } catch (error) {
    closeAll();
    throw error;
  }
}

/** The end of a pipe that a program reads. */
class Feeding {
  readonly #fd: number;
  readonly #close: (fd: number) => void;
  #left: Uint8Array;
  #done = false;

  constructor(fd: number, bytes: Uint8Array, close: (fd: number) => void) {
    this.#fd = fd;
    this.#left = bytes;
    this.#close = close;
  }

  /** Hands over what there is room for, then closes; whether anything moved. */
  move(): boolean {
    if (this.#done) return false;
    const count = this.#left.length === 0 ? 0 : writeNow(this.#fd, this.#left);
    this.#left = this.#left.subarray(count ?? this.#left.length);
    if (this.#left.length === 0) {
      this.#done = true;
      this.#close(this.#fd);
    }
    return count !== 0;
  }
}

const chunkBytes = 64 * 1024;
/** What is read passes through it. */
let scratch: Buffer | undefined;

/** The end of a pipe that a program writes. */
class Reading {
  readonly #fd: number;
  readonly #close: (fd: number) => void;
  readonly #chunks: Buffer[] = [];
  bytes = 0;
  ended = false;

  constructor(fd: number, close: (fd: number) => void) {
    this.#fd = fd;
    this.#close = close;
  }

  /** Takes what is there, up to as much as a pipe holds; whether there was anything. */
  move(): boolean {
    const before = this.bytes;
    while (!this.ended && this.bytes - before < pipeBytes) {
      const count = readNow(this.#fd, (scratch ??= Buffer.allocUnsafe(chunkBytes)));
      if (count === undefined) break;
      this.ended = count === 0;
      if (this.ended) this.#close(this.#fd);
      this.#chunks.push(Buffer.from(scratch.subarray(0, count)));
      this.bytes += count;
    }
    return this.bytes > before;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString();
  }
}

interface Ended {
  /** As waitpid(2) packs it; undefined when it does not even die. */
  readonly status: number | undefined;
  /** The limit it exceeded. */
  readonly problem: string | undefined;
}

/** Moves what there is to be moved until the program has ended, or is ended at a limit. */
async function attend(child: Child, options: ProgramOptions): Promise<Ended> {
  const { timeoutMs, graceMs = 0, outputBytesMax = outputBytesUsual } = options;
  let endsAtMs = nowMs() + timeoutMs, pauseMs = pausesMs.first;
  let status: number | undefined, problem: string | undefined, isKilled = false;
  const end = (why: string, signal: "SIGTERM" | "SIGKILL"): void => {
    problem ??= why;
    isKilled = signal === "SIGKILL";
    endsAtMs = nowMs() + (isKilled ? killedMs : graceMs);
    // The id of one that has ended may be another's by now.
    if (status === undefined) signalGroup(child.id, signal);
  };
  for (;;) {
    // First, so that all it has written is there to be read once it has ended.
    if (status === undefined) {
      status = waitForChild(child.id);
      if (status !== undefined) endsAtMs = nowMs() + lateOutputMs;
    }
    const moved = [child.stdin, child.stdout, child.stderr].filter((stream) => stream.move()).length > 0;
    if (status !== undefined && child.stdout.ended && child.stderr.ended) break;
    if (child.stdout.bytes + child.stderr.bytes > outputBytesMax && !isKilled) {
      end(`it printed more than ${outputBytesMax} bytes`, "SIGKILL");
    } else if (nowMs() >= endsAtMs) {
      if (status !== undefined || isKilled) break;
      end(`it was still running after ${timeoutMs} ms`, graceMs > 0 && problem === undefined ? "SIGTERM" : "SIGKILL");
    }
    pauseMs = moved ? pausesMs.first : Math.min(pauseMs * 2, pausesMs.longest);
    await (moved ? others() : pause(Math.min(pauseMs, Math.max(endsAtMs - nowMs(), 0))));
  }
  if (status === undefined) abandoned.add(child.id);
  return { status, problem };
}

/** Who waits for one of the programs to end. */
const waiting = new Set<() => void>();
/** Programs that were killed and could not die yet: they are not to stay as zombies when they have. */
const abandoned = new Set<number>();
let isHearing = false;

/** The kernel tells by SIGCHLD, once for several, and nobody which: each looks for its own. */
function hearOfEnds(): void {
  if (isHearing) return;
  isHearing = true;
  process.on("SIGCHLD", () => {
    for (const wake of waiting) wake();
    for (const id of abandoned) if (waitForChild(id) !== undefined) abandoned.delete(id);
  });
}

/** Lets whatever else is to be done be done. */
async function others(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

async function pause(ms: number): Promise<void> {
  await new Promise<void>((resolve) => {
    const wake = (): void => {
      waiting.delete(wake);
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    waiting.add(wake);
  });
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** From 1 on, on the architectures this runs on (asm-generic/signal.h). */
const signalNames = [
  "SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT", "SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV",
  "SIGUSR2", "SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT", "SIGSTOP", "SIGTSTP", "SIGTTIN",
  "SIGTTOU", "SIGURG", "SIGXCPU", "SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR", "SIGSYS",
];
