import type { Dns, Route } from "../cni/index.ts";
import type { Address, TakenView } from "../net/index.ts";

/** One range as whoever decides sees it; `set` is the range set it belongs to, from 0, in order. */
export interface OfferedRange {
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
  readonly attachment: {
    readonly containerId: string;
    readonly ifName: string;
    readonly network: string;
    readonly mac: string | null;
  };
  readonly config: object;
  readonly requested: readonly string[];
  readonly ranges: readonly OfferedRange[];
  /** What the caller's interface holds already. */
  readonly mine: readonly Address[];
  /** What is held for the caller's owner key since it was released; free for it alone. */
  readonly held?: readonly Address[];
  readonly pod?: Pod | undefined;
  readonly node?: NodeIdentity;
  /** 16 hex digits: randomness that replays. */
  readonly seed?: string;
}

/** The pod a container belongs to, as far as the runtime told; `uid` is "" when it did not. */
export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

export interface NodeIdentity {
  readonly name: string;
  /** The node's number when its configuration gives it one. */
  readonly index: number | null;
}

/** What an IPAM module decided, checked against what it was offered: one address per range set. */
export interface AllocateDecision {
  readonly ips: readonly { readonly range: number; readonly address: Address }[];
  readonly routes?: readonly Route[];
  readonly dns?: Dns;
}

/** An address to be kept for its last owner key for so many seconds. */
export interface Hold {
  readonly address: Address;
  readonly seconds: number;
}
