import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ndmsg, neighbourBody } from "../../src/netlink/index.ts";
import { wireSuite } from "../helpers/wire.ts";

wireSuite("neighbourBody", neighbourBody, [
  {
    name: "a permanent neighbour",
    value: {
      header: { family: 2, index: 5, state: 0x80, flags: 0, type: 0 },
      attributes: { dst: Uint8Array.of(10, 1, 2, 5), mac: "02:00:00:00:00:01" },
    },
    wire: `
      02 00 00 00  AF_INET, padding
      05 00 00 00  ndm_ifindex
      80 00 00 00  NUD_PERMANENT, flags, type
      08 00 01 00  NDA_DST
      0a 01 02 05
      0a 00 02 00  NDA_LLADDR
      02 00 00 00
      00 01 00 00`,
  },
  {
    name: "a forwarding entry of a vxlan",
    value: {
      header: { family: 7, index: 5, state: 0xc0, flags: 2, type: 0 },
      attributes: { dst: Uint8Array.of(192, 0, 2, 2), mac: "00:00:00:00:00:00", vlan: 7, port: 4789, vni: 42, index: 3,
        master: 9 },
    },
    wire: `
      07 00 00 00  AF_BRIDGE
      05 00 00 00
      c0 00 02 00  NUD_PERMANENT | NUD_NOARP, NTF_SELF
      08 00 01 00  NDA_DST
      c0 00 02 02
      0a 00 02 00  NDA_LLADDR
      00 00 00 00
      00 00 00 00
      06 00 05 00  NDA_VLAN
      07 00 00 00
      06 00 06 00  NDA_PORT
      12 b5 00 00  4789, network order
      08 00 07 00  NDA_VNI
      2a 00 00 00
      08 00 08 00  NDA_IFINDEX
      03 00 00 00
      08 00 09 00  NDA_MASTER
      09 00 00 00`,
  },
]);

const size = suite("ndmsg");
size("is 12 bytes", () => assert.is(ndmsg.bytes, 12));
size.run();
