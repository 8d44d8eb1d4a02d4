/**
 * firewall: lets through what the container sends and what is answered to it, where a host forwards nothing by itself.
 * Chained: it needs a prevResult, of which it takes the addresses.
 *
 * ADD    with firewalld binds the addresses to a zone; else two rules for each address, by iptables or nftables. An
 *        ingress policy keeps out what comes from other bridges (same-bridge), or from the same one as well (isolated).
 *        The result is prevResult.
 * DEL    removes the addresses' rules, whichever backend made them; already gone is success. What belongs to a bridge
 *        or to all containers stays.
 * CHECK  all of it is there.
 * GC     removes the rules of attachments that are no longer valid (nftables; others' do not tell their network).
 * STATUS the backend can be used.
 */
import { CniError, code, confSchema, versionsFrom } from "../../cni/index.ts";
import { definePlugin } from "../contract/define.ts";
import type { Attachment } from "../contract/plugin.ts";
import { chainedResult } from "../interface/chained.ts";
import { broken, requirePrevResult } from "../interface/check.ts";
import type { RuleOwner } from "../packet-rules/attachment-comment.ts";
import { withBackend } from "../packet-rules/backend.ts";
import type { FirewallConf, FirewallPlan } from "./conf.ts";
import { addressesOf, allowanceOf, backendOf, readPlan } from "./conf.ts";
import { warnOfIdleBridge } from "./idle-bridge.ts";
import { collectRules, deleteRules, letThrough, missingRule, rulesBackend, whyUnusable } from "./rules.ts";
import { bindToZone, unbindFromZone, whyNotBound } from "./zone.ts";

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
    const isBound = await bindToZone(plan, allowance.addresses, context);
    // An ingress policy is nothing that a zone could say.
    const left = isBound ? { ...allowance, addresses: [] } : allowance;
    await withBackend(context, rulesBackend(plan.backend), async (chosen) => await letThrough(chosen, left, context));
    return result;
  },

  async del(call, context) {
    const addresses = call.prevResult === undefined ? [] : addressesOf(call.prevResult);
    const deleted = await deleteRules(ownerOf(call), addresses, context);
    const backend = backendOf(call.conf.backend);
    if (backend === "firewalld" || (backend === undefined && !deleted))
      await unbindFromZone(call.conf.firewalldZone, addresses, context);
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
    if (validAttachments !== undefined) await collectRules(network, validAttachments, handles);
  },
});

function ownerOf({ network, attachment: { containerId, ifName } }: {
  readonly network: string; readonly attachment: Attachment;
}): RuleOwner {
  return { network, containerId, ifName };
}
