import type { Prefix } from "../../../net/index.ts";

/** Whose traffic it is; `addresses` are the container's own, with the prefix of its network. */
export interface Masquerade {
  readonly network: string;
  readonly containerId: string;
  readonly ifName: string;
  readonly addresses: readonly Prefix[];
}
