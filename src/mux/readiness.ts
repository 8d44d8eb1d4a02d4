import { statSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type { Handles } from "../plugins/index.ts";

/** As long as Multus waits; polled more often, so that a container waits less after the default network has come up. */
const readinessWaitMs = 45_000;
const pollMs = 100;

/**
 * Waits until the default network's indicator file is there.
 *
 * @throws CniError 11 when it is not there in time
 */
export async function waitUntilReady(file: string, sleep: Handles["sleep"], waitMs = readinessWaitMs): Promise<void> {
  if (file === "") return;
  for (let waitedMs = 0; !isThere(file); waitedMs += pollMs) {
    if (waitedMs >= waitMs) {
      throw new CniError(
        code.tryAgainLater,
        `Cannot use the default network: its readinessindicatorfile ${file} did not appear within ${waitMs} ms, ` +
          "expected the default network's plugin to write it when it is ready",
      );
    }
    await sleep(pollMs);
  }
}

/**
 * For who cannot wait.
 *
 * @throws CniError 50 when it is not there
 */
export function refuseUnready(file: string): void {
  if (file === "" || isThere(file)) return;
  throw new CniError(
    code.notReady,
    `Cannot use the default network: its readinessindicatorfile ${file} is not there, expected the default network's ` +
      "plugin to write it when it is ready",
  );
}

/** @throws CniError 5 when the path cannot even be looked at */
export function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw new CniError(code.ioFailure, `Cannot look for readinessindicatorfile ${file}: ${String(error)}`, {
      cause: error,
    });
  }
}
