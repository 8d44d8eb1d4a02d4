/** Anonymous sets: their elements put in order, and the form in which nft hands them to the kernel. */
import type { ValueOf } from "../codec/payload.ts";
import type { AnonymousSet, Span } from "./anonymous-set.ts";
import { compareBytes, successor, u32Bytes } from "./bytes.ts";
import type { setElementAttrs } from "./object.ts";

/** The spans sorted and without repeats; as nft does, single values stay apart unless some span is longer. */
export function mergeSpans(spans: readonly Span[]): { readonly elements: readonly Span[]; readonly interval: boolean } {
  const interval = spans.some(({ first, last }) => compareBytes(first, last) !== 0);
  const elements: Span[] = [];
  for (const span of spans.toSorted((a, b) => compareBytes(a.first, b.first))) {
    const before = elements.at(-1);
    const joins = before !== undefined && reaches(before, span.first, interval);
    if (!joins) elements.push(span);
    else if (compareBytes(before.last, span.last) < 0)
      elements[elements.length - 1] = { first: before.first, last: span.last };
  }
  return { elements, interval };
}

/** NFT_SET_ANONYMOUS | NFT_SET_CONSTANT, and NFT_SET_INTERVAL. */
export function setFlags(set: AnonymousSet): number {
  return 1 | 2 | (set.interval ? 4 : 0);
}

/**
 * What listings need to print the elements: NFTNL_UDATA_SET_KEYBYTEORDER (1 host, 2 network) and, with intervals,
 * NFTNL_UDATA_SET_MERGE_ELEMENTS; type, length and u32 each (libnftnl/udata.h).
 */
export function setUserdata(set: AnonymousSet): Uint8Array {
  const order = [0, 4, ...u32Bytes(set.keyType.byteOrder === "host" ? 1 : 2)];
  return Uint8Array.from(set.interval ? [...order, 2, 4, ...u32Bytes(1)] : order);
}

/**
 * The elements on the wire. A set with intervals lists where each starts and, flagged NFT_SET_ELEM_INTERVAL_END,
 * where the values after it start. An interval up to the greatest value has no end; NFTNL_UDATA_SET_ELEM_FLAGS says so.
 */
export function setElements(set: AnonymousSet): readonly ValueOf<typeof setElementAttrs>[] {
  if (!set.interval) return set.elements.map(({ first }) => ({ key: { value: first } }));
  const zero = new Uint8Array(set.keyBytes);
  const boundaries = set.elements.flatMap(({ first, last }): readonly ValueOf<typeof setElementAttrs>[] => {
    const after = successor(last);
    return after === undefined
      ? [{ key: { value: first }, userdata: Uint8Array.from([1, 4, ...u32Bytes(1)]) }]
      : [{ key: { value: first } }, { key: { value: after }, flags: 1 }];
  });
  const [lowest] = set.elements;
  const startsAtZero = lowest !== undefined && compareBytes(lowest.first, zero) === 0;
  return startsAtZero ? boundaries : [{ key: { value: zero }, flags: 1 }, ...boundaries];
}

function reaches(span: Span, value: Uint8Array, touching: boolean): boolean {
  if (compareBytes(span.last, value) >= 0) return true;
  const after = successor(span.last);
  return touching && after !== undefined && compareBytes(after, value) === 0;
}
