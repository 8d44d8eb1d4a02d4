/**
 * nfnetlink (linux/netfilter/nfnetlink.h): the header all netfilter subsystems share, and the two messages that
 * make a transaction of what stands between them.
 */
import { attrs } from "./codec/attrs.ts";
import { body } from "./codec/message.ts";
import { u16be, u32be, u8 } from "./codec/scalars.ts";
import { struct } from "./codec/struct.ts";

/** NFNL_SUBSYS_*: the upper byte of a message type. */
export const nfnetlinkSubsystem = { ctnetlink: 1, nftables: 10 } as const;

/** struct nfgenmsg. */
export const nfgenmsg = struct("nfgenmsg", 4, {
  family:     [0, u8],     // AF_* or NFPROTO_*, 0 for any
  version:    [1, u8],     // NFNETLINK_V0
  resourceId: [2, u16be],  // res_id: the subsystem in batch messages, else 0
});

/** NFNL_BATCH_*. */
export const batchAttrs = attrs({
  generation: [1, u32be],  // NFNL_BATCH_GENID: ERESTART unless the rule set still is of this generation
});

export const batchBody = body(nfgenmsg, batchAttrs);

export const NFNL_MSG_BATCH_BEGIN = 0x10;
export const NFNL_MSG_BATCH_END = 0x11;
