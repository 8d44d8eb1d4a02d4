import type { Lease, LeaseStore } from "../../ipam/index.ts";
import { judge } from "../../ipam/index.ts";
import type { ValidAttachment } from "../contract/plugin.ts";

/** The reservations of one network among those of its scope. */
export interface NetworkScope {
  readonly store: LeaseStore;
  readonly scope: string;
  readonly network: string;
  readonly validAttachments: readonly ValidAttachment[];
}

/** A scope that networks share has leases of which a call about one network says nothing. */
export function isValidIn({ scope, network, validAttachments }: NetworkScope): (lease: Lease) => boolean {
  return (lease) => (lease.owner.network ?? scope) !== network ||
    validAttachments.some((valid) => isHeldBy(lease, valid));
}

/**
 * GC in a store that nodes share: this node's own, and nothing that is younger than the grace. What others have is not
 * even read, which bounds a GC by what the node has, however many nodes there are.
 */
export async function collectShared(of: NetworkScope, node: string): Promise<void> {
  const { store, scope } = of, isValid = isValidIn(of);
  const listed = await (store.own?.(scope) ?? store.list(scope));
  const evidence = (lease: Lease) => isValid(lease)
    ? { isGone: false, reason: "the runtime has its attachment, or it is another network's" }
    : { isGone: true, reason: "the runtime does not have its attachment" };
  const verdicts = judge(listed, { node, nowMs: Date.now(), evidence });
  const gone = verdicts.filter(({ isCollected }) => isCollected).map(({ lease }) => lease);
  if (gone.length > 0) await store.collect(scope, gone, () => false);
}

/** Files of old hold a container id alone: any interface of it will do. */
function isHeldBy({ owner }: Lease, valid: ValidAttachment): boolean {
  return owner.containerId === valid.containerID.trim() && (owner.ifName === "" || owner.ifName === valid.ifname);
}
