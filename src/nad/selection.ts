import type { JsonObject } from "../schema/index.ts";

/** One element of the networks annotation: which network, and what its attachment should be like. */
export interface NetworkSelection {
  readonly namespace: string;
  readonly name: string;
  readonly ifName?: string;
  /** Addresses with or without a prefix length, as written; never empty. */
  readonly ips?: readonly string[];
  readonly mac?: string;
  readonly infinibandGuid?: string;
  /** Keys in their canonical spelling, `protocol` filled in; never empty. */
  readonly portMappings?: readonly JsonObject[];
  /** Keys in their canonical spelling. */
  readonly bandwidth?: JsonObject;
  readonly deviceId?: string;
  readonly cniArgs?: JsonObject;
  /** Gateways in canonical form. Absent, empty and not empty are three different wishes. */
  readonly defaultRoute?: readonly string[];
  readonly ipamClaim?: string;
}

/** What an annotation is read with. */
export interface ReadingContext {
  /** Namespace of elements that name none. */
  readonly namespace: string;
  /** What the multi-network specification 1.3 forbids and Multus lets pass is refused too. */
  readonly strict: boolean;
}

export interface SelectionContext extends ReadingContext {
  /** Names the text in messages: `annotation k8s.v1.cni.cncf.io/networks of pod "blue/web"`. */
  readonly subject: string;
}
