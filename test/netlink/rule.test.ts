import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fibRuleHdr, ruleBody } from "../../src/netlink/index.ts";
import { wireSuite } from "../helpers/wire.ts";

const header = { family: 2, dstBits: 0, srcBits: 0, tos: 0, table: 0, action: 1, flags: 0 };

wireSuite("ruleBody", ruleBody, [
  {
    name: "from an address to a table",
    value: { header: { ...header, srcBits: 32 }, attributes: { src: Uint8Array.of(10, 1, 2, 5), table: 100 } },
    wire: `
      02 00 20 00  AF_INET, dst_len, src_len 32, tos
      00 00 00 01  table, reserved, FR_ACT_TO_TBL
      00 00 00 00  flags
      08 00 02 00  FRA_SRC
      0a 01 02 05
      08 00 0f 00  FRA_TABLE
      64 00 00 00`,
  },
  {
    name: "everything else a packet can be asked for",
    value: {
      header: { ...header, dstBits: 8, flags: 2 },
      attributes: { dst: Uint8Array.of(10, 0, 0, 0), iif: "eth0", priority: 999, fwmark: 0x10, table: 1000,
        fwmask: 0xff, oif: "net1", protocol: 3 },
    },
    wire: `
      02 08 00 00
      00 00 00 01
      02 00 00 00  FIB_RULE_INVERT
      08 00 01 00  FRA_DST
      0a 00 00 00
      09 00 03 00  FRA_IIFNAME
      65 74 68 30  eth0
      00 00 00 00
      08 00 06 00  FRA_PRIORITY
      e7 03 00 00
      08 00 0a 00  FRA_FWMARK
      10 00 00 00
      08 00 0f 00  FRA_TABLE
      e8 03 00 00
      08 00 10 00  FRA_FWMASK
      ff 00 00 00
      09 00 11 00  FRA_OIFNAME
      6e 65 74 31  net1
      00 00 00 00
      05 00 15 00  FRA_PROTOCOL
      03 00 00 00`,
  },
]);

const size = suite("fib_rule_hdr");
size("is 12 bytes", () => assert.is(fibRuleHdr.bytes, 12));
size.run();
