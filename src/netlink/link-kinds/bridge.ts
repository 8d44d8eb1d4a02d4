import { attrs } from "../codec/attrs.ts";
import { bool, named, u16be } from "../codec/scalars.ts";

/** IFLA_BR_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "bridge" (linux/if_link.h). */
export const bridgeAttrs = attrs({
  vlanFiltering: [7, bool], // IFLA_BR_VLAN_FILTERING
  // IFLA_BR_VLAN_PROTOCOL: an ethertype; absent where the kernel has no VLAN filtering
  vlanProtocol:  [8, named(u16be, { "802.1Q": 0x8100, "802.1ad": 0x88a8 })],
}, { dropUnknown: true });

/** IFLA_BRPORT_*, inside IFLA_INFO_SLAVE_DATA when IFLA_INFO_SLAVE_KIND is "bridge". */
export const bridgePortAttrs = attrs({
  hairpin:  [4, bool],  // IFLA_BRPORT_MODE: frames may leave by the port they came in
  isolated: [33, bool], // IFLA_BRPORT_ISOLATED: no traffic with other isolated ports
}, { dropUnknown: true });
