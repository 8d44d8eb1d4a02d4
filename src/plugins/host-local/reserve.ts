import { CniError, code } from "../../cni/index.ts";
import type { Address } from "../../net/index.ts";
import { formatAddress, formatPrefix } from "../../net/index.ts";
import type { LeaseStore, LeaseView, NewLease, Owner } from "../../store/index.ts";
import type { AllocateRequest, ModuleHost } from "../../wasm/index.ts";
import type { Range, RangeSet } from "./ranges.ts";
import { spanHolds } from "./ranges.ts";

/** An address that is reserved now, and the range it comes from. */
export interface Reserved {
  readonly address: Address;
  readonly range: Range;
}

export interface ReserveRequest {
  readonly store: LeaseStore;
  readonly modules: ModuleHost;
  readonly network: string;
  readonly owner: Owner;
  readonly sets: readonly RangeSet[];
  readonly requested: readonly Address[];
}

/** The commit of the last try was lost to programs that do not keep to the lock. */
const triesMax = 16;

/**
 * Reserves one address for every range set, all or none: the module proposes, the store commits, a conflict asks again.
 *
 * @throws CniError 100 (a set is full), 101 (a requested address), 102 (the owner has one already), 11 (too many conflicts)
 */
export async function reserve(request: ReserveRequest): Promise<readonly Reserved[]> {
  const { store, network, owner, sets } = request;
  const places = sets.flatMap((set, index) => set.map((range) => ({ set: index, range })));
  const lost: Address[] = [];
  return await store.exclusively(network, () => {
    for (let attempt = 0; attempt < triesMax; attempt++) {
      const view = store.view(network, {
        owner,
        spans: places.map(({ range }) => range),
        reserved: places.map(({ range }) => [range.gateway, ...lost].filter((address) => spanHolds(range, address))),
        sets: sets.length,
      });
      const { ips } = request.modules.allocate("host-local", allocateRequest(request, places, view, attempt));
      const chosen = ips.flatMap(({ range: index, address }) => {
        const place = places[index];
        return place === undefined ? [] : [{ ...place, address }];
      });
      const outcome = store.commit(network, chosen.map(({ set, address }): NewLease => ({ set, address })), owner);
      if (outcome.committed) return chosen.map(({ range, address }) => ({ range, address }));
      lost.push(...outcome.conflicts);
    }
    throw new CniError(code.tryAgainLater, `Cannot reserve an address in network "${network}": ${triesMax} proposals in a row were taken by others, expected a quieter moment`);
  });
}

interface Place {
  readonly set: number;
  readonly range: Range;
}

function allocateRequest(request: ReserveRequest, places: readonly Place[], view: LeaseView, attempt: number): AllocateRequest {
  return {
    attempt,
    attachment: { ...request.owner, network: request.network, mac: null },
    config: {},
    requested: request.requested.map(formatAddress),
    mine: view.mine,
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
