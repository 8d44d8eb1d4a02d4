import { attrs } from "../codec/attrs.ts";
import { named, u32 } from "../codec/scalars.ts";

/** IFLA_MACVLAN_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "macvlan" (linux/if_link.h). */
export const macvlanAttrs = attrs({
  // IFLA_MACVLAN_MODE: enum macvlan_mode, one bit each although they exclude each other
  mode:          [1, named(u32, { private: 1, vepa: 2, bridge: 4, passthru: 8, source: 16 })],
  // IFLA_MACVLAN_BC_QUEUE_LEN: broadcasts waiting; the kernel uses the longest asked for on a parent
  bcQueueLength: [7, u32],
});
