/**
 * Letting through with nftables, in a table of our own for both families. Its chains are named as iptables' are:
 *
 *   FORWARD                 the hook; leads to the three below in this order
 *   CNI-ISOLATION-STAGE-1   what comes from a bridge with an ingress policy; CNI-ISOLATION-STAGE-2 drops what would
 *                           leave by another such bridge
 *   CNI-ADMINS              leads to the operator's own chains
 *   CNI-FORWARD             two rules for each address, found again by their comment
 */
import type { Nftables, NftRule } from "../../kernel/index.ts";
import type { ChainName, NftChange } from "../../netlink/index.ts";
import { nft } from "../../netlink/index.ts";
import type { ValidAttachment } from "../contract/plugin.ts";
import type { RuleOwner } from "../packet-rules/attachment-comment.ts";
import { attachmentComment, ownRules, staleRules } from "../packet-rules/attachment-comment.ts";
import type { FixedRule } from "../packet-rules/fixed-chain.ts";
import { fixedChain } from "../packet-rules/fixed-chain.ts";
import { tableView } from "../packet-rules/table-view.ts";
import type { Allowance } from "./conf.ts";

const family = "inet", table = "cni_firewall";
const forward = named("FORWARD"), own = named("CNI-FORWARD"), admins = named("CNI-ADMINS");
const stage1 = named("CNI-ISOLATION-STAGE-1"), stage2 = named("CNI-ISOLATION-STAGE-2");

const entries = [stage1, admins, own].map(({ chain }): FixedRule => (
  { text: `jump ${chain}`, expressions: () => nft.rule(family, nft.jump(chain)) }));

/** NF_IP_PRI_FILTER (linux/netfilter_ipv4.h), where nft's `filter` is. */
const filterPriority = 0;

export async function letThrough(nftables: Nftables, allowance: Allowance): Promise<void> {
  await nftables.update(() => setup(tableView(nftables, { family, table }), allowance));
}

/** The transaction that makes the objects, drops the attachment's earlier rules and adds those for its addresses. */
export function setup(nftables: Pick<Nftables, "rules" | "exists">, allowance: Allowance): readonly NftChange[] {
  const { addresses, adminChain, ingress } = allowance;
  const comment = attachmentComment(allowance);
  const listed = nftables.rules(own), led = nftables.rules(admins), operators = named(adminChain);
  return [
    { do: "add table", family, table, comment: "CNI firewall" },
    ...[own, admins, stage1, operators, ...(ingress === undefined ? [] : [stage2])]
      .filter((chain) => !nftables.exists(chain)).map((chain) => ({ do: "add chain", ...chain }) as const),
    ...fixedChain(
      forward,
      nftables.rules(forward),
      entries,
      { type: "filter", hook: "forward", priority: filterPriority, policy: "accept" },
    ),
    ...(led?.some(({ jump }) => jump === adminChain) === true
      ? []
      : [{ do: "add rule", ...admins, expressions: nft.rule(family, nft.jump(adminChain)) } as const]),
    ...isolation(nftables, allowance),
    ...deletions(own, ownRules(listed ?? [], allowance)),
    ...addresses.flatMap((address) => [
      nft.rule(family, nft.daddr("==", address), nft.ctState("==", "established", "related"), nft.accept()),
      nft.rule(family, nft.saddr("==", address), nft.accept()),
    ]).map((expressions): NftChange => ({ do: "add rule", ...own, comment, expressions })),
  ];
}

/** What the bridge's policy lacks; each rule says in its mark what it is. A policy of before that was stricter goes. */
function isolation(nftables: Pick<Nftables, "rules">, { ingress }: Allowance): readonly NftChange[] {
  if (ingress === undefined) return [];
  const { bridge, policy } = ingress, marks = marksOf(bridge);
  const first = nftables.rules(stage1) ?? [], second = nftables.rules(stage2) ?? [];
  const inside = first.filter(({ mark }) => mark === marks.inside);
  const add = (chain: ChainName, mark: string, ...parts: readonly nft.RulePart[]): NftChange => (
    { do: "add rule", ...chain, mark, expressions: nft.rule(family, ...parts) });
  return [
    ...(has(first, marks.leaving) ? [] : [
      add(stage1, marks.leaving, nft.iifname("==", bridge), nft.oifname("!=", bridge), nft.jump(stage2.chain)),
    ]),
    ...(policy === "same-bridge" ? deletions(stage1, inside) : inside.length > 0 ? [] : [
      add(stage1, marks.inside, nft.iifname("==", bridge), nft.oifname("==", bridge), nft.drop()),
    ]),
    ...(has(second, marks.arriving) ? [] : [add(stage2, marks.arriving, nft.oifname("==", bridge), nft.drop())]),
  ];
}

function marksOf(bridge: string): Readonly<Record<"leaving" | "inside" | "arriving", string>> {
  return { leaving: `leaving ${bridge}`, inside: `inside ${bridge}`, arriving: `arriving ${bridge}` };
}

function has(rules: readonly NftRule[], mark: string): boolean {
  return rules.some((rule) => rule.mark === mark);
}

/** @returns whether there were any */
export async function deleteRules(nftables: Nftables, owner: RuleOwner): Promise<boolean> {
  let found = 0;
  await nftables.update(() => {
    const rules = ownRules(nftables.rules(own) ?? [], owner);
    found = rules.length;
    return deletions(own, rules);
  });
  return found > 0;
}

/** Deletes rules of this network that no valid attachment accounts for. */
export async function collectRules(
  nftables: Nftables, network: string, valid: readonly ValidAttachment[],
): Promise<void> {
  await nftables.update(() => deletions(own, staleRules(nftables.rules(own) ?? [], network, valid)));
}

/** Which chain has fewer rules than there should be, in words; undefined when none has. */
export function missingRules(nftables: Pick<Nftables, "rules">, allowance: Allowance): string | undefined {
  const wanted = 2 * allowance.addresses.length, { length } = ownRules(nftables.rules(own) ?? [], allowance);
  if (length < wanted) return `${shown(own)} has ${length} rules for it, expected ${wanted}`;
  if (allowance.ingress === undefined) return undefined;
  const { bridge, policy } = allowance.ingress, marks = marksOf(bridge);
  const lacking = [
    { chain: stage1, mark: marks.leaving },
    { chain: stage2, mark: marks.arriving },
    ...(policy === "isolated" ? [{ chain: stage1, mark: marks.inside }] : []),
  ].find(({ chain, mark }) => !has(nftables.rules(chain) ?? [], mark));
  return lacking === undefined ? undefined : `${shown(lacking.chain)} has no rule for packets ${lacking.mark}`;
}

function deletions(chain: ChainName, rules: readonly NftRule[]): readonly NftChange[] {
  return rules.map(({ handle }) => ({ do: "delete rule", ...chain, handle }));
}

function named(chain: string): ChainName {
  return { family, table, chain };
}

function shown({ chain }: ChainName): string {
  return `chain "${family} ${table} ${chain}"`;
}
