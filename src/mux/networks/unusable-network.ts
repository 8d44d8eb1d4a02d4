import { toCniError } from "../../call/index.ts";
import { CniError } from "../../cni/index.ts";

/**
 * A network that cannot be had or cannot be used, found out before any was touched. Events and the pod's status name
 * it.
 */
export class UnusableNetwork extends CniError {
  /** `namespace/name` of its definition, else its CNI name. */
  readonly displayName: string;
  /** Not found: as far as its definition is concerned, not the files that one may lead to. */
  readonly problem: "not found" | "refused";

  constructor(displayName: string, problem: "not found" | "refused", cause: unknown) {
    const { code, message, details } = toCniError(cause);
    super(code, message, { cause, ...(details === undefined ? {} : { details }) });
    this.displayName = displayName;
    this.problem = problem;
  }
}
