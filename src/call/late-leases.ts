import type { LeaseStore } from "../ipam/index.ts";

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
  };
}
