import { messageOf } from "../../cni/index.ts";

/** Throws the one error there is, or all of them as one, whose code is that of the first. */
export function throwAll(errors: readonly unknown[]): void {
  if (errors.length === 1) throw errors[0];
  if (errors.length > 1) throw new AggregateError(errors, errors.map(messageOf).join("\n"));
}

/** All of it goes to its end, whatever fails of it; what failed is then thrown as `throwAll` does. */
export async function allDone(works: readonly (Promise<unknown> | undefined)[]): Promise<void> {
  const ended = await Promise.allSettled(works);
  throwAll(ended.filter((outcome) => outcome.status === "rejected").map((outcome) => outcome.reason));
}
