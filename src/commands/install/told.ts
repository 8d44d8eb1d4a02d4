/** What was done to a node, or would be, for a person or a program. */
import type { Output } from "../output.ts";
import type { Step } from "./node/step.ts";

export interface TellOptions {
  readonly output: Output;
  /** Nothing was done yet. */
  readonly isDry: boolean;
  readonly json: boolean;
  /** What is said of no step. */
  readonly nothing: string;
}

export function tellPlan(
  { steps, notes }: { readonly steps: readonly Step[]; readonly notes: readonly string[] },
  { output: { say, json: print }, isDry, json, nothing }: TellOptions,
): void {
  if (json) {
    print({ done: !isDry, steps: steps.map(({ what, detail }) => ({ what, ...(isDry ? { detail } : {}) })), notes });
    return;
  }
  for (const step of steps) say(isDry ? shown(step) : step.what);
  for (const note of notes) say(`note: ${note}`);
  if (steps.length === 0) say(nothing);
}

/** A step for a person who wants to know beforehand. */
function shown({ what, detail }: Step): string {
  return detail === undefined ? what : `${what}\n${detail.trimEnd().replaceAll(/^/gm, "    ")}`;
}
