import { messageOf } from "../../cni/index.ts";

/** Throws the one error there is, or all of them as one, whose code is that of the first. */
export function throwAll(errors: readonly unknown[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join("\n"));
}
