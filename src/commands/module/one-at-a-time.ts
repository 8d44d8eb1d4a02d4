import { join } from "node:path";
import { CniError, code } from "../../cni/index.ts";
import { FileLockError, lockFile } from "../../os/index.ts";
import type { Exclusively } from "../../wasm/index.ts";

/**
 * Keeps others who install or remove modules waiting. Its lock is a file of its own that stays: the one with the
 * entries is a new file after each change.
 *
 * @param limitMs  how long to wait for others, who write a few files: seconds on a slow disk
 */
export function oneAtATime(limitMs = 10_000): Exclusively {
  return (directory, work) => {
    const lock = taken(directory, limitMs);
    try {
      return work();
    } finally {
      lock.close();
    }
  };
}

/** @throws CniError 11 when the time is over; the system's error when the file cannot be made */
function taken(directory: string, limitMs: number): { close(): void } {
  try {
    return lockFile(join(directory, ".lock"), { timeoutMs: limitMs });
  } catch (cause) {
    if (!(cause instanceof FileLockError)) throw cause;
    throw new CniError(
      code.tryAgainLater,
      `Cannot change the modules in ${directory}: another polynic module install or remove has been at it for ` +
        `${limitMs} ms, expected it to end by then`,
      { cause },
    );
  }
}
