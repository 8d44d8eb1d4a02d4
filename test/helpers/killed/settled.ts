// What of a test's world is the same whenever a call was killed.
import type { World } from "../runtime.ts";
import { leftovers, state } from "../runtime.ts";

/** Temporary file of a killed write: a GC deletes it a minute later, when nobody can be writing it any more. */
const killedWrite = "cni/(?:results/)?\\.polynic-[^/]+\\.tmp";
/** Locks are made at first use, and where the next allocation begins differs after every ADD. */
const unsettled = `networks/[^/]+/last_reserved_ip|cni/\\.polynic/lock-|${killedWrite}`;

/**
 * The state without what stays, or differs, by design.
 * @param more  further paths of that kind, as a regular expression
 */
export function settledState(world: World, more?: string): readonly string[] {
  const pattern = new RegExp(`^/files/(?:${more === undefined ? "" : `${more}|`}${unsettled})`);
  return state(world).filter((line) => !pattern.test(line));
}

/** What is left of the container that is not taken away later by design. */
export function settledLeftovers(world: World): readonly string[] {
  const pattern = new RegExp(`^file ${killedWrite}$`);
  return leftovers(world).filter((line) => !pattern.test(line));
}
