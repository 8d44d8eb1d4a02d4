import { attrs } from "../codec/attrs.ts";
import { ip4, ip6 } from "../codec/ip.ts";
import { bool, u16be, u32, u8 } from "../codec/scalars.ts";

/**
 * IFLA_VXLAN_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "vxlan" (linux/if_link.h). The tunnel runs over one
 * family: group and local, or group6 and local6.
 */
export const vxlanAttrs = attrs({
  id:             [1, u32],    // IFLA_VXLAN_ID: VNI, 0..2^24-1
  group:          [2, ip4],    // IFLA_VXLAN_GROUP: multicast group, or the one remote end
  link:           [3, u32],    // IFLA_VXLAN_LINK: ifindex the tunnel runs over
  local:          [4, ip4],    // IFLA_VXLAN_LOCAL: source address
  ttl:            [5, u8],     // IFLA_VXLAN_TTL: 0 is the kernel's choice
  tos:            [6, u8],     // IFLA_VXLAN_TOS: 1 inherits the inner packet's
  learning:       [7, bool],   // IFLA_VXLAN_LEARNING: remote ends are learned from what arrives; absent: on
  ageingSeconds:  [8, u32],    // IFLA_VXLAN_AGEING
  limit:          [9, u32],    // IFLA_VXLAN_LIMIT: most learned entries, 0 for any number
  proxy:          [11, bool],  // IFLA_VXLAN_PROXY: ARP and ND are answered from the neighbour table
  port:           [15, u16be], // IFLA_VXLAN_PORT: UDP destination; absent: 8472, not IANA's 4789
  group6:         [16, ip6],   // IFLA_VXLAN_GROUP6
  local6:         [17, ip6],   // IFLA_VXLAN_LOCAL6
  udpChecksum:    [18, bool],  // IFLA_VXLAN_UDP_CSUM
  zeroChecksum6Tx: [19, bool], // IFLA_VXLAN_UDP_ZERO_CSUM6_TX
  zeroChecksum6Rx: [20, bool], // IFLA_VXLAN_UDP_ZERO_CSUM6_RX
});
