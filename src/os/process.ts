import { closeSync, fstatSync, readSync, writeSync } from "node:fs";
import { killGroup, memoryFile, openProcess, spawn, waitForChild, waitReadable } from "./libc.ts";

/** How a program is run. */
export interface ProgramOptions {
  /** Its stdin; empty when absent. */
  readonly input?: string;
  /** Its whole environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs: number;
  /** Of stdout and stderr each; more ends the program. */
  readonly outputBytesMax?: number;
}

/** How a program ended. */
export interface ProgramResult {
  /** Its exit status; 128 and the signal's number when a signal ended it, as shells say. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end, in the namespace this thread is in, and returns what it said whatever its status.
 * Its three streams are files in memory, so it never waits for us and nothing has to be pumped meanwhile.
 *
 * @param program  looked for on PATH when it holds no slash
 * @throws SystemCallError when it cannot be started (ENOENT, EACCES), ProgramError when it exceeds a limit and was
 *   killed
 */
export function runProgram(program: string, args: readonly string[], options: ProgramOptions): ProgramResult {
  const { input = "", env, timeoutMs, outputBytesMax = 64 * 1024 * 1024 } = options;
  const files: number[] = [];
  const open = (name: string): number => {
    const fd = memoryFile(name);
    files.push(fd);
    return fd;
  };
  try {
    const [stdin, stdout, stderr] = [open("stdin"), open("stdout"), open("stderr")];
    writeAt(stdin, input);
    const entries = Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${value}`]));
    const id = spawn({ program, args, env: entries, stdio: [stdin, stdout, stderr] });
    const status = waitBounded(
      program,
      id,
      timeoutMs,
      () => Math.max(fstatSync(stdout).size, fstatSync(stderr).size) > outputBytesMax,
    );
    return { status: toExitStatus(status), stdout: readAll(stdout), stderr: readAll(stderr) };
  } finally {
    for (const fd of files) closeSync(fd);
  }
}

/** A program that was killed because it exceeded a limit. */
export class ProgramError extends Error {
  override readonly name = "ProgramError";
  readonly program: string;

  constructor(program: string, problem: string) {
    super(`Cannot run "${program}": ${problem}, and was killed`);
    this.program = program;
  }
}

/**
 * How long a program can write more than it may before that is noticed, and what waiting costs where there are no
 * pidfds.
 */
const sliceMs = 100;
const sliceWithoutPidfdMs = 1;

/** Waits for the child's end, or ends it at a limit. */
function waitBounded(program: string, id: number, timeoutMs: number, tooMuch: () => boolean): number {
  const pidfd = openProcess(id);
  const limit = process.hrtime.bigint() + BigInt(Math.round(timeoutMs * 1e6));
  try {
    for (;;) {
      const status = waitForChild(id);
      if (status !== undefined) return status;
      const leftMs = Number(limit - process.hrtime.bigint()) / 1e6;
      if (leftMs <= 0) throw killed(program, id, `it took longer than ${timeoutMs} ms`);
      if (tooMuch()) throw killed(program, id, "it printed more than it may");
      if (pidfd === undefined) pause(sliceWithoutPidfdMs);
      else waitReadable(pidfd, Math.ceil(Math.min(leftMs, sliceMs)));
    }
  } finally {
    if (pidfd !== undefined) closeSync(pidfd);
  }
}

function killed(program: string, id: number, problem: string): ProgramError {
  killGroup(id);
  // A killed process is gone within moments; one stuck in the kernel is left to it.
  for (let tries = 0; tries < 100 && waitForChild(id) === undefined; tries++) pause(1);
  return new ProgramError(program, problem);
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/** waitpid(2): the signal in the low seven bits, else the exit status in the next byte. */
function toExitStatus(status: number): number {
  const signal = status & 0x7f;
  return signal === 0 ? (status >> 8) & 0xff : 128 + signal;
}

/** Writes from the start and leaves the file's position there, for the program to read. */
function writeAt(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done, bytes.length - done, done);
}

function readAll(fd: number): string {
  const bytes = new Uint8Array(fstatSync(fd).size);
  let length = 0;
  for (let count = 1; count > 0 && length < bytes.length; length += count) {
    count = readSync(fd, bytes, length, bytes.length - length, length);
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}
