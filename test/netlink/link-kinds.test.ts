import { readdirSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CodecError, ip4, isLinkKind, linkBody, linkKinds } from "../../src/netlink/index.ts";
import type { LinkInfo, LinkKind } from "../../src/netlink/index.ts";
import { bytesOf, checkTruncations, checkWire, decode, encode, hex, wire } from "../helpers/wire.ts";

/** IFLA_INFO_DATA of each kind: its settings as `info` has them, and the bytes between kind and end. */
interface KindRow {
  readonly info: LinkInfo;
  readonly wire: string;
}

const address4 = (...bytes: number[]) => ({ family: 4 as const, bytes: Uint8Array.from(bytes) });
const address6 = (last: number) => ({ family: 6 as const, bytes: Uint8Array.from({ length: 16 }, (_, i) => (
  i === 0 ? 0xfd : i === 15 ? last : 0)) });

const rows: readonly KindRow[] = [
  { info: { kind: "bridge", vlanFiltering: true, vlanProtocol: "802.1ad" }, wire: `
      05 00 07 00  IFLA_BR_VLAN_FILTERING
      01 00 00 00
      06 00 08 00  IFLA_BR_VLAN_PROTOCOL
      88 a8 00 00` },
  { info: { kind: "dummy" }, wire: "" },
  { info: { kind: "ifb" }, wire: "" },
  { info: { kind: "ipvlan", mode: "l3s", flags: "vepa" }, wire: `
      06 00 01 00  IFLA_IPVLAN_MODE
      02 00 00 00  IPVLAN_MODE_L3S
      06 00 02 00  IFLA_IPVLAN_FLAGS
      02 00 00 00  IPVLAN_F_VEPA` },
  { info: { kind: "ipvlan", mode: "l2", flags: "bridge" }, wire: `
      06 00 01 00
      00 00 00 00  IPVLAN_MODE_L2
      06 00 02 00
      00 00 00 00` },
  { info: { kind: "ipvlan", mode: "l3", flags: "private" }, wire: `
      06 00 01 00
      01 00 00 00  IPVLAN_MODE_L3
      06 00 02 00
      01 00 00 00  IPVLAN_F_PRIVATE` },
  { info: { kind: "macvlan", mode: "vepa", bcQueueLength: 500 }, wire: `
      08 00 01 00  IFLA_MACVLAN_MODE
      02 00 00 00  MACVLAN_MODE_VEPA
      08 00 07 00  IFLA_MACVLAN_BC_QUEUE_LEN
      f4 01 00 00` },
  { info: { kind: "tun", owner: 1000, group: 0, type: "tap", packetInfo: false, vnetHeader: true, persist: true,
    multiQueue: true, queueCount: 2, disabledQueueCount: 1 }, wire: `
      08 00 01 00  IFLA_TUN_OWNER
      e8 03 00 00
      08 00 02 00  IFLA_TUN_GROUP
      00 00 00 00
      05 00 03 00  IFLA_TUN_TYPE
      02 00 00 00  IFF_TAP
      05 00 04 00  IFLA_TUN_PI
      00 00 00 00
      05 00 05 00  IFLA_TUN_VNET_HDR
      01 00 00 00
      05 00 06 00  IFLA_TUN_PERSIST
      01 00 00 00
      05 00 07 00  IFLA_TUN_MULTI_QUEUE
      01 00 00 00
      08 00 08 00  IFLA_TUN_NUM_QUEUES
      02 00 00 00
      08 00 09 00  IFLA_TUN_NUM_DISABLED_QUEUES
      01 00 00 00` },
  { info: { kind: "veth", peer: { index: 7, mac: "02:00:00:00:00:01", mtu: 1400 } }, wire: `
      28 00 01 80  VETH_INFO_PEER: an ifinfomsg and attributes
      00 00 00 00
      07 00 00 00  ifi_index
      00 00 00 00
      00 00 00 00
      0a 00 01 00  IFLA_ADDRESS
      02 00 00 00
      00 01 00 00
      08 00 04 00  IFLA_MTU
      78 05 00 00` },
  { info: { kind: "vlan", id: 100, protocol: "802.1ad" }, wire: `
      06 00 01 00  IFLA_VLAN_ID
      64 00 00 00
      06 00 05 00  IFLA_VLAN_PROTOCOL
      88 a8 00 00  ETH_P_8021AD, network order` },
  { info: { kind: "vrf", table: 1000 }, wire: `
      08 00 01 00  IFLA_VRF_TABLE
      e8 03 00 00` },
  {
    info: {
      kind: "vxlan", id: 0x123456, group: address4(239, 1, 1, 1), link: 3, local: address4(192, 0, 2, 1), ttl: 8,
      tos: 1, learning: false, ageingSeconds: 60, limit: 1000, proxy: true, port: 4789, udpChecksum: true,
    },
    wire: `
      08 00 01 00  IFLA_VXLAN_ID
      56 34 12 00
      08 00 02 00  IFLA_VXLAN_GROUP
      ef 01 01 01
      08 00 03 00  IFLA_VXLAN_LINK
      03 00 00 00
      08 00 04 00  IFLA_VXLAN_LOCAL
      c0 00 02 01
      05 00 05 00  IFLA_VXLAN_TTL
      08 00 00 00
      05 00 06 00  IFLA_VXLAN_TOS
      01 00 00 00
      05 00 07 00  IFLA_VXLAN_LEARNING
      00 00 00 00
      08 00 08 00  IFLA_VXLAN_AGEING
      3c 00 00 00
      08 00 09 00  IFLA_VXLAN_LIMIT
      e8 03 00 00
      05 00 0b 00  IFLA_VXLAN_PROXY
      01 00 00 00
      06 00 0f 00  IFLA_VXLAN_PORT
      12 b5 00 00  4789, network order
      05 00 12 00  IFLA_VXLAN_UDP_CSUM
      01 00 00 00`,
  },
  { info: { kind: "vxlan", id: 5, group6: address6(2), local6: address6(1), zeroChecksum6Tx: true,
    zeroChecksum6Rx: false }, wire: `
      08 00 01 00
      05 00 00 00
      14 00 10 00  IFLA_VXLAN_GROUP6
      fd 00 00 00
      00 00 00 00
      00 00 00 00
      00 00 00 02
      14 00 11 00  IFLA_VXLAN_LOCAL6
      fd 00 00 00
      00 00 00 00
      00 00 00 00
      00 00 00 01
      05 00 13 00  IFLA_VXLAN_UDP_ZERO_CSUM6_TX
      01 00 00 00
      05 00 14 00  IFLA_VXLAN_UDP_ZERO_CSUM6_RX
      00 00 00 00` },
];

