/** What pods send out of the cluster bears the node's address; what stays inside it bears their own. */
import { createHash } from "node:crypto";
import type { Nftables } from "../../kernel/index.ts";
import type { Prefix } from "../../net/index.ts";
import { compareAddresses, formatPrefix, parsePrefix } from "../../net/index.ts";
import type { ChainName, NftChange } from "../../netlink/index.ts";
import { nft } from "../../netlink/index.ts";

const family = "inet", table = "polynic_reach";
const chain: ChainName = { family, table, chain: "postrouting" };

export interface Inside {
  /** Of this node's pods. */
  readonly subnets: readonly Prefix[];
  /** What is in the cluster: pods and nodes. */
  readonly inside: readonly Prefix[];
}

/** Nobody outside answers to these. */
const everybody = [parsePrefix("224.0.0.0/4"), parsePrefix("ff00::/8")];
/** An attribute of netlink has 64 KiB, and an element up to 60 bytes. */
const elementsMax = 500;

/** Puts the table in place, in one transaction, where it is not as it should be. */
export async function setMasquerade(nftables: Nftables, inside: Inside): Promise<void> {
  const mark = digestOf(inside);
  await nftables.update(() => (isInPlace(nftables, mark) ? [] : [...removal(nftables), ...setup(inside, mark)]));
}

/** @returns whether there was one */
export async function removeMasquerade(nftables: Nftables): Promise<boolean> {
  const isThere = nftables.exists(chain);
  await nftables.update(() => removal(nftables));
  return isThere;
}

function removal(nftables: Pick<Nftables, "exists">): readonly NftChange[] {
  return nftables.exists(chain) ? [{ do: "delete table", family, table }] : [];
}

/** Each rule bears the mark of what it is for. */
function isInPlace(nftables: Pick<Nftables, "rules">, mark: string): boolean {
  const rules = nftables.rules(chain);
  return rules !== undefined && rules.length > 0 && rules.every((rule) => rule.mark === mark);
}

/** Of each family what stays inside returns, and what is left of this node's pods is masqueraded. */
export function setup({ subnets, inside }: Inside, mark: string): readonly NftChange[] {
  const rules = ([4, 6] as const).flatMap((version) => {
    const own = subnets.filter(({ address }) => address.family === version);
    const kept = [...everybody, ...inside].filter(({ address }) => address.family === version);
    if (own.length === 0) return [];
    const from = nft.saddr("==", ...own);
    return [
      ...chunked(kept).map((some) => nft.rule(family, from, nft.daddr("==", ...some), nft.returnVerdict())),
      nft.rule(family, from, nft.masquerade()),
    ];
  });
  return [
    { do: "add table", family, table, comment: "what pods of this node send out of the cluster" },
    { do: "add chain", ...chain, base: { type: "nat", hook: "postrouting", priority: 100 } },
    ...rules.map((expressions): NftChange => ({ do: "add rule", ...chain, mark, expressions })),
  ];
}

/** In order, so that neighbours become one. */
function chunked(prefixes: readonly Prefix[]): readonly (readonly Prefix[])[] {
  const sorted = prefixes.toSorted((a, b) => compareAddresses(a.address, b.address));
  const count = Math.ceil(sorted.length / elementsMax);
  return Array.from({ length: count }, (_, i) => sorted.slice(i * elementsMax, (i + 1) * elementsMax));
}

function digestOf({ subnets, inside }: Inside): string {
  const texts = [subnets, inside].map((prefixes) => prefixes.map(formatPrefix).sort().join(","));
  return createHash("sha256").update(texts.join(";")).digest("hex").slice(0, 16);
}
