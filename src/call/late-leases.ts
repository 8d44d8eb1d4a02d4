import type { BlockEngine, LeaseStore, NodeStores, StoreChoice } from "../ipam/index.ts";

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
    own: async (scope) => await shared(await store()).own(scope),
    refile: async (scope, isDry) => await shared(await store()).refile(scope, isDry),
    survey: async (scope) => await shared(await store()).survey(scope),
    reclaim: async (scope, what) => await shared(await store()).reclaim(scope, what),
    slice: async (scope, slicings) => await shared(await store()).slice(scope, slicings),
  };
}

/** Those that are loaded late are shared by nodes. */
function shared(store: LeaseStore): Required<LeaseStore> {
  const { own, refile, survey, reclaim, slice } = store;
  const lacks = [own, refile, survey, reclaim, slice].includes(undefined);
  if (lacks) throw new Error(`The store in ${store.place} is one node's alone`);
  return store as Required<LeaseStore>; // by the line above
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
