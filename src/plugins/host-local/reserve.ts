import { CniError, code } from "../../cni/index.ts";
import type { LeaseStore, LeaseView, NewLease, Owner } from "../../ipam/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress, formatPrefix } from "../../net/index.ts";
import type { AllocateDecision, AllocateRequest, LoadedModule, NodeIdentity, Pod } from "../../wasm/index.ts";
import type { Range, RangeSet } from "./ranges.ts";
import { spanHolds } from "./ranges.ts";

/** An address that is reserved now, and the range it comes from. */
export interface Reserved {
  readonly address: Address;
  readonly range: Range;
}

export interface ReserveRequest {
  readonly store: LeaseStore;
  readonly network: string;
  readonly owner: Owner;
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
  /** Proposes an address for every set; the module that decides. */
  readonly decide: (request: AllocateRequest) => AllocateDecision;
  /** What is held for it is free to this caller; absent: nothing is. */
  readonly ownerKey?: string;
  readonly mac?: string | null;
  readonly pod?: Pod | undefined;
  readonly node?: NodeIdentity;
  /** The module's own configuration. */
  readonly config?: object;
  readonly seedOf?: LoadedModule["seedOf"];
}

/** What a set of proposals came to. */
export interface Reservation extends Pick<AllocateDecision, "routes" | "dns"> {
  readonly reserved: readonly Reserved[];
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
export async function reserve(request: ReserveRequest): Promise<Reservation> {
  const { store, network, owner, ownerKey, sets } = request;
  const places = sets.flatMap((set, index) => set.map((range) => ({ set: index, range })));
  const lost: Address[] = [];
  let yielding = 0;
  return await store.exclusively(network, () => {
    for (let attempt = 0; attempt < triesMax; ) {
      const view = store.view(network, {
        owner, yielding,
        spans: places.map(({ range }) => range),
        reserved: places.map(({ range }) => [range.gateway, ...lost].filter((address) => spanHolds(range, address))),
        sets: sets.length,
        ...(ownerKey === undefined ? {} : { ownerKey }),
      });
      let decision: AllocateDecision;
      try {
        decision = request.decide(allocateRequest(request, places, view, attempt));
      } catch (error) {
        if (!(error instanceof CniError) || error.code !== code.exhausted || yielding >= view.heldForOthers)
          throw error;
        yielding = Math.max(1, yielding * 2);
        continue;
      }
      const chosen = decision.ips.flatMap(({ range: index, address }) => {
        const place = places[index];
        return place === undefined ? [] : [{ ...place, address }];
      });
      const outcome = store.commit(network, chosen.map(({ set, address }): NewLease => ({ set, address })), owner);
      if (outcome.committed) return { ...decision, reserved: chosen.map(({ range, address }) => ({ range, address })) };
      lost.push(...outcome.conflicts);
      attempt++;
    }
    throw new CniError(
      code.tryAgainLater,
      `Cannot reserve an address in network "${network}": ${triesMax} proposals in a row were taken by others, ` +
        "expected a quieter moment",
    );
  });
}

interface Place {
  readonly set: number;
  readonly range: Range;
}

function allocateRequest(
  request: ReserveRequest,
  places: readonly Place[],
  view: LeaseView,
  attempt: number,
): AllocateRequest {
  const { owner, network, mac = null, pod, node, config = {}, seedOf } = request;
  return {
    attempt,
    attachment: { ...owner, network, mac },
    config,
    requested: request.requested.map(formatAddress),
    mine: view.mine,
    held: view.held,
    ...(pod === undefined ? {} : { pod }),
    ...(node === undefined ? {} : { node }),
    ...(seedOf === undefined ? {} : { seed: seedOf({ ...owner, attempt }) }),
    ranges: places.map(({ set, range }, index) => {
      const cursor = view.cursors[set];
      return {
        set,
        first: range.first,
        last: range.last,
        ...(cursor !== undefined && spanHolds(range, cursor) ? { cursor } : {}),
        gateway: range.gateway,
        prefixBits: range.subnet.prefixBits,
        subnet: formatPrefix(range.subnet),
        // The store gives one view a span, in order.
        view: view.views[index] ?? { kind: 0, count: 0, bytes: new Uint8Array() },
      };
    }),
  };
}
