import { attrs } from "../attrs.ts";
import { ifinfomsg } from "../ifinfomsg.ts";
import { body } from "../message.ts";
import { mac, stringz, u32 } from "../scalars.ts";

/** The IFLA_* a veth's peer is made with; a table of its own, because it cannot hold a peer in turn. */
const peerAttrs = attrs({
  mac:           [1, mac],     // IFLA_ADDRESS
  name:          [3, stringz], // IFLA_IFNAME
  mtu:           [4, u32],     // IFLA_MTU
  txQueueLength: [13, u32],    // IFLA_TXQLEN
  netnsFd:       [28, u32],    // IFLA_NET_NS_FD: where the peer is made
});

/** VETH_INFO_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "veth" (linux/veth.h). Never sent by the kernel. */
export const vethAttrs = attrs({
  peer: [1, body(ifinfomsg, peerAttrs)], // VETH_INFO_PEER: a whole link message. IFF_UP in it fails with ENOTCONN
});
