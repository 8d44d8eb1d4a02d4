import type { Undo } from "../plugins/index.ts";

/** What an ADD has done so far, and how to take it back. */
export interface UndoSteps extends Undo {
  /** Runs every step, newest first, past errors; says which failed. A second call has nothing left to do. */
  run(): Promise<readonly FailedStep[]>;
}

export interface FailedStep {
  /** In the imperative: "delete the link". */
  readonly what: string;
  readonly error: unknown;
}

export function undoSteps(): UndoSteps {
  const steps: { what: string; step: () => void | Promise<void> }[] = [];
  return {
    add: (what, step) => { steps.push({ what, step }); },
    async run() {
      const failed: FailedStep[] = [];
      for (let next = steps.pop(); next !== undefined; next = steps.pop()) {
        try {
          await next.step();
        } catch (error) {
          failed.push({ what: next.what, error });
        }
      }
      return failed;
    },
  };
}
