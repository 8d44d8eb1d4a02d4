import { attrs } from "../codec/attrs.ts";
import { ifinfomsg } from "../ifinfomsg.ts";
import { body } from "../codec/message.ts";
import type { Payload, ValueOf } from "../codec/payload.ts";
import { mac, stringz, u32 } from "../codec/scalars.ts";

/** The IFLA_* a veth's peer is made with; a table of its own, because it cannot hold a peer in turn. */
const peerAttrs = attrs({
  mac:           [1, mac],     // IFLA_ADDRESS
  name:          [3, stringz], // IFLA_IFNAME
  mtu:           [4, u32],     // IFLA_MTU
  txQueueLength: [13, u32],    // IFLA_TXQLEN
  netnsFd:       [28, u32],    // IFLA_NET_NS_FD: where the peer is made; absent: where the link is
});

const peerMessage = body(ifinfomsg, peerAttrs);

/** The peer: its attributes, and the ifindex it shall have; absent or 0: the kernel's choice. */
type Peer = { readonly index?: number } & ValueOf<typeof peerAttrs>;

/** A whole link message. Of its header only the index can be used: IFF_UP fails with ENOTCONN. */
const peer: Payload<Peer> = {
  nested: true,
  write: (out, { index = 0, ...attributes }) => peerMessage.write(out, { header: { index }, attributes }),
  read(input, start, end) {
    const { header: { index }, attributes } = peerMessage.read(input, start, end);
    return index === 0 ? attributes : { index, ...attributes };
  },
};

/** VETH_INFO_*, inside IFLA_INFO_DATA when IFLA_INFO_KIND is "veth" (linux/veth.h). Never sent by the kernel. */
export const vethAttrs = attrs({
  peer: [1, peer], // VETH_INFO_PEER
});
