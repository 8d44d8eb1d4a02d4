import type { Iptables } from "../../exec/index.ts";
import type { ChainRule } from "./iptables-rule.ts";
import { ruleText } from "./iptables-rule.ts";
import type { SavedTable } from "./saved-table.ts";
import { savedTable } from "./saved-table.ts";

/** So few are looked for one by one, by the tool. For more the table is read, once. */
const askedMax = 64;

/**
 * The first of the rules that the table lacks, as text; undefined when it has all of them.
 *
 * @param unclear  of the rules, those of which only the tool can say whether they are there; absent: those that are not
 *   there word for word
 */
export async function missingRule(
  iptables: Pick<Iptables, "save" | "missing">,
  { family, table }: { readonly family: 4 | 6; readonly table: string },
  rules: readonly ChainRule[],
  unclear = unlike,
): Promise<string | undefined> {
  const asked = rules.length <= askedMax ? rules : unclear(savedTable(await iptables.save(family, table)), rules);
  if (asked.length === 0) return undefined;
  return await iptables.missing(family, table, asked.map(({ chain, words }) => ruleText(chain, words)));
}

function unlike(table: SavedTable, rules: readonly ChainRule[]): readonly ChainRule[] {
  return rules.filter(({ chain, words }) => !table.hasRule(chain, words));
}
