import { CniError, code } from "../cni/index.ts";
import type { Address } from "../net/index.ts";
import { formatAddress, formatPrefix, sameAddress, viewHolds } from "../net/index.ts";
import type { AllocateDecision, AllocateRequest, NodeIdentity, Pod } from "./decision.ts";
import type { Claimant, LeaseStore, LeaseView, NewLease } from "./leases.ts";
import type { PoolRange, Range } from "./ranges.ts";
import { formatSpan, spanHolds } from "./ranges.ts";

/** An address that is reserved now, and the range it comes from. */
export interface Reserved<R extends PoolRange = Range> {
  readonly address: Address;
  readonly range: R;
}

export interface ReserveRequest<R extends PoolRange = Range> {
  readonly store: LeaseStore;
  readonly scope: string;
  readonly network: string;
  readonly owner: Claimant;
  readonly sets: readonly (readonly R[])[];
  readonly requested: readonly Address[];
  /** Proposes an address for every set; the module that decides. */
  readonly decide: (request: AllocateRequest) => AllocateDecision;
  /** Asks for what the owner had last, where that is free and nothing else was asked for. */
  readonly remembers?: boolean;
  /** What the owner's claim has had by its own account: likewise, where the store knows of nothing that it keeps. */
  readonly wished?: readonly Address[];
  /**
   * The order counts: all free addresses of the scope are shown. After a conflict those of the node's own blocks are,
   * as always without it, so that nodes which ask at the same moment do not meet again.
   */
  readonly inOrder?: boolean;
  /** What the interface holds already is given up by this: see ViewRequest. */
  readonly supersedes?: boolean;
  readonly mac?: string | null;
  readonly pod?: Pod | undefined;
  readonly node?: NodeIdentity;
  /** The module's own configuration. */
  readonly config?: object;
  readonly seedOf?: (call: { containerId: string; ifName: string; attempt: number }) => string;
}

/** What a set of proposals came to. */
export interface Reservation<R extends PoolRange = Range> extends Pick<AllocateDecision, "routes" | "dns"> {
  readonly reserved: readonly Reserved<R>[];
}

/** The commit of the last try was lost to programs that do not keep to the lock. */
const triesMax = 16;

/**
 * Reserves addresses of every range set, all or none: the module proposes, the store commits, a conflict asks again.
 * When nothing is free, addresses that are held for others give way, the oldest first, twice as many each time.
 *
 * @throws CniError 100 (a set is full), 101 (a requested address), 102 (the owner has one already), 11 (too many
 *   conflicts)
 */
export async function reserve<R extends PoolRange>(request: ReserveRequest<R>): Promise<Reservation<R>> {
  const { store, scope, owner, sets, inOrder = false, supersedes = false } = request;
  const places = sets.flatMap((set, index) => set.map((range) => ({ set: index, range })));
  const lost: Address[] = [];
  refuseOutside(request, places);
  let yielding = 0, widely = inOrder;
  return await store.exclusively(scope, async (turn) => {
    for (let attempt = 0; attempt < triesMax; ) {
      const view = await turn.view({
        owner, yielding, widely, supersedes,
        wanted: [...request.requested, ...request.wished ?? []],
        spans: places.map(({ range }) => range),
        reserved: places.map(({ range }) => [...gatewayOf(range), ...lost].filter((one) => spanHolds(range, one))),
        sets: sets.length,
      });
      const isKnown = request.remembers === true || owner.claim !== undefined;
      const wished = isKnown ? wishes(request, places, view) : [];
      let decision: AllocateDecision;
      try {
        decision = request.decide(allocateRequest(request, { places, view, wished, attempt }));
      } catch (error) {
        if (!(error instanceof CniError) || error.code !== code.exhausted) throw error;
        if (view.narrowed === true) {
          widely = true;
          continue;
        }
        if (yielding >= view.heldForOthers) throw error;
        yielding = Math.max(1, yielding * 2);
        continue;
      }
      const chosen = decision.ips.flatMap(({ range: index, address }) => {
        const place = places[index];
        return place === undefined ? [] : [{ ...place, address }];
      });
      // A cursor goes on from where it was: an address of before says nothing about the order of new ones.
      const leases = chosen.map(({ set, address }): NewLease =>
        wished.some((one) => sameAddress(one, address)) ? { address } : { address, set });
      const outcome = await turn.commit({ owner, leases, stale: view.stale });
      if (outcome.committed) return { ...decision, reserved: chosen.map(({ range, address }) => ({ range, address })) };
      lost.push(...outcome.conflicts);
      widely &&= !inOrder;
      attempt++;
    }
    throw new CniError(
      code.tryAgainLater,
      `Cannot reserve an address in network "${request.network}": ${triesMax} proposals in a row were taken by ` +
        "others, expected a quieter moment",
    );
  });
}

