import { join } from "node:path";
import { CniError, code } from "../../cni/index.ts";
import { LockError, withLock } from "../../os/index.ts";
import type { Exclusively } from "../../wasm/index.ts";

/**
 * Keeps others who install or remove modules waiting. Its lock is a file of its own that stays: the one with the
 * entries is a new file after each change.
 *
 * @param timeoutMs  how long to wait for others, who write a few files: seconds on a slow disk
 * @returns what throws CniError 11 when the time is over; the system's error when the file cannot be made
 */
export function oneAtATime(timeoutMs = 10_000): Exclusively {
  return async (directory, work) => {
    try {
      return await withLock(join(directory, ".lock"), { timeoutMs }, work);
    } catch (cause) {
      if (!(cause instanceof LockError)) throw cause;
      throw new CniError(
        code.tryAgainLater,
        `Cannot change the modules in ${directory}: another polynic module install or remove has been at it for ` +
          `${timeoutMs} ms, expected it to end by then`,
        { cause },
      );
    }
  };
}
