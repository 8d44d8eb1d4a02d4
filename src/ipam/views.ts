import type { Address, Span, TakenView } from "../net/index.ts";
import { AddressList, sameAddress, takenView } from "../net/index.ts";
import type { Hold } from "./decision.ts";
import type { ViewRequest } from "./leases.ts";
import { spanFinder } from "./ranges.ts";

/** An address kept for whoever had it last: free for that owner key, taken for all others. */
export interface HeldAddress {
  readonly address: Address;
  /** See `ownerKeyOf`. */
  readonly ownerKey: string;
  /** Milliseconds since 1970. */
  readonly untilMs: number;
}

/** The holds that releasing these addresses begins; the latest is the last, as holds give way from the front. */
export function heldUntil(
  holds: readonly Hold[],
  { released, ownerKey, nowMs }: { readonly released: readonly Address[]; readonly ownerKey: string; nowMs: number },
): readonly HeldAddress[] {
  return holds
    .filter(({ address, seconds }) => seconds > 0 && released.some((one) => sameAddress(one, address)))
    .map(({ address, seconds }) => ({ address, ownerKey, untilMs: nowMs + seconds * 1000 }));
}

/** The holds without those of the addresses. */
export function withoutAddresses(holds: readonly HeldAddress[], addresses: readonly Address[]): readonly HeldAddress[] {
  return holds.filter((hold) => !addresses.some((address) => sameAddress(address, hold.address)));
}

/** Held addresses by who they are held for; those of others only where they lie in a span that is asked for. */
export function sortHolds(
  holds: readonly HeldAddress[],
  ownerKey: string,
  spans: readonly Span[],
): { readonly own: readonly Address[]; readonly others: readonly Address[] } {
  const inSpan = spanFinder(spans);
  return {
    own: holds.filter((hold) => hold.ownerKey === ownerKey).map(({ address }) => address),
    others: holds.filter((hold) => hold.ownerKey !== ownerKey).map(({ address }) => address).filter(inSpan),
  };
}

/**
 * One view a span, of what is taken or held, and of what is reserved for this span besides, which comes and goes at the
 * end of its family's list.
 *
 * @param takenOf  the addresses of a family that have an owner, in any order; asked once a family
 */
export function takenViews(
  takenOf: (family: 4 | 6) => AddressList,
  { spans, reserved }: Pick<ViewRequest, "spans" | "reserved">,
  held: readonly Address[],
): readonly TakenView[] {
  const lists = new Map<4 | 6, AddressList>(), many = spans.length > fewSpans;
  const listOf = (family: 4 | 6): AddressList => {
    const known = lists.get(family);
    if (known !== undefined) return known;
    const list = takenOf(family);
    for (const address of held) if (address.family === family) list.addAddress(address);
    const made = many ? list.sorted() : list;
    lists.set(family, made);
    return made;
  };
  return spans.map((span, index) => {
    const list = listOf(span.first.family);
    return viewWith(many ? list.within(span.first, span.last) : list, span, reserved[index] ?? []);
  });
}

/** For more of them the list is sorted, so that each need not look at all of it. */
const fewSpans = 8;

function viewWith(list: AddressList, span: Span, besides: readonly Address[]): TakenView {
  const count = list.count;
  for (const address of besides) if (address.family === span.first.family) list.addAddress(address);
  const view = takenView(span, list);
  list.truncate(count);
  return view;
}
