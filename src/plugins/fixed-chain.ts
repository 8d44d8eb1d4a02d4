/**
 * nftables chains whose rules are the same whoever adds: the skeleton around containers' rules. The reference plugins flush
 * and refill them at every ADD. Replaced rules are freed after an RCU grace period, and closing the socket waits for
 * that, 7 ms and more; so a chain that holds just what it should is left alone. Its rules say what they are in their marks;
 * after a flush by another program the marks are gone and the chain is filled anew.
 */
import type { ChainName, NftChange, NftRule } from "../kernel/index.ts";
import type { nft } from "../netlink/index.ts";
import { sha512Hex } from "./sha512.ts";

/** A rule with the text that tells it from others: equal texts stand for equal rules. */
export interface FixedRule {
  readonly text: string;
  readonly expressions: readonly nft.Expression[];
}

/** What makes the chain, which is there by then, hold these rules and no others; nothing when it does. */
export function fixedChain(chain: ChainName, existing: readonly NftRule[] | undefined, rules: readonly FixedRule[]): readonly NftChange[] {
  const marks = rules.map(({ text }) => markOf(text));
  if (existing?.length === rules.length && existing.every(({ mark }, index) => mark === marks[index])) return [];
  return [
    { do: "flush chain", ...chain },
    ...rules.map(({ expressions }, index): NftChange => ({ do: "add rule", ...chain, expressions, mark: marks[index] ?? "" })),
  ];
}

/** A mark has room for a short text; of a long one it holds a hash. */
function markOf(text: string): string {
  return text.length <= longestMark ? text : sha512Hex(text).slice(0, longestMark);
}

const longestMark = 40;
