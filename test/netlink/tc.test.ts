import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { filterBody, qdiscBody, TC_H_INGRESS, TC_H_ROOT, tcmsg, ticksPerMicrosecond } from "../../src/netlink/index.ts";
import { bytesOf, decode, wire, wireSuite } from "../helpers/wire.ts";

const header = { family: 0, index: 5, handle: 0x1_0000, parent: TC_H_ROOT, info: 0 };

wireSuite("qdiscBody", qdiscBody, [
  {
    name: "a tbf",
    value: { header, attributes: { kind: "tbf", options: { rate: 1000n, bufferTicks: 156_250, limitBytes: 35 } } },
    wire: `
      00 00 00 00  tcm_family, padding
      05 00 00 00  tcm_ifindex
      00 00 01 00  tcm_handle 1:0
      ff ff ff ff  TC_H_ROOT
      00 00 00 00  tcm_info
      08 00 01 00  TCA_KIND
      74 62 66 00  tbf
      2c 00 02 80  TCA_OPTIONS, nested
      28 00 01 00  TCA_TBF_PARMS: a tc_tbf_qopt
      00 01 00 00  cell_log, TC_LINKLAYER_ETHERNET, overhead
      00 00 00 00  cell_align, mpu
      e8 03 00 00  rate
      00 00 00 00  peakrate
      00 00 00 00
      00 00 00 00
      23 00 00 00  limit
      5a 62 02 00  buffer
      00 00 00 00  mtu`,
  },
  {
    name: "a tbf whose rate needs 64 bits",
    value: { header, attributes: { kind: "tbf", options: { rate: 0x1_0000_0000n, bufferTicks: 1, limitBytes: 2 } } },
    wire: `
      00 00 00 00
      05 00 00 00
      00 00 01 00
      ff ff ff ff
      00 00 00 00
      08 00 01 00
      74 62 66 00
      38 00 02 80
      28 00 01 00
      00 01 00 00
      00 00 00 00
      ff ff ff ff  rate
      00 00 00 00
      00 00 00 00
      00 00 00 00
      02 00 00 00
      01 00 00 00
      00 00 00 00
      0c 00 04 00  TCA_TBF_RATE64
      00 00 00 00
      01 00 00 00`,
  },
  {
    name: "an ingress qdisc",
    value: { header: { ...header, handle: 0xffff_0000, parent: TC_H_INGRESS }, attributes: { kind: "ingress" } },
    wire: `
      00 00 00 00
      05 00 00 00
      00 00 ff ff  ffff:0
      f1 ff ff ff  TC_H_INGRESS
      00 00 00 00
      0c 00 01 00
      69 6e 67 72  ingr
      65 73 73 00  ess`,
  },
]);

wireSuite("filterBody", filterBody, [
  {
    name: "a filter that takes everything and redirects it",
    value: {
      header: { family: 0, index: 5, handle: 0, parent: 0xffff_0000, info: 0x0001_0300 },
      attributes: { kind: "u32", options: {
        class: 0x1_0001, keys: [{ mask: 0, value: 0, offset: 0 }],
        actions: { first: { kind: "mirred", options: { parameters: { action: 4, direction: 1, index: 9 } } } },
      } },
    },
    wire: `
      00 00 00 00
      05 00 00 00
      00 00 00 00
      00 00 ff ff  ffff:0
      00 03 01 00  ETH_P_ALL in network order, priority 1
      08 00 01 00  TCA_KIND
      75 33 32 00  u32
      68 00 02 80  TCA_OPTIONS, nested
      08 00 01 00  TCA_U32_CLASSID
      01 00 01 00  1:1
      24 00 05 00  TCA_U32_SEL
      01 00 01 00  TC_U32_TERMINAL, offshift, one key
      00 00 00 00
      00 00 00 00
      00 00 00 00
      00 00 00 00  mask
      00 00 00 00  val
      00 00 00 00  off
      00 00 00 00  offmask
      38 00 07 80  TCA_U32_ACT, nested
      34 00 01 80  the first action, nested
      0b 00 01 00  TCA_ACT_KIND
      6d 69 72 72  mirr
      65 64 00 00  ed
      24 00 02 80  TCA_ACT_OPTIONS, nested
      20 00 02 00  TCA_MIRRED_PARMS: a tc_mirred
      00 00 00 00  index
      00 00 00 00  capab
      04 00 00 00  TC_ACT_STOLEN
      00 00 00 00  refcnt
      00 00 00 00  bindcnt
      01 00 00 00  TCA_EGRESS_REDIR
      09 00 00 00  ifindex`,
  },
]);

const details = suite("traffic control");

details("tcmsg is 20 bytes", () => assert.is(tcmsg.bytes, 20));

details("a tick is what this kernel says", () => {
  const [ticks = 0, microseconds = 0] = readFileSync("/proc/net/psched", "utf8").split(" ").map((word) => (
    Number.parseInt(word, 16)));
  assert.is(ticksPerMicrosecond, ticks / microseconds);
});

details("qdiscs without a table keep their options raw", () => {
  const message = decode(qdiscBody, bytesOf(wire(`
    00 00 00 00\n 05 00 00 00\n 00 00 01 00\n ff ff ff ff\n 00 00 00 00
    08 00 01 00\n 68 74 62 00\n 08 00 02 00\n 01 02 03 04`)));
  assert.equal(message.attributes, { kind: "htb", options: Uint8Array.of(1, 2, 3, 4) });
});

details("a selector that names more keys than there are is refused", () => {
  const broken = wire(`
    00 00 00 00\n 05 00 00 00\n 00 00 00 00\n 00 00 ff ff\n 00 03 01 00
    08 00 01 00\n 75 33 32 00\n 18 00 02 80\n 14 00 05 00\n 01 00 02 00\n 00 00 00 00\n 00 00 00 00\n 00 00 00 00`);
  assert.throws(() => decode(filterBody, bytesOf(broken)),
    /Cannot decode options\.keys\.tc_u32_key: expected 16 bytes/);
});
details.run();
