/**
 * A chain of iptables' nat table that belongs to one attachment: finding and deleting it, whichever iptables made it.
 */
import type { Nftables, NftRule } from "../../kernel/index.ts";
import { hasErrno } from "../contract/errno.ts";
import type { Handles } from "../contract/plugin.ts";
import { hasChain, rulesJumpingTo } from "./iptables-rule.ts";

export type NatHandles = Pick<Handles, "host" | "iptables">;

export interface NatChain {
  readonly family: 4 | 6;
  readonly chain: string;
  /** The chains that jump to it. */
  readonly entryChains: readonly string[];
}

/**
 * Deletes the chain and every rule that jumps to it; missing is success, and so is another process doing the same.
 *
 * iptables-nft keeps its tables in nf_tables, where we find and delete them ourselves: a few messages instead of two
 * processes. Only rules in the older kernel interface (iptables-legacy) need the tool, and only when it has a nat
 * table.
 */
export async function deleteNatChain({ host, iptables }: NatHandles, chain: NatChain): Promise<void> {
  const blocked = await deleteFromNftables(host.nftables, chain);
  if (!blocked && !iptables.legacyTables(chain.family).includes("nat")) return;
  await iptables.change({
    family: chain.family,
    table: "nat",
    decide: (saved) => natChainTeardown(saved, chain.chain),
  });
}

/** Lines that delete the chain and the rules jumping to it; none when the table lacks it. */
export function natChainTeardown(saved: readonly string[], chain: string): readonly string[] {
  if (!hasChain(saved, chain)) return [];
  return [...rulesJumpingTo(saved, chain).map((rule) => `-D ${rule.text}`), `-F ${chain}`, `-X ${chain}`];
}

/**
 * Whether the entry chain can jump to chains whose names start so; tells without a process whether reading the table is
 * worth one.
 */
export function mayHoldChains(
  { host, iptables }: NatHandles,
  family: 4 | 6,
  entryChain: string,
  prefix: string,
): boolean {
  if (!iptables.present(family)) return false;
  if (iptables.legacyTables(family).includes("nat")) return true;
  const rules = rulesIfUsable(host.nftables, { family: family === 4 ? "ip" : "ip6", table: "nat", chain: entryChain });
  return rules?.some((rule) => rule.jump?.startsWith(prefix) === true) === true;
}

/**
 * True when something other than the entry chains still jumps to it, which takes the tool's view of the whole table.
 */
async function deleteFromNftables(
  nftables: Nftables, { family, chain, entryChains }: NatChain,
): Promise<boolean> {
  const inTable = (name: string) => ({ family: family === 4 ? "ip" : "ip6", table: "nat", chain: name } as const);
  if (rulesIfUsable(nftables, inTable(chain)) === undefined) return false;
  try {
    await nftables.update(() => {
      if (nftables.rules(inTable(chain)) === undefined) return [];
      const entries = entryChains.flatMap((entry) =>
        (nftables.rules(inTable(entry)) ?? [])
          .filter((rule) => rule.jump === chain)
          .map((rule) => ({ do: "delete rule", ...inTable(entry), handle: rule.handle }) as const),
      );
      return [...entries, { do: "flush chain", ...inTable(chain) }, { do: "delete chain", ...inTable(chain) }];
    });
    return false;
  } catch (error) {
    if (hasErrno(error, "EBUSY")) return true;
    throw error;
  }
}

/** A kernel without nf_tables has no chain of ours. */
function rulesIfUsable(nftables: Nftables, chain: Parameters<Nftables["rules"]>[0]): readonly NftRule[] | undefined {
  try {
    return nftables.rules(chain);
  } catch (error) {
    if (nftables.usable()) throw error;
    return undefined;
  }
}
