/**
 * firewall: lets through what the container sends and what is answered to it, where a host forwards nothing by itself.
 * Chained: it needs a prevResult, of which it takes the addresses.
 *
 * ADD    with firewalld binds the addresses to a zone; else two rules for each address, by iptables or nftables. An
 *        ingress policy keeps out what comes from other bridges (same-bridge), or from the same one as well (isolated).
 *        What iptables and firewalld would not tell is noted before (note.ts). The result is prevResult.
 * DEL    removes the addresses' rules, whichever backend made them; already gone is success. What belongs to a bridge
 *        or to all containers stays.
 * CHECK  all of it is there.
 * GC     removes the rules of attachments that are no longer valid, and their addresses from the zone.
 * STATUS the backend can be used.
 */
import { CniError, code, confSchema, versionsFrom } from "../../cni/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { AddContext, Attachment } from "../contract/plugin.ts";
import { chainedResult } from "../interface/chained.ts";
import { broken, requirePrevResult } from "../interface/check.ts";
import type { RuleOwner } from "../packet-rules/attachment-comment.ts";
import { withBackend } from "../packet-rules/backend.ts";
import type { Allowance, FirewallConf, FirewallPlan } from "./conf.ts";
import { addressesOf, allowanceOf, backendOf, readPlan } from "./conf.ts";
import { warnOfIdleBridge } from "./idle-bridge.ts";
import { allOf, loadNote, removeNote, staleNotes, writeNote } from "./note.ts";
import {
  collectRules, deleteAddressRules, deleteRules, letThrough, missingRule, rulesBackend, whyUnusable,
} from "./rules.ts";
import { asksZone, bindToZone, unbindFromZone, whyNotBound } from "./zone.ts";

export const firewall = definePlugin<FirewallConf, FirewallPlan>({
  type: "firewall",
  versions: versionsFrom("0.4.0"),
  schema: confSchema("firewall"),
  ipam: "none",
  isChained: true,

  read: ({ conf }) => readPlan(conf),

  async add(call, context) {
    const { plan, network } = call, result = chainedResult(call.prevResult, "firewall", network);
    const allowance = allowanceOf(plan, result, ownerOf(call));
    warnOfIdleBridge(allowance, context);
    note(plan, allowance, context);
    const isBound = await bindToZone(plan, allowance.addresses, context);
    // An ingress policy is nothing that a zone could say.
    const left = isBound ? { ...allowance, addresses: [] } : allowance;
    await withBackend(context, rulesBackend(plan.backend), async (chosen) => await letThrough(chosen, left, context));
    return result;
  },

  async del(call, context) {
    const owner = ownerOf(call), noted = loadNote(owner, context);
    const addresses = allOf(
      call.prevResult === undefined ? [] : addressesOf(call.prevResult), noted?.addresses ?? []);
    const deleted = await deleteRules(owner, addresses, context);
    const backend = backendOf(call.conf.backend), { zone = call.conf.firewalldZone } = noted ?? {};
    if (noted?.zone !== undefined || backend === "firewalld" || (backend === undefined && !deleted))
      await unbindFromZone(zone, addresses, context);
    removeNote(owner, context);
  },

  async check(call, handles) {
    const { plan, network } = call, allowance = allowanceOf(plan, requirePrevResult(call.prevResult, network),
      ownerOf(call));
    const fail = (why: string): never => {
      throw broken(`Cannot find what lets container "${allowance.containerId}" through: ${why}`);
    };
    const unbound = await whyNotBound(plan, allowance.addresses, handles);
    if (unbound !== undefined && plan.backend === "firewalld") fail(unbound);
    const left = unbound === undefined ? { ...allowance, addresses: [] } : allowance;
    await withBackend(handles, rulesBackend(plan.backend), async (chosen) => {
      const missing = await missingRule(chosen, left, handles);
      if (missing !== undefined) fail(missing);
    });
  },

  async status({ plan }, handles) {
    const problem = plan === undefined ? undefined : await whyUnusable(plan.backend, handles);
    if (problem !== undefined) throw new CniError(code.notReady, `Cannot use plugin "firewall": ${problem}`);
  },

  async gc({ network, validAttachments }, handles) {
    if (validAttachments === undefined) return;
    await collectRules(network, validAttachments, handles);
    for (const { addresses, zone, remove } of staleNotes(network, validAttachments, handles)) {
      await deleteAddressRules(addresses, handles);
      if (zone !== undefined) await unbindFromZone(zone, addresses, handles);
      remove();
    }
  },
});

/** nftables tells by itself. */
function note({ backend, zone }: FirewallPlan, { addresses, ...owner }: Allowance, context: AddContext): void {
  if (backend === "nftables" || addresses.length === 0) return;
  writeNote(owner, { addresses, ...(asksZone(backend, context) ? { zone } : {}) }, context);
}

function ownerOf({ network, attachment: { containerId, ifName } }: {
  readonly network: string; readonly attachment: Attachment;
}): RuleOwner {
  return { network, containerId, ifName };
}
