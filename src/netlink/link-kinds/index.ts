import type { ValueOf } from "../codec/payload.ts";
import { bridgeAttrs, bridgePortAttrs } from "./bridge.ts";
import { dummyAttrs } from "./dummy.ts";
import { ifbAttrs } from "./ifb.ts";
import { ipvlanAttrs } from "./ipvlan.ts";
import { macvlanAttrs } from "./macvlan.ts";
import { tunAttrs } from "./tun.ts";
import { vethAttrs } from "./veth.ts";
import { vlanAttrs } from "./vlan.ts";
import { vrfAttrs, vrfPortAttrs } from "./vrf.ts";
import { vxlanAttrs } from "./vxlan.ts";

/**
 * IFLA_INFO_DATA by IFLA_INFO_KIND. A new kind is its table's file and one row here: the type of its settings and both
 * directions of the codec follow.
 */
export const linkKinds = {
  bridge:  bridgeAttrs,
  dummy:   dummyAttrs,
  ifb:     ifbAttrs,
  ipvlan:  ipvlanAttrs,
  macvlan: macvlanAttrs,
  tun:     tunAttrs,
  veth:    vethAttrs,
  vlan:    vlanAttrs,
  vrf:     vrfAttrs,
  vxlan:   vxlanAttrs,
};

/** IFLA_INFO_SLAVE_DATA by IFLA_INFO_SLAVE_KIND: what a link is to its master. */
export const portKinds = {
  bridge: bridgePortAttrs,
  vrf:    vrfPortAttrs,
};

/** A link kind that has a table. */
export type LinkKind = keyof typeof linkKinds;

/** The settings of a kind, named by its table's rows. */
export type LinkSettings<K extends LinkKind> = Omit<ValueOf<(typeof linkKinds)[K]>, "unknown">;

/** A kind with its settings: `info.kind === "macvlan"` gives `info.mode`. */
export type LinkInfo = { [K in LinkKind]: { readonly kind: K } & LinkSettings<K> }[LinkKind];

export function isLinkKind(kind: string): kind is LinkKind {
  return Object.hasOwn(linkKinds, kind);
}
