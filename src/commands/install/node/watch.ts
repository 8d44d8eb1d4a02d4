/**
 * Waiting for changes: the kernel tells of them at once (inotify), and a slow look around finds what it has not told.
 */
import { watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** Whoever makes several changes makes them within this time. */
const settleMs = 50;

export interface Changes {
  /**
   * Resolves after a change in one of the directories, after `limitMs`, or once the signal has fired. The caller looks
   * for itself.
   */
  next(limitMs: number): Promise<void>;
  close(): void;
}

export function watchDirectories(directories: readonly string[], signal: AbortSignal): Changes {
  let watchers: readonly FSWatcher[] = [];
  let told = new AbortController();
  const stop = (): void => {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };
  // Every time anew: a directory may have come, or have been removed and made again.
  const start = (): void => {
    stop();
    told = new AbortController();
    watchers = [...new Set(directories)].flatMap((directory) => watchOne(directory, () => told.abort()));
  };
  start();
  return {
    async next(limitMs) {
      await pause(limitMs, AbortSignal.any([told.signal, signal]));
      if (told.signal.aborted) await pause(settleMs, signal);
      start();
    },
    close: stop,
  };
}

function watchOne(directory: string, tell: () => void): FSWatcher[] {
  try {
    const watcher = watch(directory, { persistent: false }, tell);
    watcher.on("error", tell);
    return [watcher];
  } catch {
    // Not there, or the kernel has no watch left: the slow look has to do.
    return [];
  }
}

async function pause(limitMs: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(limitMs, undefined, { signal });
  } catch {
    // Woken.
  }
}
