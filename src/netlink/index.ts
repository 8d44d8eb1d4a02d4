/**
 * Netlink bytes as values, and back; pure. Tables say what a message holds (`attrs`, `struct`, scalars named by their
 * byte order), one file per kernel object. Nothing here opens a socket.
 */
export { CodecError, Output } from "./payload.ts";
export type { Payload, Reader, ValueOf } from "./payload.ts";
export {
  bool, i32, i32be, mac, named, raw, string, stringz, u16, u16be, u32, u32be, u64, u64be, u8,
} from "./scalars.ts";
export { struct } from "./struct.ts";
export { ip4 } from "./ip.ts";
export { attrs, by, repeated } from "./attrs.ts";
export {
  NLMSG_DONE, NLMSG_ERROR, NLMSG_NOOP, NLMSG_OVERRUN, NLM_F_ACK, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLM_F_CREATE, NLM_F_DUMP,
  NLM_F_DUMP_INTR, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, body, findMessage, nlmsghdr, readAck, writeMessage,
} from "./message.ts";
export type { Ack, Body, FoundMessage } from "./message.ts";
export { ifinfomsg } from "./ifinfomsg.ts";
export {
  IFF_LOOPBACK, IFF_PROMISC, IFF_UP, RTEXT_FILTER_SKIP_STATS, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK, RTM_SETLINK,
  linkBody,
} from "./link.ts";
export { isLinkKind, linkKinds } from "./link-kinds/index.ts";
export type { LinkInfo, LinkKind, LinkSettings } from "./link-kinds/index.ts";
export { RTM_GETNSID, RTM_NEWNSID, netnsIdBody, rtgenmsg } from "./netns-id.ts";
export {
  IFA_F_DADFAILED, IFA_F_TENTATIVE, RTM_DELADDR, RTM_GETADDR, RTM_NEWADDR, addressBody, ifaddrmsg,
} from "./address.ts";
export {
  RTM_DELROUTE, RTM_GETROUTE, RTM_NEWROUTE, RTNH_F_ONLINK, RTN_UNICAST, RTN_UNREACHABLE, RTPROT_BOOT, RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE, RT_SCOPE_UNIVERSE, RT_TABLE_LOCAL, RT_TABLE_MAIN, routeBody, rtmsg,
} from "./route.ts";
export {
  AF_BRIDGE, BRIDGE_FLAGS_MASTER, BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_RANGE_BEGIN, BRIDGE_VLAN_INFO_RANGE_END,
  BRIDGE_VLAN_INFO_UNTAGGED, RTEXT_FILTER_BRVLAN, bridgeVlanBody, bridgeVlanInfo,
} from "./bridge-vlan.ts";
export type { BaseChain, ChainName, Expression, NftChange, NftFamily } from "./nftables/index.ts";
export * as nft from "./nftables/index.ts";
export { nfgenmsg } from "./nfnetlink.ts";
export { conntrackAttrs, conntrackBody, conntrackMessage, filterField } from "./conntrack.ts";
