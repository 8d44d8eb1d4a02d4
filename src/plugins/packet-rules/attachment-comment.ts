/**
 * The comment by which an attachment's nftables rules are found again: it starts with a hash of the network and one of
 * interface and container, so that DEL finds one attachment's and GC those of a network.
 */
import type { NftRule } from "../../kernel/index.ts";
import { nft } from "../../netlink/index.ts";
import type { ValidAttachment } from "../contract/plugin.ts";
import { sha512Hex } from "./sha512.ts";

export interface RuleOwner {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
}

/**
 * `<hash of network>-<hash of interface and container>, net: ..., if: ..., id: ...`, cut where nft would refuse more.
 */
export function attachmentComment(owner: RuleOwner): string {
  const plain = (text: string) => text.replaceAll('"', "");
  const comment = `${commentPrefix(owner)}, net: ${plain(owner.network)}, if: ${plain(owner.ifName)}, id: ` +
    `${plain(owner.containerId)}`;
  if (Buffer.byteLength(comment) <= nft.maxCommentBytes) return comment;
  const bytes = new TextEncoder().encode(comment);
  return new TextDecoder().decode(bytes.subarray(0, nft.maxCommentBytes), { stream: true });
}

/** Those of one attachment. */
export function ownRules(rules: readonly NftRule[], owner: RuleOwner): readonly NftRule[] {
  const prefix = commentPrefix(owner);
  return rules.filter(({ comment }) => comment?.startsWith(prefix));
}

/** Those of a network that no valid attachment accounts for. */
export function staleRules(
  rules: readonly NftRule[],
  network: string,
  valid: readonly ValidAttachment[],
): readonly NftRule[] {
  const kept = new Set(
    valid.map(({ containerID, ifname }) => attachmentComment({ network, containerId: containerID, ifName: ifname })),
  );
  const prefix = `${networkHash(network)}-`;
  return rules.filter(({ comment }) => comment?.startsWith(prefix) === true && !kept.has(comment));
}

function commentPrefix({ network, ifName, containerId }: RuleOwner): string {
  return `${networkHash(network)}-${attachmentHash(ifName, containerId)}`;
}

export function networkHash(network: string): string {
  return sha512Hex(network, 16);
}

export function attachmentHash(ifName: string, containerId: string): string {
  return sha512Hex(`${ifName}:${containerId}`, 16);
}
