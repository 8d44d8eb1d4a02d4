import type { NetworkPlugin } from "../../cni/index.ts";
import { CniError, code, enabledArgs } from "../../cni/index.ts";

/** The configuration does not say it, and the runtime, which may instead, has not either. */
export class MissingArgument extends CniError {
  /** By which a runtime gives it. */
  readonly capability: string;

  constructor(capability: string, message: string) {
    super(code.invalidConfig, message);
    this.capability = capability;
  }
}

/** Whether an ADD may be told what is missing now: STATUS is given no arguments. */
export function mayBeGiven(error: unknown, conf: NetworkPlugin): boolean {
  return error instanceof MissingArgument && error.capability in enabledArgs(conf, { [error.capability]: true });
}
