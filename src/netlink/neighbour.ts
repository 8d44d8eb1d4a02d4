import { attrs } from "./codec/attrs.ts";
import { body } from "./codec/message.ts";
import { i32, mac, raw, u16, u16be, u32, u8 } from "./codec/scalars.ts";
import { struct } from "./codec/struct.ts";

// linux/rtnetlink.h
export const RTM_NEWNEIGH = 28;
export const RTM_DELNEIGH = 29;
export const RTM_GETNEIGH = 30;

// linux/neighbour.h
export const NUD_REACHABLE = 0x02;
export const NUD_NOARP = 0x40;
export const NUD_PERMANENT = 0x80;
/** Somebody is about to send there: the kernel looks for it. */
export const NTF_USE = 0x01;
/** The forwarding table of the link itself, as a vxlan has one. */
export const NTF_SELF = 0x02;
/** The forwarding table of the bridge the link is a port of. */
export const NTF_MASTER = 0x04;

/** struct ndmsg (linux/neighbour.h). */
export const ndmsg = struct("ndmsg", 12, {
  family: [0, u8],   // AF_INET, AF_INET6: ARP and ND; AF_BRIDGE: forwarding tables
  index:  [4, i32],  // ifindex
  state:  [8, u16],  // NUD_*
  flags:  [10, u8],  // NTF_*
  type:   [11, u8],  // RTN_* of the address
});

/** NDA_* (linux/neighbour.h). */
export const neighbourBody = body(ndmsg, attrs({
  dst:    [1, raw],   // NDA_DST: the neighbour's address; of a vxlan's forwarding entry the remote end
  mac:    [2, mac],   // NDA_LLADDR
  vlan:   [5, u16],   // NDA_VLAN: of a bridge's forwarding entry
  port:   [6, u16be], // NDA_PORT: UDP destination; absent: the vxlan's
  vni:    [7, u32],   // NDA_VNI: absent: the vxlan's
  index:  [8, u32],   // NDA_IFINDEX: output link of a vxlan's entry; in a dump of neighbours the link whose are listed
  master: [9, u32],   // NDA_MASTER: the bridge
}));
