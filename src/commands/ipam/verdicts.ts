/** What speaks for and against each reservation: who is known to be there, and who is known to be gone. */
import type { Verdict } from "../../ipam/index.ts";
import { judge, usualGraceMs } from "../../ipam/index.ts";
import { bootId } from "../../os/index.ts";
import type { Remembered } from "../machine/known.ts";
import { namespaceState } from "../machine/known.ts";
import type { ScopeOfMachine } from "./pools.ts";

export interface Collecting {
  /** All may go in one run. */
  readonly force: boolean;
  /** Seconds. */
  readonly grace: number | undefined;
}

/**
 * The verdict on each lease of a scope. Leases are listed first, and only then is looked who is there: whoever comes
 * in between is not taken for gone. That nobody knows of a container is no evidence, other than of an earlier start of
 * this machine, which no container has outlived.
 */
export async function verdictsOn(
  { store, scope, node }: ScopeOfMachine,
  attachments: () => readonly Remembered[],
  { force, grace }: Collecting,
): Promise<readonly Verdict[]> {
  const listed = await store.list(scope), known = attachments(), boot = bootId();
  return judge(listed, {
    // Files are of one machine, whatever it is called.
    node: node === "" ? listed[0]?.owner.node ?? "" : node,
    nowMs: Date.now(), graceMs: grace === undefined ? usualGraceMs : grace * 1000,
    ...(force ? { share: 1 } : {}),
    evidence({ owner }) {
      const one = known.find(({ containerId, ifName }) => containerId === owner.containerId && ifName === owner.ifName)
        ?? known.find(({ containerId }) => containerId === owner.containerId);
      if (one !== undefined) return namespaceState(one.netns) === "there"
        ? { isGone: false, reason: "its container is there" }
        : { isGone: true, reason: "its container's network namespace is gone" };
      return owner.bootId !== "" && owner.bootId !== boot
        ? { isGone: true, reason: "it is of an earlier start of this machine, and no container of it is known" }
        : { isGone: false, reason: "nobody knows its container, which is no evidence" };
    },
  });
}
