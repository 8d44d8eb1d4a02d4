/** All values from the first to the last, both included. */
export interface Span {
  readonly first: Uint8Array;
  readonly last: Uint8Array;
}

/** The `{ a, b }` of a rule: made with the rule in one transaction, gone with it. */
export interface AnonymousSet {
  readonly keyType: SetKeyType;
  readonly keyBytes: number;
  /** Sorted, each `keyBytes` long; neither overlapping nor touching when `interval`. */
  readonly elements: readonly Span[];
  /** NFT_SET_INTERVAL: some element is more than one value. */
  readonly interval: boolean;
}

/** How listings print the elements: nft's own numbers for data types and byte orders; the kernel only keeps them. */
export interface SetKeyType {
  readonly id: number;
  readonly byteOrder: "host" | "big";
}
