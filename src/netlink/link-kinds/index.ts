import { bridgeAttrs, bridgePortAttrs } from "./bridge.ts";
import { macvlanAttrs } from "./macvlan.ts";
import { vethAttrs } from "./veth.ts";

/** IFLA_INFO_DATA by IFLA_INFO_KIND: a new kind is its table's file and one row here. */
export const linkKinds = {
  bridge:  bridgeAttrs,
  macvlan: macvlanAttrs,
  veth:    vethAttrs,
};

/** IFLA_INFO_SLAVE_DATA by IFLA_INFO_SLAVE_KIND: what a link is to its master. */
export const portKinds = {
  bridge: bridgePortAttrs,
};
