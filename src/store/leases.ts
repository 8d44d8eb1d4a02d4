import type { Address } from "../net/index.ts";

/** Who holds an address: an interface of a container. */
export interface Owner {
  readonly containerId: string;
  readonly ifName: string;
}

/** A reservation of one network. */
export interface Lease {
  readonly address: Address;
  readonly owner: Owner;
}
