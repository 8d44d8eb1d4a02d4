/**
 * A chain of iptables' nat table that belongs to one attachment: finding and deleting it, whichever iptables made it.
 */
import type { Nftables } from "../../kernel/index.ts";
import type { ChainName } from "../../netlink/index.ts";
import { hasErrno } from "../contract/errno.ts";
import type { Handles } from "../contract/plugin.ts";
import type { SavedTable } from "./saved-table.ts";
import { savedTable } from "./saved-table.ts";

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
  if (blocked === undefined && !iptables.legacyTables(chain.family).includes("nat")) return;
  await iptables.change({
    family: chain.family,
    table: "nat",
    decide: (saved) => natChainsTeardown(saved, [chain.chain]),
  });
  // The tool shows nothing of a table that holds what it does not know.
  if (blocked !== undefined && isThere(host.nftables, nameOf(chain.family, chain.chain))) throw blocked;
}

/** Whether the chain can be there, as far as that is known without a process: what never had one needs no tool. */
export function mayHaveChain(
  { host, iptables }: NatHandles, { family, chain }: Pick<NatChain, "family" | "chain">,
): boolean {
  return isThere(host.nftables, nameOf(family, chain))
    || (iptables.present(family) && iptables.legacyTables(family).includes("nat"));
}

/** Lines that delete each of the chains and what jumps to it. */
export function natChainsTeardown(saved: readonly string[], chains: readonly string[]): readonly string[] {
  const table = savedTable(saved);
  return chains.flatMap((chain) => natChainTeardown(table, chain));
}

/** Lines that delete the chain and the rules jumping to it; none when the table lacks it. */
function natChainTeardown(saved: SavedTable, chain: string): readonly string[] {
  if (!saved.hasChain(chain)) return [];
  return [...saved.rulesJumpingTo(chain).map((rule) => `-D ${rule.text}`), `-F ${chain}`, `-X ${chain}`];
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
  const entries = nameOf(family, entryChain);
  return isThere(host.nftables, entries)
    && host.nftables.rules(entries)?.some((rule) => rule.jump?.startsWith(prefix) === true) === true;
}

/**
 * Returns the kernel's refusal when something other than the entry chains still jumps to it, which takes the tool's
 * view of the whole table.
 */
async function deleteFromNftables(
  nftables: Nftables, { family, chain, entryChains }: NatChain,
): Promise<Error | undefined> {
  const inTable = (name: string) => nameOf(family, name);
  if (!isThere(nftables, inTable(chain))) return undefined;
  try {
    await nftables.update(() => {
      if (!nftables.exists(inTable(chain))) return [];
      const entries = entryChains.flatMap((entry) =>
        (nftables.rules(inTable(entry)) ?? [])
          .filter((rule) => rule.jump === chain)
          .map((rule) => ({ do: "delete rule", ...inTable(entry), handle: rule.handle }) as const),
      );
      return [...entries, { do: "flush chain", ...inTable(chain) }, { do: "delete chain", ...inTable(chain) }];
    });
    return undefined;
  } catch (error) {
    if (error instanceof Error && hasErrno(error, "EBUSY")) return error;
    throw error;
  }
}

function nameOf(family: 4 | 6, chain: string): ChainName {
  return { family: family === 4 ? "ip" : "ip6", table: "nat", chain };
}

/**
 * Its rules, which may be a hundred thousand, are not looked at. A kernel without nf_tables has no chain of ours.
 */
function isThere(nftables: Nftables, chain: ChainName): boolean {
  try {
    return nftables.exists(chain);
  } catch (error) {
    if (nftables.usable()) throw error;
    return false;
  }
}
