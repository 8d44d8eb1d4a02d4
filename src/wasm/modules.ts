import type { Result } from "../cni/index.ts";
import type { AllocateDecision, AllocateRequest, Hold, NodeIdentity, Pod } from "../ipam/index.ts";
import type { Address } from "../net/index.ts";
import type { ModuleKind, ModuleMetadata } from "./installed/metadata.ts";
import type { LimitsConf } from "./limits.ts";

/** What every op but `allocate` and `merge` is told. */
export interface AttachmentRequest {
  readonly attachment: AllocateRequest["attachment"];
  readonly pod?: Pod | undefined;
  readonly config: object;
  readonly mine: readonly Address[];
  readonly held?: readonly Address[];
}

/** What a policy module is asked. */
export interface ReviewRequest extends Omit<AttachmentRequest, "mine" | "held"> {
  readonly prevResult: Result;
}

/** What a policy may change beside refusing: the node's configuration says so, module by module. */
export type PolicyChange = "routes" | "dns" | "ips-remove";

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

/** Which module, as a configuration names it. */
export interface ModuleReference {
  /** An installed module's name, or a path. */
  readonly module: string;
  /** The digest the configuration expects; required with a path. */
  readonly sha256?: string | undefined;
  /** The configuration is the node's own: only then may it name a path. */
  readonly trusted: boolean;
  /** May only lower what the node allows. */
  readonly limits?: LimitsConf | undefined;
}

/** A foreign module, verified and metered; each call gets an instance of its own and every answer is checked. */
export interface LoadedModule {
  readonly name: string;
  readonly metadata: ModuleMetadata;
  /**
   * Randomness that replays, as 16 hex digits: the first 8 bytes of SHA-256 over container id, interface name and
   * attempt.
   */
  seedOf(call: { readonly containerId: string; readonly ifName: string; readonly attempt: number }): string;
  /** What is wrong with a configuration, its key first; undefined when it fits the module's schema. */
  checkConfig(config: object): Promise<string | undefined>;
  allocate(request: AllocateRequest): AllocateDecision;
  /** What to hold of the addresses being released. */
  release(request: AttachmentRequest): readonly Hold[];
  check(request: AttachmentRequest & { readonly prevResult: Result | undefined }): void;
  /** The result as the policy leaves it. */
  review(request: ReviewRequest): Result;
}

/** WASM modules, compiled at first use; every call gets an instance of its own. Refusals are CniError 7 and 100-146. */
export interface ModuleHost {
  readonly node: NodeIdentity;
  /** Asks the built-in IPAM module of that name for one address per range set. */
  allocate(module: string, request: AllocateRequest): AllocateDecision;
  /**
   * Makes one result of many with the merge module, the default network's part first: built in, or the node's choice.
   */
  merge(inputs: readonly MergeInput[]): Promise<Result>;
  /** Refuses what keeps every `merge` from working: a chosen module that is not there, or is of another kind. */
  requireMerger(): Promise<void>;
  /** Kind of the module of that name, built in or installed; undefined when there is none. Nothing of it is read. */
  kindOf(name: string): ModuleKind | undefined;
  /** Why nobody can say whether there is such a module, or that there was one; undefined when there never was. */
  whyGone(name: string): Error | undefined;
  /**
   * @throws CniError 140 (not found or not allowed), 141 (digest), 142 (refused by the verifier)
   */
  load(reference: ModuleReference): Promise<LoadedModule>;
}
