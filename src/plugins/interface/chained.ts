import type { Result } from "../../cni/index.ts";
import { CniError, code } from "../../cni/index.ts";

/** What the plugin before a chained one has made, without which that has nothing to work on. */
export function chainedResult(prevResult: Result | undefined, type: string, network: string): Result {
  if (prevResult !== undefined) return prevResult;
  throw new CniError(
    code.invalidConfig,
    `Cannot use plugin "${type}" in network "${network}": it must be called as a chained plugin, ` +
      "expected one before it in the list",
  );
}
