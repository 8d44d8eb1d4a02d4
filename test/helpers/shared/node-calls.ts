/** Nodes in the API server of a test, as the cluster's controllers and its administrator make them. */
import type { Json } from "../api-server-store.ts";

export interface NodeSeed {
  readonly name: string;
  readonly subnets?: readonly string[];
  readonly addresses?: readonly string[];
  /** Absent: what the node of this name has, or another one. */
  readonly uid?: string;
}

export interface NodeCalls {
  /** Creates it or replaces it. */
  putNode(node: NodeSeed): Promise<Json>;
  removeNode(name: string): Promise<void>;
}

export function nodeCalls(call: <T>(name: string, ...args: unknown[]) => Promise<T>): NodeCalls {
  return {
    putNode: (node) => call("put", "nodes", nodeObject(node)),
    removeNode: (name) => call("remove", "nodes", "", name),
  };
}

export function nodeObject({ name, subnets = [], addresses = [], uid }: NodeSeed): Json {
  return {
    metadata: { name, ...(uid === undefined ? {} : { uid }) },
    spec: subnets.length === 0 ? {} : { podCIDR: subnets[0], podCIDRs: subnets },
    status: { addresses: [...addresses.map((address) => ({ type: "InternalIP", address })),
      { type: "Hostname", address: name }] },
  };
}