function gatewayOf({ gateway }: PoolRange): readonly Address[] {
  return gateway === undefined ? [] : [gateway];
}

/** How many ranges a message names. */
const namedMax = 8;

/** An address that no range has cannot be given, whoever decides. */
function refuseOutside({ network, requested }: Asking, places: readonly Place[]): void {
  const stranger = requested.find((address) => !places.some(({ range }) => spanHolds(range, address)));
  if (stranger === undefined) return;
  const named = places.slice(0, namedMax).map(({ range }) => formatSpan(range)).join(", ");
  const more = places.length > namedMax ? ` and ${places.length - namedMax} more` : "";
  throw new CniError(
    code.addressUnavailable,
    `Cannot reserve requested address ${formatAddress(stranger)} in network "${network}": it is outside every range, ` +
      `expected one of ${named}${more}`,
  );
}

/** What is asked, whatever else its ranges hold. */
type Asking = ReserveRequest<PoolRange>;

interface Place<R extends PoolRange = PoolRange> {
  readonly set: number;
  readonly range: R;
}

/** What the owner had last, one address for each set that nothing is requested of and nothing held in. */
function wishes(asking: Asking, places: readonly Place[], view: LeaseView): readonly Address[] {
  const { owner, requested, wished = [] } = asking;
  const ofClaim = owner.claim === undefined ? [] : view.held;
  const candidates = [...view.stale.map(({ address }) => address), ...ofClaim, ...wished, ...view.remembered];
  if (candidates.length === 0) return [];
  const served = [...requested, ...view.mine];
  const done = new Set(
    places.filter(({ range }) => served.some((address) => spanHolds(range, address))).map(({ set }) => set),
  );
  return candidates.filter((address) => {
    const index = places.findIndex(({ range }) => spanHolds(range, address));
    const place = places[index], taken = view.views[index];
    if (place === undefined || taken === undefined || done.has(place.set)) return false;
    if (viewHolds(taken, place.range, address)) return false;
    done.add(place.set);
    return true;
  });
}

interface Question {
  readonly places: readonly Place[];
  readonly view: LeaseView;
  readonly wished: readonly Address[];
  readonly attempt: number;
}

function allocateRequest(request: Asking, { places, view, wished, attempt }: Question): AllocateRequest {
  const { network, mac = null, pod, node, config = {}, seedOf } = request;
  const { containerId, ifName } = request.owner;
  return {
    attempt,
    attachment: { containerId, ifName, network, mac },
    config,
    requested: [...request.requested, ...wished].map(formatAddress),
    mine: view.mine,
    held: view.held,
    ...(pod === undefined ? {} : { pod }),
    ...(node === undefined ? {} : { node }),
    ...(seedOf === undefined ? {} : { seed: seedOf({ containerId, ifName, attempt }) }),
    ranges: places.map(({ set, range }, index) => {
      const cursor = view.cursors[set];
      return {
        set,
        first: range.first,
        last: range.last,
        ...(cursor !== undefined && spanHolds(range, cursor) ? { cursor } : {}),
        ...(range.gateway === undefined ? {} : { gateway: range.gateway }),
        prefixBits: range.subnet.prefixBits,
        subnet: formatPrefix(range.subnet),
        // The store gives one view a span, in order.
        view: view.views[index] ?? { kind: 0, count: 0, bytes: new Uint8Array() },
      };
    }),
  };
}
