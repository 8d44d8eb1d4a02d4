import type { Expression, NftFamily } from "../netlink/index.ts";

/** Where a rule lives. */
export interface ChainName {
  readonly family: NftFamily;
  readonly table: string;
  readonly chain: string;
}

/** What makes a chain a base chain. */
export interface BaseChain {
  readonly type: "filter" | "nat" | "route";
  readonly hook: "prerouting" | "input" | "forward" | "output" | "postrouting";
  readonly priority: number;
  readonly policy?: "accept" | "drop";
}

/** One step of a transaction. Adding a table or chain that exists is no error; deleting or flushing a missing one is. */
export type NftChange =
  | { readonly do: "add table"; readonly family: NftFamily; readonly table: string; readonly comment?: string }
  | ({ readonly do: "add chain"; readonly base?: BaseChain; readonly comment?: string } & ChainName)
  | ({ readonly do: "flush chain" } & ChainName)
  | ({ readonly do: "delete chain" } & ChainName)
  | ({ readonly do: "add rule"; readonly expressions: readonly Expression[]; readonly comment?: string } & ChainName)
  | ({ readonly do: "delete rule"; readonly handle: bigint } & ChainName)
  | { readonly do: "delete table"; readonly family: NftFamily; readonly table: string };

/** A rule as listed: what finding and deleting it needs. */
export interface NftRule {
  readonly handle: bigint;
  readonly comment?: string;
}

/** nftables of one namespace, over nfnetlink. */
export interface Nftables {
  /** One transaction: all changes in order, or none. */
  commit(changes: readonly NftChange[]): void;
  /** The rules of a chain in order; undefined when the table or chain is missing. */
  rules(chain: ChainName): readonly NftRule[] | undefined;
  /** False when this kernel has no nf_tables or refuses a dry transaction in this namespace. */
  usable(): boolean;
}
