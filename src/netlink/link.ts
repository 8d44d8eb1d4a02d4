import { attrs, by } from "./codec/attrs.ts";
import { ifinfomsg } from "./ifinfomsg.ts";
import { linkKinds, portKinds } from "./link-kinds/index.ts";
import { body } from "./codec/message.ts";
import { i32, mac, string, stringz, u32, u8 } from "./codec/scalars.ts";

// linux/rtnetlink.h
export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_SETLINK = 19;

// linux/if.h
export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
export const IFF_PROMISC = 0x100;
export const IFF_ALLMULTI = 0x200;

/** In IFLA_EXT_MASK: leave out the counters, which are most of a link message's bytes and work. */
export const RTEXT_FILTER_SKIP_STATS = 8;

/** IFLA_INFO_*, inside IFLA_LINKINFO. */
const linkInfoAttrs = attrs({
  kind:     [1, stringz],                   // IFLA_INFO_KIND
  data:     [2, by("kind", linkKinds)],     // IFLA_INFO_DATA
  portKind: [4, stringz],                   // IFLA_INFO_SLAVE_KIND: kind of the master
  portData: [5, by("portKind", portKinds)], // IFLA_INFO_SLAVE_DATA
}, { dropUnknown: true });

/** IFLA_* (linux/if_link.h). */
const linkAttrs = attrs({
  mac:           [1, mac],            // IFLA_ADDRESS
  name:          [3, stringz],        // IFLA_IFNAME
  mtu:           [4, u32],            // IFLA_MTU
  link:          [5, u32],            // IFLA_LINK: lower link or veth peer, an ifindex in the namespace of linkNetnsId
  master:        [10, u32],           // IFLA_MASTER: 0 clears it
  txQueueLength: [13, u32],           // IFLA_TXQLEN
  operState:     [16, u8],            // IFLA_OPERSTATE: IF_OPER_*
  linkInfo:      [18, linkInfoAttrs], // IFLA_LINKINFO
  alias:         [20, string],        // IFLA_IFALIAS: empty clears it
  group:         [27, u32],           // IFLA_GROUP
  netnsFd:       [28, u32],           // IFLA_NET_NS_FD: a descriptor of ours; where to make or move the link
  extMask:       [29, u32],           // IFLA_EXT_MASK: RTEXT_FILTER_*
  promiscuity:   [30, u32],           // IFLA_PROMISCUITY: a count
  altName:       [53, stringz],       // IFLA_ALT_IFNAME: in a GET request, a name of up to 127 bytes
  linkNetnsId:   [37, i32],           // IFLA_LINK_NETNSID: id of the namespace `link` is in; absent when it is this one
}, { dropUnknown: true });

export const linkBody = body(ifinfomsg, linkAttrs);
