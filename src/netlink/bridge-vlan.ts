import { attrs, repeated } from "./codec/attrs.ts";
import { ifinfomsg } from "./ifinfomsg.ts";
import { body } from "./codec/message.ts";
import { u16, u32 } from "./codec/scalars.ts";
import { struct } from "./codec/struct.ts";

/** The address family under which IFLA_AF_SPEC means the attributes below. */
export const AF_BRIDGE = 7;

/** In IFLA_EXT_MASK: list the VLANs of bridge ports. */
export const RTEXT_FILTER_BRVLAN = 2;

// IFLA_BRIDGE_FLAGS (linux/if_bridge.h): whom the request is for.
export const BRIDGE_FLAGS_MASTER = 1;

// struct bridge_vlan_info flags
export const BRIDGE_VLAN_INFO_PVID = 0x02;
export const BRIDGE_VLAN_INFO_UNTAGGED = 0x04;
export const BRIDGE_VLAN_INFO_RANGE_BEGIN = 0x08;
export const BRIDGE_VLAN_INFO_RANGE_END = 0x10;

/** struct bridge_vlan_info (linux/if_bridge.h). */
export const bridgeVlanInfo = struct("bridge_vlan_info", 4, {
  flags: [0, u16],
  id:    [2, u16],
});

/** IFLA_BRIDGE_*, inside IFLA_AF_SPEC of an AF_BRIDGE link message. */
const bridgeSpecAttrs = attrs({
  flags: [0, u16],                      // IFLA_BRIDGE_FLAGS
  vlans: [2, repeated(bridgeVlanInfo)], // IFLA_BRIDGE_VLAN_INFO
});

export const bridgeVlanBody = body(ifinfomsg, attrs({
  bridge:  [26, bridgeSpecAttrs], // IFLA_AF_SPEC
  extMask: [29, u32],             // IFLA_EXT_MASK
}));
