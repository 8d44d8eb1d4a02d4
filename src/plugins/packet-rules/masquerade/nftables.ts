/**
 * Masquerade with nftables: one table for all networks, with a rule for each address. A rule is found again by its
 * comment, which starts with a hash of the network and one of interface and container.
 */
import type { Nftables, NftRule } from "../../../kernel/index.ts";
import { networkOf, parsePrefix } from "../../../net/index.ts";
import type { ChainName, NftChange } from "../../../netlink/index.ts";
import { nft } from "../../../netlink/index.ts";
import type { ValidAttachment } from "../../contract/plugin.ts";
import { attachmentComment, ownRules, staleRules } from "../attachment-comment.ts";
import type { FixedRule } from "../fixed-chain.ts";
import { fixedChain } from "../fixed-chain.ts";
import { tableView } from "../table-view.ts";
import type { Masquerade } from "./masquerade.ts";

type Owner = Omit<Masquerade, "addresses">;

const family = "inet";
const table = "cni_plugins_masquerade";
const checks: ChainName = { family, table, chain: "masq_checks" };
const postrouting: ChainName = { family, table, chain: "postrouting" };

/** What is left alone, and what leads to the rules. */
const entries: readonly FixedRule[] = [
  ...[["ip", "224.0.0.0/4"], ["ip6", "ff00::/8"]].map(([header = "", group = ""]): FixedRule => ({
    text: `${header} daddr ${group} return`,
    expressions: () => nft.rule(family, nft.daddr("==", parsePrefix(group)), nft.returnVerdict()),
  })),
  { text: `goto ${checks.chain}`, expressions: () => nft.rule(family, nft.goto(checks.chain)) },
];

export async function setMasqueradeRules(nftables: Nftables, masquerade: Masquerade): Promise<void> {
  await nftables.update(() => masqueradeSetup(tableView(nftables, { family, table }), masquerade));
}

export async function deleteMasqueradeRules(nftables: Nftables, owner: Owner): Promise<void> {
  await nftables.update(() => deletions(ownRules(nftables.rules(checks) ?? [], owner)));
}

/** Deletes rules of this network that no valid attachment accounts for. */
export async function collectMasqueradeRules(
  nftables: Nftables, network: string, valid: readonly ValidAttachment[],
): Promise<void> {
  await nftables.update(() => deletions(staleRules(nftables.rules(checks) ?? [], network, valid)));
}

/** The transaction that makes the objects, drops the attachment's earlier rules and adds those for its addresses. */
export function masqueradeSetup(nftables: Pick<Nftables, "rules">, masquerade: Masquerade): readonly NftChange[] {
  const comment = attachmentComment(masquerade);
  const existing = nftables.rules(checks);
  return [
    { do: "add table", family, table, comment: "IP masquerade for CNI networks" },
    ...(existing !== undefined
      ? []
      : [{ do: "add chain", ...checks, comment: "one rule for each address that is masqueraded" } as const]),
    ...fixedChain(
      postrouting,
      nftables.rules(postrouting),
      entries,
      { type: "nat", hook: "postrouting", priority: 100 },
    ),
    ...deletions(ownRules(existing ?? [], masquerade)),
    ...masquerade.addresses.map((address): NftChange => ({
      do: "add rule",
      ...checks,
      comment,
      expressions: nft.rule(
        family,
        nft.saddr("==", address.address),
        nft.daddr("!=", networkOf(address)),
        nft.masquerade(),
      ),
    })),
  ];
}

function deletions(rules: readonly NftRule[]): readonly NftChange[] {
  return rules.map(({ handle }) => ({ do: "delete rule", ...checks, handle }));
}
