import { CommandError, whyFailed } from "../../errors.ts";
import type { NodeFiles } from "./files.ts";
import type { Step } from "./step.ts";

/** @throws CommandError naming the step that failed; those before it are done, and the next run goes on from there */
export function apply(steps: readonly Step[], files: NodeFiles): void {
  for (const step of steps) {
    try {
      step.run(files);
    } catch (cause) {
      throw new CommandError(`Cannot ${step.what}: ${whyFailed(cause)}`, { cause });
    }
  }
}
