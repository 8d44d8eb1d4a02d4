/** The wire form of expressions: one table each, chosen by NFTA_EXPR_NAME (linux/netfilter/nf_tables.h). */
import { attrs, by } from "../codec/attrs.ts";
import { i32be, raw, stringz, u32be, u64be } from "../codec/scalars.ts";

/** NFTA_VERDICT_*. */
const verdictAttrs = attrs({
  code:  [1, i32be],    // NFTA_VERDICT_CODE: NF_* or NFT_*
  chain: [2, stringz],  // NFTA_VERDICT_CHAIN: of jump and goto
});

/** NFTA_DATA_*. */
export const dataAttrs = attrs({
  value:   [1, raw],           // NFTA_DATA_VALUE: the register's bytes
  verdict: [2, verdictAttrs],  // NFTA_DATA_VERDICT
});

/** NFTA_META_*. */
const metaAttrs = attrs({
  key:  [2, u32be],  // NFTA_META_KEY
  dreg: [1, u32be],  // NFTA_META_DREG: load
  sreg: [3, u32be],  // NFTA_META_SREG: store
});

/** NFTA_PAYLOAD_*. */
const payloadAttrs = attrs({
  dreg:   [1, u32be],
  base:   [2, u32be],  // NFTA_PAYLOAD_BASE
  offset: [3, u32be],
  len:    [4, u32be],
});

/** NFTA_CMP_*. */
const cmpAttrs = attrs({
  sreg: [1, u32be],
  op:   [2, u32be],      // NFTA_CMP_OP
  data: [3, dataAttrs],
});

/** NFTA_RANGE_*. */
const rangeAttrs = attrs({
  sreg: [1, u32be],
  op:   [2, u32be],      // NFTA_RANGE_OP
  from: [3, dataAttrs],  // NFTA_RANGE_FROM_DATA
  to:   [4, dataAttrs],  // NFTA_RANGE_TO_DATA
});

/** NFTA_BITWISE_*. */
const bitwiseAttrs = attrs({
  sreg: [1, u32be],
  dreg: [2, u32be],
  len:  [3, u32be],
  mask: [4, dataAttrs],
  xor:  [5, dataAttrs],
});

/** NFTA_IMMEDIATE_*. */
export const immediateAttrs = attrs({
  dreg: [1, u32be],
  data: [2, dataAttrs],
});

/** NFTA_LOOKUP_*. */
const lookupAttrs = attrs({
  set:   [1, stringz],  // NFTA_LOOKUP_SET: "__set%d" until the kernel has numbered an anonymous one
  sreg:  [2, u32be],
  setId: [4, u32be],    // NFTA_LOOKUP_SET_ID: the NFTA_SET_ID of this transaction
  flags: [5, u32be],    // NFTA_LOOKUP_FLAGS: NFT_LOOKUP_F_INV
});

/** NFTA_FIB_*. */
const fibAttrs = attrs({
  dreg:   [1, u32be],
  result: [2, u32be],  // NFTA_FIB_RESULT
  flags:  [3, u32be],  // NFTA_FIB_FLAGS
});

/** NFTA_CT_*. */
const ctAttrs = attrs({
  dreg: [1, u32be],
  key:  [2, u32be],  // NFTA_CT_KEY
});

/** NFTA_COUNTER_*. */
const counterAttrs = attrs({
  bytes:   [1, u64be],
  packets: [2, u64be],
});

/** NFTA_NAT_*. */
const natAttrs = attrs({
  type:     [1, u32be],  // NFTA_NAT_TYPE
  family:   [2, u32be],  // NFTA_NAT_FAMILY: NFPROTO_*
  addrMin:  [3, u32be],  // NFTA_NAT_REG_ADDR_MIN: a register
  protoMin: [5, u32be],  // NFTA_NAT_REG_PROTO_MIN: a register
  flags:    [7, u32be],  // NFTA_NAT_FLAGS: NF_NAT_RANGE_*
});

/** NFTA_MATCH_*: a match of iptables', its settings left as they are. */
const matchAttrs = attrs({
  name: [1, stringz],  // NFTA_MATCH_NAME: "conntrack"
});

/** NFTA_EXPR_*. */
export const expressionAttrs = attrs({
  name: [1, stringz],
  data: [2, by("name", {
    meta: metaAttrs,
    payload: payloadAttrs,
    cmp: cmpAttrs,
    range: rangeAttrs,
    bitwise: bitwiseAttrs,
    immediate: immediateAttrs,
    lookup: lookupAttrs,
    fib: fibAttrs,
    ct: ctAttrs,
    counter: counterAttrs,
    masq: attrs({}),
    nat: natAttrs,
    match: matchAttrs,
  })],
});
