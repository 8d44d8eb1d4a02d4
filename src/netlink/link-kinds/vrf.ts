import { attrs } from "../codec/attrs.ts";
import { u32 } from "../codec/scalars.ts";

/** IFLA_VRF_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "vrf" (linux/if_link.h). */
export const vrfAttrs = attrs({
  table: [1, u32], // IFLA_VRF_TABLE: the routing table of its members, from 1
});

/** IFLA_VRF_PORT_*, inside IFLA_INFO_SLAVE_DATA when IFLA_INFO_SLAVE_KIND is "vrf". Only read. */
export const vrfPortAttrs = attrs({
  table: [1, u32], // IFLA_VRF_PORT_TABLE
});
