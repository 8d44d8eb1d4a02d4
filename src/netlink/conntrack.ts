/** Connection tracking entries (linux/netfilter/nfnetlink_conntrack.h). */
import { attrs } from "./codec/attrs.ts";
import { body } from "./codec/message.ts";
import { nfgenmsg, nfnetlinkSubsystem } from "./nfnetlink.ts";
import { raw, u16be, u32, u32be, u8 } from "./codec/scalars.ts";

/** enum cntl_msg_types, with the subsystem in the upper byte. */
export const conntrackMessage = {
  get:    (nfnetlinkSubsystem.ctnetlink << 8) | 1,  // IPCTNL_MSG_CT_GET
  delete: (nfnetlinkSubsystem.ctnetlink << 8) | 2,  // IPCTNL_MSG_CT_DELETE
} as const;

/** CTA_IP_*. */
const addressAttrs = attrs({
  v4Source:      [1, raw],
  v4Destination: [2, raw],
  v6Source:      [3, raw],
  v6Destination: [4, raw],
});

/** CTA_PROTO_*; protocols without ports keep their own attributes under `unknown`. */
const protocolAttrs = attrs({
  number:          [1, u8],     // CTA_PROTO_NUM: IPPROTO_*
  sourcePort:      [2, u16be],
  destinationPort: [3, u16be],
});

/** CTA_TUPLE_*: one direction of a connection. */
const tupleAttrs = attrs({
  addresses: [1, addressAttrs],   // CTA_TUPLE_IP
  protocol:  [2, protocolAttrs],  // CTA_TUPLE_PROTO
  zone:      [3, u16be],          // CTA_TUPLE_ZONE
});

/**
 * CTA_FILTER_*: which fields of the tuples in a dump request the entries have to share. Kernels before 5.8 ignore it.
 */
const filterAttrs = attrs({
  originalFlags: [1, u32],  // CTA_FILTER_ORIG_FLAGS: `filterField`
  replyFlags:    [2, u32],  // CTA_FILTER_REPLY_FLAGS
});

/**
 * Bits of the filter's flags; they are the kernel's (net/netfilter/nf_internals.h), no header for programs has them.
 */
export const filterField = {
  protocol: 1 << 3,         // CTA_PROTO_NUM
  destinationPort: 1 << 5,  // CTA_PROTO_DST_PORT
} as const;

/** CTA_*: what finding and deleting an entry needs. */
export const conntrackAttrs = attrs({
  original: [1, tupleAttrs],    // CTA_TUPLE_ORIG: before any NAT
  reply:    [2, tupleAttrs],    // CTA_TUPLE_REPLY: what answers look like, after NAT
  id:       [12, u32be],        // CTA_ID: another entry with the same tuple has another
  zone:     [18, u16be],        // CTA_ZONE
  filter:   [25, filterAttrs],  // CTA_FILTER
});

export const conntrackBody = body(nfgenmsg, conntrackAttrs);
