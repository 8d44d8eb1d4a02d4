import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, constants, openSync, readFileSync, readSync, rmSync, writeSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Call } from "../runtimes.ts";
import { environmentOf } from "../runtimes.ts";
import { residentKiB } from "./process.ts";

const pollMs = 5, pageBytes = 4096;
const limitMs = 10_000;

/**
 * The most memory that the shim of this call has had at any time. What it writes its answer to is full, so it cannot
 * end before somebody has looked: nobody can ask for the peak of a process that is gone, nor of one that was started
 * by fork(2), which counts what its parent had.
 */
export async function shimPeakKiB(call: Call, pipe: string): Promise<number> {
  execFileSync("mkfifo", [pipe]);
  const own = openSync(pipe, constants.O_RDWR | constants.O_NONBLOCK);
  try {
    fill(own);
    const answer = openSync(pipe, constants.O_WRONLY);
    const child = spawn(call.executable, [], { env: environmentOf(call), stdio: ["pipe", answer, "ignore"] });
    closeSync(answer);
    const ended = once(child, "close");
    child.stdin?.end(JSON.stringify(call.conf));
    const id = child.pid ?? 0;
    for (let waitedMs = 0; !isWriting(id) && waitedMs < limitMs; waitedMs += pollMs) await sleep(pollMs);
    const peakKiB = residentKiB(id, "VmHWM");
    drain(own);
    const [status] = await ended;
    if (status !== 0) throw new Error(`the call ended with ${String(status)}`);
    return peakKiB;
  } finally {
    closeSync(own);
    rmSync(pipe);
  }
}

/** Asleep in the kernel's pipe_write(), or anon_pipe_write() of later ones. */
function isWriting(id: number): boolean {
  return readFileSync(`/proc/${id}/wchan`, "utf8").includes("pipe_write");
}

function fill(descriptor: number): void {
  const page = Buffer.alloc(pageBytes);
  untilItWouldWait(() => writeSync(descriptor, page));
}

/** The answer stays in it: it has room for that now. */
function drain(descriptor: number): void {
  const page = Buffer.alloc(pageBytes);
  untilItWouldWait(() => readSync(descriptor, page));
}

function untilItWouldWait(work: () => number): void {
  try {
    while (work() > 0);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
  }
}
