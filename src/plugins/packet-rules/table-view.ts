import type { NftRule, Nftables } from "../../kernel/index.ts";
import type { ChainName } from "../../netlink/index.ts";

/**
 * A table as one list of its rules tells it: chains that hold rules, and those that rules jump to, are there. The
 * kernel is asked of others alone, once each. Good as long as nobody changes the table: inside `Nftables.update`.
 */
export function tableView(
  nftables: Pick<Nftables, "rulesByChain" | "exists">, table: Omit<ChainName, "chain">,
): Pick<Nftables, "rules" | "exists"> {
  const listed = nftables.rulesByChain(table);
  const known = new Map<string, boolean>([...listed.keys()].map((chain) => [chain, true]));
  for (const rules of listed.values()) for (const target of rules.flatMap(targetOf)) known.set(target, true);
  const exists = (chain: ChainName): boolean => {
    const is = known.get(chain.chain) ?? nftables.exists(chain);
    known.set(chain.chain, is);
    return is;
  };
  return { exists, rules: (chain) => listed.get(chain.chain) ?? (exists(chain) ? [] : undefined) };
}

/** The chain that a rule jumps or goes to, which is of the same table, and which the kernel keeps for it. */
function targetOf({ jump }: NftRule): readonly string[] {
  return jump === undefined ? [] : [jump];
}
