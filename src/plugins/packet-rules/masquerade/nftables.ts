/**
 * Masquerade with nftables: one table for all networks, with a rule for each address. A rule is found again by its
 * comment, which starts with a hash of the network and one of interface and container.
 */
import type { Nftables, NftRule } from "../../../kernel/index.ts";
import { networkOf, parsePrefix } from "../../../net/index.ts";
import type { ChainName, NftChange } from "../../../netlink/index.ts";
import { nft } from "../../../netlink/index.ts";
import type { ValidAttachment } from "../../contract/plugin.ts";
import { fixedChain } from "../fixed-chain.ts";
import { sha512Hex } from "../sha512.ts";
import type { Masquerade } from "./masquerade.ts";

type Owner = Omit<Masquerade, "addresses">;

const family = "inet";
const table = "cni_plugins_masquerade";
const checks: ChainName = { family, table, chain: "masq_checks" };
const postrouting: ChainName = { family, table, chain: "postrouting" };

export async function setMasqueradeRules(nftables: Nftables, masquerade: Masquerade): Promise<void> {
  await nftables.update(() => masqueradeSetup(nftables, masquerade));
}

export async function deleteMasqueradeRules(nftables: Nftables, owner: Owner): Promise<void> {
  const prefix = commentPrefix(owner);
  await nftables.update(() => deletions(
    (nftables.rules(checks) ?? []).filter((one) => one.comment?.startsWith(prefix)),
  ));
}

/** Deletes rules of this network that no valid attachment accounts for. */
export async function collectMasqueradeRules(
  nftables: Nftables, network: string, valid: readonly ValidAttachment[],
): Promise<void> {
  await nftables.update(() => deletions(staleMasqueradeRules(nftables.rules(checks) ?? [], network, valid)));
}

/** The transaction that makes the objects, drops the attachment's earlier rules and adds those for its addresses. */
export function masqueradeSetup(nftables: Pick<Nftables, "rules">, masquerade: Masquerade): readonly NftChange[] {
  const prefix = commentPrefix(masquerade);
  const comment = masqueradeRuleComment(masquerade);
  const existing = nftables.rules(checks);
  return [
    { do: "add table", family, table, comment: "IP masquerade for CNI networks" },
    ...(existing !== undefined
      ? []
      : [{ do: "add chain", ...checks, comment: "one rule for each address that is masqueraded" } as const]),
    ...fixedChain(
      postrouting,
      nftables.rules(postrouting),
      [
        {
          text: "ip daddr 224.0.0.0/4 return",
          expressions: nft.rule(family, nft.daddr("==", parsePrefix("224.0.0.0/4")), nft.returnVerdict()),
        },
        {
          text: "ip6 daddr ff00::/8 return",
          expressions: nft.rule(family, nft.daddr("==", parsePrefix("ff00::/8")), nft.returnVerdict()),
        },
        { text: `goto ${checks.chain}`, expressions: nft.rule(family, nft.goto(checks.chain)) },
      ],
      { type: "nat", hook: "postrouting", priority: 100 },
    ),
    ...deletions((existing ?? []).filter((one) => one.comment?.startsWith(prefix))),
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

export function staleMasqueradeRules(
  rules: readonly NftRule[],
  network: string,
  valid: readonly ValidAttachment[],
): readonly NftRule[] {
  const kept = new Set(
    valid.map(({ containerID, ifname }) =>
      masqueradeRuleComment({ network, containerId: containerID, ifName: ifname }),
    ),
  );
  const prefix = `${networkHash(network)}-`;
  return rules.filter(({ comment }) => comment?.startsWith(prefix) === true && !kept.has(comment));
}

/**
 * `<hash of network>-<hash of interface and container>, net: ..., if: ..., id: ...`, cut where nft would refuse more.
 */
export function masqueradeRuleComment(owner: Owner): string {
  const plain = (text: string) => text.replaceAll('"', "");
  const comment = `${commentPrefix(owner)}, net: ${plain(owner.network)}, if: ${plain(owner.ifName)}, id: ` +
    `${plain(owner.containerId)}`;
  const bytes = new TextEncoder().encode(comment);
  return bytes.length <= nft.maxCommentBytes
    ? comment
    : new TextDecoder().decode(bytes.subarray(0, nft.maxCommentBytes), { stream: true });
}

function commentPrefix({ network, ifName, containerId }: Owner): string {
  return `${networkHash(network)}-${attachmentHash(ifName, containerId)}`;
}

export function networkHash(network: string): string {
  return sha512Hex(network).slice(0, 16);
}

export function attachmentHash(ifName: string, containerId: string): string {
  return sha512Hex(`${ifName}:${containerId}`).slice(0, 16);
}

function deletions(rules: readonly NftRule[]): readonly NftChange[] {
  return rules.map(({ handle }) => ({ do: "delete rule", ...checks, handle }));
}
