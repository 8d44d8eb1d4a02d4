import type { Dns, Result, Route } from "../cni/index.ts";
import type { Address, TakenView } from "../net/index.ts";

/** One range as a module sees it; `set` is the range set it belongs to, from 0, in order. */
export interface ModuleRange {
  readonly set: number;
  readonly first: Address;
  readonly last: Address;
  /** The last address handed out when it lies in this range. */
  readonly cursor?: Address;
  readonly gateway?: Address;
  readonly prefixBits: number;
  /** Canonical CIDR text, for messages. */
  readonly subnet: string;
  readonly view: TakenView;
}

/** What an IPAM module is asked. */
export interface AllocateRequest {
  /** From 0; one more after each lost commit. */
  readonly attempt: number;
  readonly attachment: { readonly containerId: string; readonly ifName: string; readonly network: string; readonly mac: string | null };
  readonly config: object;
  readonly requested: readonly string[];
  readonly ranges: readonly ModuleRange[];
  /** What the caller holds already. */
  readonly mine: readonly Address[];
}

/** What an IPAM module decided, checked against what it was offered: one address per range set. */
export interface AllocateDecision {
  readonly ips: readonly { readonly range: number; readonly address: Address }[];
  readonly routes?: readonly Route[];
  readonly dns?: Dns;
}

/** One network's part of a container, default network or not. */
export interface MergeInput {
  readonly network: string;
  readonly ifName: string;
  readonly default: boolean;
  /**
   * Gateways this network claims the default route with (the selection's `default-route`): null asks for nothing,
   * [] claims the default routes of the network's own result, addresses claim those of their family.
   */
  readonly routesClaimed: readonly string[] | null;
  readonly result: Result;
}

/** WASM modules, compiled at first use; every call gets an instance of its own. Refusals are CniError 7 and 100-146. */
export interface ModuleHost {
  /** Asks the IPAM module of that name for one address per range set. */
  allocate(module: string, request: AllocateRequest): AllocateDecision;
  /** Makes one result of many with the built-in merge module: the default network's part first. */
  merge(inputs: readonly MergeInput[]): Result;
}
