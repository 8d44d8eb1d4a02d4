import { CniError, code } from "../../cni/index.ts";

/** What an ADD was based on had been told by a watch, and is not so any more. */
export class Outdated extends CniError {}

/** @param what  `pod "blue/web"` */
export function outdated(what: string): Outdated {
  return new Outdated(
    code.tryAgainLater,
    `Cannot go on with ${what}: it has been changed since it was read, expected the same call again`,
  );
}
