/**
 * The skeleton of nftables chains around containers' rules, the same for whoever adds. The reference plugins declare
 * all of it again at every ADD, and flush and refill what holds fixed rules. But a declared chain that exists and a
 * rule that is replaced are freed after an RCU grace period, and closing the socket waits for that, 7 to 25 ms; so what
 * is as it should be is left alone. Fixed rules say what they are in their marks; after a flush by another program the
 * marks are gone and the chain is filled anew. All of this is only right inside `Nftables.update`, which starts over
 * when anything changed.
 */
import type { NftRule, Nftables } from "../../kernel/index.ts";
import type { BaseChain, ChainName, NftChange, nft } from "../../netlink/index.ts";
import { sha512Hex } from "./sha512.ts";

/** A rule with the text that tells it from others: equal texts stand for equal rules. */
export interface FixedRule {
  readonly text: string;
  /** Asked for only where the chain has to be filled, once in a node's life. */
  expressions(): readonly nft.Expression[];
}

/** What makes the chain unless it is there. */
export function madeChain(
  nftables: Pick<Nftables, "exists">,
  chain: ChainName,
  base?: BaseChain,
): readonly NftChange[] {
  return nftables.exists(chain) ? [] : [{ do: "add chain", ...chain, ...(base === undefined ? {} : { base }) }];
}

/**
 * What makes the chain hold these rules and no others; nothing when it does.
 *
 * @param existing  its rules; undefined when there is no such chain, which is then made
 */
export function fixedChain(
  chain: ChainName, existing: readonly NftRule[] | undefined, rules: readonly FixedRule[], base?: BaseChain,
): readonly NftChange[] {
  const marks = rules.map(({ text }) => markOf(text));
  if (existing?.length === rules.length && existing.every(({ mark }, index) => mark === marks[index])) return [];
  return [
    existing === undefined
      ? { do: "add chain", ...chain, ...(base === undefined ? {} : { base }) }
      : { do: "flush chain", ...chain },
    ...rules.map((rule, index): NftChange => ({
      do: "add rule",
      ...chain,
      expressions: rule.expressions(),
      mark: marks[index] ?? "",
    })),
  ];
}

/** A mark has room for a short text; of a long one it holds a hash. */
function markOf(text: string): string {
  return text.length <= longestMark ? text : sha512Hex(text, longestMark);
}

const longestMark = 40;
