import { attrs } from "../codec/attrs.ts";
import type { ValueOf } from "../codec/payload.ts";
import { tokenBucket } from "./token-bucket.ts";

/** TCA_OPTIONS by TCA_KIND: a new qdisc is its table and one row here. */
export const qdiscKinds = {
  clsact:  attrs({}), // where filters hang for what arrives and what leaves
  ingress: attrs({}), // where filters hang for what arrives
  tbf:     tokenBucket,
};

export type QdiscKind = keyof typeof qdiscKinds;

/** A kind with its settings: `info.kind === "tbf"` gives `info.rate`. */
export type QdiscInfo = {
  [K in QdiscKind]: { readonly kind: K } & Omit<ValueOf<(typeof qdiscKinds)[K]>, "unknown">;
}[QdiscKind];

export function isQdiscKind(kind: string): kind is QdiscKind {
  return Object.hasOwn(qdiscKinds, kind);
}
