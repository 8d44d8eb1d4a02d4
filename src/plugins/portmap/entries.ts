/** The entries of a container: the rules of the shared chain that lead to its own, for so many ports each. */
import type { ChainRule, SavedRule } from "../packet-rules/iptables-rule.ts";
import { optionOf } from "../packet-rules/iptables-rule.ts";
import type { SavedTable } from "../packet-rules/saved-table.ts";

export const dnatChain = "CNI-HOSTPORT-DNAT";

/** The entries that lead to the container's chain, by protocol and ports. */
export function entriesOf(table: SavedTable, chain: string): ReadonlyMap<string, readonly SavedRule[]> {
  const entries = table.rulesJumpingTo(chain).filter((rule) => rule.chain === dnatChain);
  return Map.groupBy(entries, (rule) => portsOf(rule));
}

export function portsOf(rule: ChainRule): string {
  return `${optionOf(rule, "-p")} ${optionOf(rule, "--dports")}`;
}

/**
 * The rules of which only the tool can say whether they are there: those that are not there word for word. Of entries
 * that differ in nothing but their ports, as printed, one stands for all.
 */
export function unclearRules(table: SavedTable, rules: readonly ChainRule[], chain: string): readonly ChainRule[] {
  const entries = entriesOf(table, chain), judged = new Set<string>();
  return rules.filter((rule) => {
    if (table.hasRule(rule.chain, rule.words)) return false;
    const [printed] = rule.chain === dnatChain ? entries.get(portsOf(rule)) ?? [] : [];
    if (printed === undefined) return true;
    const others = printed.words.toSpliced(printed.words.indexOf("--dports") + 1, 1).join("\0");
    const isFirst = !judged.has(others);
    judged.add(others);
    return isFirst;
  });
}
