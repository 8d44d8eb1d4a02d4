import type { ConfParts } from "../conf.ts";

/** One interface of a CNI result; `sandbox` is the netns path of a container interface, absent for a host one. */
export interface Interface {
  readonly name: string;
  readonly mac?: string;
  readonly mtu?: number;
  readonly sandbox?: string;
  readonly socketPath?: string;
  readonly pciID?: string;
}

/** One address of a CNI result. */
export interface IpConfig {
  /** Index into `interfaces`, from 0; absent when the address belongs to no interface yet (an IPAM answer). */
  readonly interface?: number;
  /** CIDR text with its host bits, canonical: `10.1.2.3/24`, `2001:db8::1/64`. */
  readonly address: string;
  readonly gateway?: string;
}

/** One route of a CNI result; `scope` as in rtnetlink: 0 global, 253 link, 254 host. */
export type Route = ConfParts["result#/definitions/route"];

export type Dns = ConfParts["plugin-conf#/definitions/dns"];

/**
 * A CNI result in the shape of 1.1.0, whatever version it arrived in or leaves as; lists may be empty, never absent.
 */
export interface Result {
  readonly interfaces: readonly Interface[];
  readonly ips: readonly IpConfig[];
  readonly routes: readonly Route[];
  readonly dns: Dns;
}
