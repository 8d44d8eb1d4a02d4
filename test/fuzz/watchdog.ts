/**
 * A case that does not end, told from another thread, since the one that it runs on hears nothing any more. What counts
 * is this process's own time on a processor, however busy the machine is; the clock only where nothing moves at all.
 */
import { writeSync } from "node:fs";
import { isMainThread, Worker, workerData } from "node:worker_threads";
import { hangLimitMs } from "../helpers/limits.ts";

/** A thousand times what the longest case takes. */
const caseLimitMs = 60_000;

export interface Watched {
  /** A case of that number begins, and the one before has ended. */
  begins(index: number): void;
  end(): Promise<void>;
}

interface WatchData {
  readonly title: string;
  readonly place: SharedArrayBuffer;
  readonly limitMs: number;
}

/** Ends the process by a signal where a case takes longer than `limitMs`, having said which. */
export function watched(title: string, limitMs = caseLimitMs): Watched {
  const place = new SharedArrayBuffer(4), cell = new Int32Array(place), data: WatchData = { title, place, limitMs };
  const worker = new Worker(new URL(import.meta.url), { workerData: data, execArgv: [] });
  worker.unref();
  return {
    begins: (index) => void Atomics.store(cell, 0, index),
    end: async () => void await worker.terminate(),
  };
}

function watch({ title, place, limitMs }: WatchData): void {
  const cell = new Int32Array(place);
  let index = -1, cpuMs = 0, startMs = 0;
  setInterval(() => {
    const now = Atomics.load(cell, 0), { user, system } = process.cpuUsage(), nowCpuMs = (user + system) / 1000;
    if (now !== index) [index, cpuMs, startMs] = [now, nowCpuMs, performance.now()];
    if (nowCpuMs - cpuMs < limitMs && performance.now() - startMs < hangLimitMs) return;
    writeSync(2, `\nDoes not end: ${title} POLYNIC_FUZZ_CASE=${index}\n`);
    process.kill(process.pid, "SIGKILL");
  }, Math.min(1000, limitMs / 4));
}

// This file is the other thread's too.
if (!isMainThread && isWatchData(workerData)) watch(workerData);

function isWatchData(data: unknown): data is WatchData {
  return typeof data === "object" && data !== null && "place" in data && "limitMs" in data;
}
