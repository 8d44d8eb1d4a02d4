/** Changes of nftables as nft reads them. The text of a rule is what nft prints once it is there. */
import type { NftChange } from "../../netlink/index.ts";

type AddRule = Extract<NftChange, { do: "add rule" }>;

/** @param list  rules of the change's chain as nft prints them, in order; undefined where there is no nft */
export function nftCommands(
  changes: readonly NftChange[],
  list: ((change: AddRule) => readonly string[]) | undefined,
): readonly string[] {
  const added = Map.groupBy(changes.filter((change) => change.do === "add rule"), placeOf);
  const texts = new Map([...added].map(([place, rules]) => {
    const [first] = rules;
    // New rules stand last.
    return [place, first === undefined || list === undefined ? [] : list(first).slice(-rules.length)];
  }));
  const next = new Map<string, number>();
  return changes.map((change) => {
    const place = placeOf(change);
    if (change.do !== "add rule") return `nft ${actOf(change)}`;
    const index = next.get(place) ?? 0;
    next.set(place, index + 1);
    const { comment } = change;
    const told = texts.get(place)?.[index] ?? `...${comment === undefined ? "" : ` comment "${comment}"`}`;
    return `nft add rule ${place} ${told}`;
  });
}

function placeOf(change: NftChange): string {
  const { family, table } = change;
  return "chain" in change ? `${family} ${table} ${change.chain}` : `${family} ${table}`;
}

function actOf(change: Exclude<NftChange, AddRule>): string {
  const place = placeOf(change);
  switch (change.do) {
    case "delete rule": return `delete rule ${place} handle ${change.handle}`;
    case "add chain": {
      const { base } = change;
      if (base === undefined) return `add chain ${place}`;
      const { type, hook, priority, policy } = base;
      const more = policy === undefined ? "" : ` policy ${policy} ;`;
      return `add chain ${place} { type ${type} hook ${hook} priority ${priority} ;${more} }`;
    }
    default: return `${change.do} ${place}`;
  }
}

/** Rules in what `nft list chain` prints. */
export function listedRules(text: string): readonly string[] {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && line !== "}" && !line.endsWith("{") && !/^(?:type|comment|policy) /.test(line));
}
