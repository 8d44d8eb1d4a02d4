import type { BlockEngine, LeaseStore, NodeStores, Slicing, StoreChoice } from "../ipam/index.ts";

/** A store that is loaded when it is first asked for something. */
export function lateLeases(place: string, load: () => Promise<LeaseStore>): LeaseStore {
  let loading: Promise<LeaseStore> | undefined;
  const store = async (): Promise<LeaseStore> => await (loading ??= load());
  return {
    place,
    exclusively: async (scope, work) => await (await store()).exclusively(scope, work),
    release: async (scope, owner, holds) => await (await store()).release(scope, owner, holds),
    list: async (scope, owner) => await (await store()).list(scope, owner),
    collect: async (scope, listed, isValid) => await (await store()).collect(scope, listed, isValid),
    status: async () => await (await store()).status(),
    slice: async (scope, slicings) => await sliceOf(await store(), scope, slicings),
  };
}

async function sliceOf(store: LeaseStore, scope: string, slicings: readonly Slicing[]): Promise<number> {
  if (store.slice !== undefined) return await store.slice(scope, slicings);
  throw new Error(`The store in ${store.place} has no slices`);
}

/**
 * What keeps the reservations of a store that nodes share, for whoever moves them from one program to another.
 *
 * @throws CniError 7 where nobody names its servers
 */
export async function openBlocks(
  choice: Exclude<StoreChoice, { readonly type: "files" }>,
  options: { readonly stores: NodeStores; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<BlockEngine> {
  const { openSharedBlocks } = await import("./shared-leases/index.ts");
  // Of no node: what is written says itself whose it is.
  return openSharedBlocks(choice, { ...options, node: { name: "", bootId: "" } });
}
