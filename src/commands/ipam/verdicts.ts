/** What speaks for and against each reservation: who is known to be there, and who is known to be gone. */
import type { BlockVerdict, Evidence, KeptVerdict, ListedLease, Verdict } from "../../ipam/index.ts";
import { judge, judgeBlocks, judgeKept, usualGraceMs } from "../../ipam/index.ts";
import { bootId } from "../../os/index.ts";
import type { Remembered } from "../machine/known.ts";
import { namespaceState } from "../machine/known.ts";
import type { AskingOthers } from "./others.ts";
import { askOthers } from "./others.ts";
import type { ScopeOfMachine } from "./pools.ts";

export interface Collecting extends AskingOthers {
  /** All may go in one run. */
  readonly force: boolean;
  readonly graceMs?: number | undefined;
  /** The containers that this machine remembers; asked after reservations were listed. */
  attachments(): readonly Remembered[];
}

export interface Verdicts {
  readonly leases: readonly Verdict[];
  readonly kept: readonly KeptVerdict[];
  readonly blocks: readonly BlockVerdict[];
}

/**
 * The verdict on all that is kept in a scope. It is listed first, and only then is looked who is there: whoever comes
 * in between is not taken for gone.
 */
export async function verdictsOn(of: ScopeOfMachine, collecting: Collecting): Promise<Verdicts> {
  const survey = await of.store.survey?.(of.scope), listed = survey?.leases ?? await of.store.list(of.scope);
  const evidence = evidenceOfOwn(collecting.attachments());
  const others = survey === undefined ? undefined : await askOthers(of, survey, collecting);
  const leases = judge(listed, {
    // Files are of one machine, whatever it is called.
    node: of.node === "" ? listed[0]?.owner.node ?? "" : of.node,
    nowMs: Date.now(), graceMs: collecting.graceMs ?? usualGraceMs, evidence,
    ...(collecting.force ? { share: 1 } : {}),
    ...(others === undefined ? {} : { others: (lease: ListedLease) => others.ofLease(lease) }),
  });
  return {
    leases,
    kept: others === undefined ? [] : judgeKept(survey?.kept ?? [], others.ofClaim),
    blocks: others === undefined ? [] : judgeBlocks(survey?.blocks ?? [], leases, others.ofNode),
  };
}

/**
 * That nobody knows of a container is no evidence, other than of an earlier start of this machine, which no container
 * has outlived.
 */
function evidenceOfOwn(known: readonly Remembered[]): (lease: ListedLease) => Evidence {
  const boot = bootId();
  return ({ owner }) => {
    const one = known.find(({ containerId, ifName }) => containerId === owner.containerId && ifName === owner.ifName)
      ?? known.find(({ containerId }) => containerId === owner.containerId);
    if (one !== undefined) return namespaceState(one.netns) === "there"
      ? { isGone: false, reason: "its container is there" }
      : { isGone: true, reason: "its container's network namespace is gone" };
    return owner.bootId !== "" && owner.bootId !== boot
      ? { isGone: true, reason: "it is of an earlier start of this machine, and no container of it is known" }
      : { isGone: false, reason: "nobody knows its container, which is no evidence" };
  };
}
