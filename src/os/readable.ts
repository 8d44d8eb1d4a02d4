import { readSync, writeSync } from "node:fs";
import { eventDescriptor, pollAside } from "./network-calls.ts";

/**
 * Waiting for descriptors without stopping anything else of the process. Node watches pipes, terminals, files, TCP, UDP
 * and unix sockets only. For all others one thread of its pool sits in poll(2), however many wait, and only while any
 * does; a descriptor of our own wakes it when the list changes.
 */

interface Wait {
  readonly fd: number;
  /** By performance.now(). */
  readonly until: number;
  settle(readable: boolean): void;
  fail(error: unknown): void;
}

/** A process that ends waits for its pool: no longer than this. */
const maxPollMs = 1000;

const waits = new Set<Wait>();
let polling = false;
let wakeFd: number | undefined;

/**
 * Resolves with true when there is something to read, or an error to be told of; with false when the time is over or
 * `signal` says so. The descriptor may be closed then, and not before.
 */
export function whenReadable(fd: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const stop = (): void => wait.settle(false);
    const end = (): void => {
      waits.delete(wait);
      signal?.removeEventListener("abort", stop);
    };
    const wait: Wait = {
      fd,
      until: performance.now() + timeoutMs,
      settle: (readable) => { end(); resolve(readable); },
      fail: (error) => { end(); reject(error); },
    };
    waits.add(wait);
    signal?.addEventListener("abort", stop);
    if (signal?.aborted === true) stop();
    else if (polling) wake();
    else void poll();
  });
}

async function poll(): Promise<void> {
  polling = true;
  try {
    const woken = (wakeFd ??= eventDescriptor());
    while (waits.size > 0) {
      const round = [...waits];
      const ready = await pollAside([woken, ...round.map(({ fd }) => fd)], pollMs(round));
      if (ready[0] === true) readSync(woken, wakeBytes);
      // One that was settled meanwhile stays as it was.
      for (const [i, wait] of round.entries()) {
        if (waits.has(wait) && (ready[i + 1] === true || performance.now() >= wait.until)) {
          wait.settle(ready[i + 1] === true);
        }
      }
    }
  } catch (error) {
    for (const wait of [...waits]) wait.fail(error);
  } finally {
    polling = false;
  }
}

function pollMs(round: readonly Wait[]): number {
  const left = Math.min(...round.map(({ until }) => until)) - performance.now();
  return Math.min(maxPollMs, Math.max(0, Math.ceil(left)));
}

const wakeBytes = new Uint8Array(8);

function wake(): void {
  // An eventfd counts 64-bit numbers up, and is readable from 1.
  if (wakeFd !== undefined) writeSync(wakeFd, new BigUint64Array([1n]));
}
