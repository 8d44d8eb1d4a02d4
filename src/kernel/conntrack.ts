/** Connection tracking entries of one namespace (nfnetlink, ctnetlink). */
export interface Conntrack {
  /** Deletes entries whose original direction has this protocol number and destination port; says how many. */
  deleteByOriginalPort(entry: { readonly family: 4 | 6; readonly protocol: number; readonly destinationPort: number }): number;
}
