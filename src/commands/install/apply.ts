import { messageOf } from "../../cni/index.ts";
import { CommandError } from "../errors.ts";
import type { NodeFiles } from "./files.ts";
import type { Step } from "./step.ts";

/** @throws CommandError naming the step that failed; those before it are done, and the next run goes on from there */
export function apply(steps: readonly Step[], files: NodeFiles): void {
  for (const step of steps) {
    try {
      step.run(files);
    } catch (cause) {
      throw new CommandError(`Cannot ${step.what}: ${messageOf(cause)}`, { cause });
    }
  }
}

/** A step for a person who wants to know beforehand. */
export function shown({ what, detail }: Step): string {
  return detail === undefined ? what : `${what}\n${detail.trimEnd().replaceAll(/^/gm, "    ")}`;
}
