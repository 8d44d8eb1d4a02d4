import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  addressBody,
  bridgeVlanBody,
  bridgeVlanInfo,
  ifaddrmsg,
  ifinfomsg,
  linkBody,
  netnsIdBody,
  nlmsghdr,
  routeBody,
  rtgenmsg,
  rtmsg,
} from "../../src/netlink/index.ts";
import { wireSuite } from "../helpers/wire.ts";

const sizes = suite("structs have the kernel's sizes");
for (const [type, bytes] of [
  [nlmsghdr, 16], [ifinfomsg, 16], [ifaddrmsg, 8], [rtmsg, 12], [rtgenmsg, 1], [bridgeVlanInfo, 4],
] as const) {
  sizes(`${type.name}: ${bytes}`, () => assert.is(type.bytes, bytes));
}
sizes.run();

/** A whole header: reading fills in every field, so a value that comes back equal has to have them. */
const link = { family: 0, type: 0, index: 0, flags: 0, change: 0 };
const linkHeader = `
  00 00 00 00  ifi_family, padding, ifi_type
  00 00 00 00  ifi_index
  00 00 00 00  ifi_flags
  00 00 00 00  ifi_change`;

wireSuite("linkBody", linkBody, [
  {
    name: "set up and under a master",
    value: { header: { ...link, index: 5, flags: 1, change: 1 }, attributes: { master: 3 } },
    wire: `
      00 00 00 00
      05 00 00 00  ifi_index
      01 00 00 00  IFF_UP
      01 00 00 00
      08 00 0a 00  IFLA_MASTER
      03 00 00 00`,
  },
  {
    name: "a bridge",
    value: { header: link, attributes: { name: "cni0", mtu: 1400,
      linkInfo: { kind: "bridge", data: { vlanFiltering: true } } } },
    wire: `${linkHeader}
      09 00 03 00  IFLA_IFNAME
      63 6e 69 30  cni0
      00 00 00 00
      08 00 04 00  IFLA_MTU
      78 05 00 00  1400
      1c 00 12 80  IFLA_LINKINFO, nested
      0b 00 01 00  IFLA_INFO_KIND
      62 72 69 64  brid
      67 65 00 00  ge
      0c 00 02 80  IFLA_INFO_DATA, nested
      05 00 07 00  IFLA_BR_VLAN_FILTERING
      01 00 00 00`,
  },
  {
    name: "a macvlan on a parent in another namespace",
    value: { header: link, attributes: { link: 2, linkInfo: { kind: "macvlan", data: { mode: "bridge",
      bcQueueLength: 500 } }, linkNetnsId: 0 } },
    wire: `${linkHeader}
      08 00 05 00  IFLA_LINK
      02 00 00 00
      24 00 12 80  IFLA_LINKINFO, nested
      0c 00 01 00  IFLA_INFO_KIND
      6d 61 63 76  macv
      6c 61 6e 00  lan
      14 00 02 80  IFLA_INFO_DATA, nested
      08 00 01 00  IFLA_MACVLAN_MODE
      04 00 00 00  MACVLAN_MODE_BRIDGE
      08 00 07 00  IFLA_MACVLAN_BC_QUEUE_LEN
      f4 01 00 00  500
      08 00 25 00  IFLA_LINK_NETNSID
      00 00 00 00`,
  },
  {
    name: "a veth whose peer is made elsewhere",
    value: {
      header: link,
      attributes: {
        mac: "02:00:00:00:00:01", name: "eth0",
        linkInfo: { kind: "veth", data: { peer: { name: "v1", txQueueLength: 0, netnsFd: 21 } } },
      },
    },
    wire: `${linkHeader}
      0a 00 01 00  IFLA_ADDRESS
      02 00 00 00
      00 01 00 00
      09 00 03 00  IFLA_IFNAME
      65 74 68 30  eth0
      00 00 00 00
      40 00 12 80  IFLA_LINKINFO, nested
      09 00 01 00  IFLA_INFO_KIND
      76 65 74 68  veth
      00 00 00 00
      30 00 02 80  IFLA_INFO_DATA, nested
      2c 00 01 80  VETH_INFO_PEER: an ifinfomsg and attributes
      00 00 00 00
      00 00 00 00
      00 00 00 00
      00 00 00 00
      07 00 03 00  IFLA_IFNAME
      76 31 00 00  v1
      08 00 0d 00  IFLA_TXQLEN
      00 00 00 00
      08 00 1c 00  IFLA_NET_NS_FD
      15 00 00 00`,
  },
  {
    name: "a bridge port's flags",
    value: { header: { ...link, index: 5 }, attributes: { linkInfo: { portKind: "bridge", portData: { hairpin: true,
      isolated: false } } } },
    wire: `
      00 00 00 00
      05 00 00 00
      00 00 00 00
      00 00 00 00
      24 00 12 80  IFLA_LINKINFO, nested
      0b 00 04 00  IFLA_INFO_SLAVE_KIND
      62 72 69 64  brid
      67 65 00 00  ge
      14 00 05 80  IFLA_INFO_SLAVE_DATA, nested
      05 00 04 00  IFLA_BRPORT_MODE
      01 00 00 00
      05 00 21 00  IFLA_BRPORT_ISOLATED
      00 00 00 00`,
  },
]);

