import { CniError, code } from "../../cni/index.ts";
import { nft } from "../../netlink/index.ts";

/**
 * The comment by which a container's nftables rules are found again. It cannot be cut: other programs look for the
 * whole.
 *
 * @throws CniError 4 when nft would take none so long: the container id in it is the runtime's
 */
export function ruleComment(text: string): string {
  const bytes = Buffer.byteLength(text);
  if (bytes <= nft.maxCommentBytes) return text;
  throw new CniError(
    code.invalidEnvironment,
    `Cannot mark nftables rules with CNI_CONTAINERID: the comment "${text}" has ${bytes} bytes, expected at most ` +
      `${nft.maxCommentBytes}`,
  );
}
