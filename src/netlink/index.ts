/**
 * Netlink bytes as values, and back; pure. Tables say what a message holds (`attrs`, `struct`, scalars named by their
 * byte order), one file per kernel object. Nothing here opens a socket.
 */
export { CodecError, Output } from "./codec/payload.ts";
export type { Payload, Reader, ValueOf } from "./codec/payload.ts";
export {
  u8, u16, u16be, u32, u32be, i32, i32be, u64, u64be, bool, raw, stringz, string, mac, named,
} from "./codec/scalars.ts";
export { struct } from "./codec/struct.ts";
export { ip4 } from "./codec/ip.ts";
export { attrs, repeated, by } from "./codec/attrs.ts";
export {
  NLM_F_REQUEST, NLM_F_ACK, NLM_F_ECHO, NLM_F_DUMP_INTR, NLM_F_DUMP, NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE,
  NLM_F_APPEND, NLM_F_ACK_TLVS, NLM_F_CAPPED, NLMSG_NOOP, NLMSG_ERROR, NLMSG_DONE, NLMSG_OVERRUN, nlmsghdr, body,
  writeMessage, findMessage, readAck,
} from "./codec/message.ts";
export type { Body, FoundMessage, Ack } from "./codec/message.ts";
export { ifinfomsg } from "./ifinfomsg.ts";
export {
  RTM_NEWLINK, RTM_DELLINK, RTM_GETLINK, RTM_SETLINK, IFF_UP, IFF_LOOPBACK, IFF_PROMISC, IFF_ALLMULTI,
  RTEXT_FILTER_SKIP_STATS, linkBody,
} from "./link.ts";
export { linkKinds, isLinkKind } from "./link-kinds/index.ts";
export type { LinkKind, LinkSettings, LinkInfo } from "./link-kinds/index.ts";
export { RTM_NEWNSID, RTM_GETNSID, rtgenmsg, netnsIdBody } from "./netns-id.ts";
export {
  RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR, IFA_F_NODAD, IFA_F_DADFAILED, IFA_F_HOMEADDRESS, IFA_F_TENTATIVE,
  IFA_F_PERMANENT, IFA_F_MANAGETEMPADDR, IFA_F_NOPREFIXROUTE, IFA_F_MCAUTOJOIN, ifaddrmsg, addressBody,
} from "./address.ts";
export {
  RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE, RTN_UNICAST, RTN_LOCAL, RTN_UNREACHABLE, RTPROT_BOOT, RT_SCOPE_UNIVERSE,
  RT_SCOPE_LINK, RT_SCOPE_HOST, RT_SCOPE_NOWHERE, RT_TABLE_MAIN, RT_TABLE_LOCAL, RTNH_F_ONLINK, rtmsg, routeBody,
  wholeRouteBody,
} from "./route.ts";
export { RTM_NEWRULE, RTM_DELRULE, RTM_GETRULE, FR_ACT_TO_TBL, FIB_RULE_INVERT, fibRuleHdr, ruleBody } from "./rule.ts";
export {
  RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH, NUD_REACHABLE, NUD_NOARP, NUD_PERMANENT, NTF_USE, NTF_SELF, NTF_MASTER,
  ndmsg, neighbourBody,
} from "./neighbour.ts";
export {
  RTM_NEWQDISC, RTM_DELQDISC, RTM_GETQDISC, RTM_NEWTFILTER, RTM_GETTFILTER, TC_H_ROOT, TC_H_INGRESS, tcmsg, qdiscBody,
  filterBody,
} from "./tc/message.ts";
export { isQdiscKind } from "./tc/qdisc-kinds.ts";
export type { QdiscInfo } from "./tc/qdisc-kinds.ts";
export type { U32Key } from "./tc/filter-kinds.ts";
export { ticksPerMicrosecond } from "./tc/token-bucket.ts";
export type { TokenBucket } from "./tc/token-bucket.ts";
export { TC_ACT_STOLEN, TCA_EGRESS_REDIR } from "./tc/mirred.ts";
export {
  AF_BRIDGE, RTEXT_FILTER_BRVLAN, BRIDGE_FLAGS_MASTER, BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_UNTAGGED,
  BRIDGE_VLAN_INFO_RANGE_BEGIN, BRIDGE_VLAN_INFO_RANGE_END, bridgeVlanInfo, bridgeVlanBody,
} from "./bridge-vlan.ts";
export type { BaseChain, ChainName, Expression, NftChange, NftFamily } from "./nftables/index.ts";
export * as nft from "./nftables/index.ts";
export { nfgenmsg } from "./nfnetlink.ts";
export { conntrackMessage, filterField, conntrackAttrs, conntrackBody } from "./conntrack.ts";
