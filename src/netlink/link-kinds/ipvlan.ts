import { attrs } from "../codec/attrs.ts";
import { named, u16 } from "../codec/scalars.ts";

/** IFLA_IPVLAN_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "ipvlan" (linux/if_link.h). */
export const ipvlanAttrs = attrs({
  // IFLA_IPVLAN_MODE: enum ipvlan_mode; one for all ipvlan links of a parent
  mode:  [1, named(u16, { l2: 0, l3: 1, l3s: 2 })],
  // IFLA_IPVLAN_FLAGS: none, IPVLAN_F_PRIVATE or IPVLAN_F_VEPA, which exclude each other; of the parent too
  flags: [2, named(u16, { bridge: 0, private: 1, vepa: 2 })],
});
