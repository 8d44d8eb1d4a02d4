/** Blocks of leases in the API server of a test, and what an administrator's hand does to them. */
import type { Json } from "../api-server-store.ts";

export interface BlockCalls {
  blocks(): Promise<Json[]>;
  putBlock(object: Json): Promise<Json>;
  removeBlock(name: string): Promise<void>;
}

export function blockCalls(call: <T>(name: string, ...args: unknown[]) => Promise<T>): BlockCalls {
  return {
    blocks: () => call("list", "leaseblocks"),
    putBlock: (object) => call("put", "leaseblocks", object),
    removeBlock: (name) => call("remove", "leaseblocks", "", name),
  };
}
