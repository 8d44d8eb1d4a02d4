import type { Expression, NftFamily } from "./expression.ts";

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

/**
 * One step of a transaction. Adding a table or chain that exists is no error; deleting or flushing a missing one is.
 * A rule's mark is kept with it and listed again, and shown by no tool.
 * A chain is deleted with its rules, but only once nothing jumps to it: first delete or flush the chain that jumps.
 */
export type NftChange =
  | { readonly do: "add table"; readonly family: NftFamily; readonly table: string; readonly comment?: string }
  | ({ readonly do: "add chain"; readonly base?: BaseChain; readonly comment?: string } & ChainName)
  | ({ readonly do: "flush chain" } & ChainName)
  | ({ readonly do: "delete chain" } & ChainName)
  | ({
      readonly do: "add rule";
      readonly expressions: readonly Expression[];
      readonly comment?: string;
      readonly mark?: string;
    } & ChainName)
  | ({ readonly do: "delete rule"; readonly handle: bigint } & ChainName)
  | { readonly do: "delete table"; readonly family: NftFamily; readonly table: string };