const settings = suite("linkKinds");
for (const { info: { kind, ...data }, wire: expected } of rows) {
  const row = { name: kind, value: data, wire: expected };
  // The settings are those of the kind they stand with.
  const table = linkKinds[kind] as (typeof linkKinds)["bridge"];
  const title = `${kind} ${Object.values(data).map((value) => (typeof value === "object" ? "..." : value)).join(" ")}`;
  settings(`${title.trim()}: written and read`, () => checkWire(table, row));
  settings(`${title.trim()}: truncations are refused`, () => checkTruncations(table, row));
}

settings("each kind has a file, a row and bytes above", () => {
  const files = readdirSync(new URL("../../src/netlink/link-kinds", import.meta.url))
    .filter((name) => name !== "index.ts").map((name) => name.replace(".ts", ""));
  assert.equal(files.toSorted(), Object.keys(linkKinds));
  assert.equal([...new Set(rows.map(({ info }) => info.kind))].toSorted(), Object.keys(linkKinds));
  assert.ok(Object.keys(linkKinds).every((kind) => isLinkKind(kind)));
  assert.not.ok(isLinkKind("bond") || isLinkKind("toString"));
});

settings("a kind's table is chosen by its name, whichever the kind", () => {
  const header = { family: 0, type: 0, index: 0, flags: 0, change: 0 };
  for (const { info: { kind, ...data } } of rows) {
    const message = { header, attributes: { linkInfo: { kind, data } } };
    assert.equal(decode(linkBody, encode(linkBody, message)), message);
  }
});

settings("a mode this codec has no word for reads as absent", () => {
  assert.equal(decode(linkKinds.ipvlan, bytesOf(wire("06 00 01 00\n 09 00 00 00"))), { mode: undefined });
});

settings("an address of the other family has no room", () => {
  assert.throws(() => encode(linkKinds.vxlan, { local: address6(1) }),
    (error: unknown) => error instanceof CodecError && error.path === "local.ip4");
  assert.throws(() => decode(ip4, Uint8Array.of(10, 0, 0)), /Cannot decode ip4: expected 4 bytes, found 3/);
  assert.is(hex(encode(ip4, address4(10, 0, 0, 1))), "0a 00 00 01");
});

type Modes = "private" | "vepa" | "bridge" | "passthru" | "source";

settings("the kind gives the settings their type", () => {
  // Checked by the compiler: without narrowing, none of these properties is there to be read.
  const shown = (info: LinkInfo): unknown => {
    if (info.kind === "macvlan") return info.mode satisfies Modes | undefined;
    if (info.kind === "vlan") return info.id satisfies number | undefined;
    // @ts-expect-error a table is a vrf's, not a dummy's
    if (info.kind === "dummy") return info.table;
    return info.kind satisfies LinkKind;
  };
  assert.equal(rows.slice(6, 7).map(({ info }) => shown(info)), ["vepa"]);
});
settings.run();
