import { attrs } from "../codec/attrs.ts";
import { named, u16, u16be } from "../codec/scalars.ts";

/** IFLA_VLAN_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "vlan" (linux/if_link.h). */
export const vlanAttrs = attrs({
  id:       [1, u16], // IFLA_VLAN_ID: 0..4094
  protocol: [5, named(u16be, { "802.1Q": 0x8100, "802.1ad": 0x88a8 })], // IFLA_VLAN_PROTOCOL: an ethertype
});
