/** Objects in the API server of a test, and what an administrator's hand does to them. */
import type { Json } from "../api-server-store.ts";

export interface BlockCalls {
  blocks(): Promise<Json[]>;
  putBlock(object: Json): Promise<Json>;
  removeBlock(name: string): Promise<void>;
  put(plural: string, object: Json): Promise<Json>;
  get(plural: string, namespace: string, name: string): Promise<Json | undefined>;
  list(plural: string): Promise<Json[]>;
  remove(plural: string, namespace: string, name: string): Promise<void>;
  /** Whether the definition of that kind is installed. */
  serve(plural: string, served: boolean): Promise<void>;
}

export function blockCalls(call: <T>(name: string, ...args: unknown[]) => Promise<T>): BlockCalls {
  return {
    blocks: () => call("list", "leaseblocks"),
    putBlock: (object) => call("put", "leaseblocks", object),
    removeBlock: (name) => call("remove", "leaseblocks", "", name),
    put: (plural, object) => call("put", plural, object),
    get: (plural, namespace, name) => call("get", plural, namespace, name),
    list: (plural) => call("list", plural),
    remove: (plural, namespace, name) => call("remove", plural, namespace, name),
    serve: (plural, served) => call("serve", plural, served),
  };
}