wireSuite("addressBody", addressBody, [
  {
    name: "an IPv4 address",
    value: {
      header: { family: 2, prefixBits: 24, flags: 0, scope: 0, index: 5 },
      attributes: { address: Uint8Array.of(10, 1, 2, 5), local: Uint8Array.of(10, 1, 2, 5),
        broadcast: Uint8Array.of(10, 1, 2, 255) },
    },
    wire: `
      02 18 00 00  AF_INET, /24, flags, scope
      05 00 00 00  ifa_index
      08 00 01 00  IFA_ADDRESS
      0a 01 02 05
      08 00 02 00  IFA_LOCAL
      0a 01 02 05
      08 00 04 00  IFA_BROADCAST
      0a 01 02 ff`,
  },
]);

wireSuite("routeBody", routeBody, [
  {
    name: "a default route with metrics",
    value: {
      header: { family: 2, dstBits: 0, srcBits: 0, tos: 0, table: 254, protocol: 3, scope: 0, type: 1, flags: 0 },
      attributes: { index: 5, gateway: Uint8Array.of(10, 1, 0, 1), metrics: { mtu: 1400, advmss: 1360 }, table: 254 },
    },
    wire: `
      02 00 00 00  AF_INET, rtm_dst_len, rtm_src_len, rtm_tos
      fe 03 00 01  main, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST
      00 00 00 00
      08 00 04 00  RTA_OIF
      05 00 00 00
      08 00 05 00  RTA_GATEWAY
      0a 01 00 01
      14 00 08 80  RTA_METRICS, nested
      08 00 02 00  RTAX_MTU
      78 05 00 00
      08 00 08 00  RTAX_ADVMSS
      50 05 00 00
      08 00 0f 00  RTA_TABLE
      fe 00 00 00`,
  },
  {
    name: "two gateways, one of another family",
    value: {
      header: { family: 2, dstBits: 8, srcBits: 0, tos: 0, table: 254, protocol: 3, scope: 0, type: 1, flags: 0 },
      attributes: {
        dst: Uint8Array.of(10, 0, 0, 0),
        multipath: [
          { flags: 4, hops: 2, index: 5, attributes: { gateway: Uint8Array.of(10, 1, 0, 1) } },
          { flags: 0, hops: 0, index: 6, attributes: { via: { family: 10, address: new Uint8Array(16).fill(0xfe) } } },
        ],
      },
    },
    wire: `
      02 08 00 00
      fe 03 00 01
      00 00 00 00
      08 00 01 00  RTA_DST
      0a 00 00 00
      34 00 09 00  RTA_MULTIPATH
      10 00 04 02  rtnh_len 16, RTNH_F_ONLINK, rtnh_hops: weight 3
      05 00 00 00  rtnh_ifindex
      08 00 05 00  RTA_GATEWAY
      0a 01 00 01
      20 00 00 00  rtnh_len 32
      06 00 00 00
      16 00 12 00  RTA_VIA
      0a 00 fe fe  AF_INET6, address
      fe fe fe fe
      fe fe fe fe
      fe fe fe fe
      fe fe 00 00`,
  },
]);

wireSuite("bridgeVlanBody", bridgeVlanBody, [
  {
    name: "VLANs of a port",
    value: {
      header: { ...link, family: 7, index: 5 },
      attributes: { bridge: { flags: 1, vlans: [{ flags: 6, id: 100 }, { flags: 0, id: 200 }] } },
    },
    wire: `
      07 00 00 00  AF_BRIDGE
      05 00 00 00
      00 00 00 00
      00 00 00 00
      1c 00 1a 80  IFLA_AF_SPEC, nested
      06 00 00 00  IFLA_BRIDGE_FLAGS
      01 00 00 00  BRIDGE_FLAGS_MASTER
      08 00 02 00  IFLA_BRIDGE_VLAN_INFO
      06 00 64 00  PVID | UNTAGGED, 100
      08 00 02 00
      00 00 c8 00  200`,
  },
]);

wireSuite("netnsIdBody", netnsIdBody, [
  {
    name: "a namespace by descriptor",
    value: { header: { family: 0 }, attributes: { id: -1, fd: 7 } },
    wire: `
      00 00 00 00  rtgen_family, padding
      08 00 01 00  NETNSA_NSID
      ff ff ff ff
      08 00 03 00  NETNSA_FD
      07 00 00 00`,
  },
]);
