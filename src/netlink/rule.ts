import { attrs } from "./codec/attrs.ts";
import { body } from "./codec/message.ts";
import { raw, stringz, u32, u8 } from "./codec/scalars.ts";
import { struct } from "./codec/struct.ts";

// linux/rtnetlink.h
export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;
export const RTM_GETRULE = 34;

// linux/fib_rules.h
/** The only action whose rule has a table. */
export const FR_ACT_TO_TBL = 1;
export const FIB_RULE_INVERT = 2;

/** struct fib_rule_hdr (linux/fib_rules.h). */
export const fibRuleHdr = struct("fib_rule_hdr", 12, {
  family:  [0, u8],
  dstBits: [1, u8],
  srcBits: [2, u8],
  tos:     [3, u8],
  table:   [4, u8],  // tables above 255 only fit FRA_TABLE, and have 252 (RT_TABLE_COMPAT) here
  action:  [7, u8],  // FR_ACT_*
  flags:   [8, u32], // FIB_RULE_*
});

/** FRA_* (linux/fib_rules.h): what a packet must have, and in which table its route then is looked up. */
export const ruleBody = body(fibRuleHdr, attrs({
  dst:      [1, raw],      // FRA_DST
  src:      [2, raw],      // FRA_SRC
  iif:      [3, stringz],  // FRA_IIFNAME: a name, of a link that need not be there
  priority: [6, u32],      // FRA_PRIORITY: rules are tried from 0 up; absent: one less than the first after 0
  fwmark:   [10, u32],     // FRA_FWMARK
  table:    [15, u32],     // FRA_TABLE
  fwmask:   [16, u32],     // FRA_FWMASK: the bits of the mark that count; absent: all
  oif:      [17, stringz], // FRA_OIFNAME
  protocol: [21, u8],      // FRA_PROTOCOL: RTPROT_*, who made it
}, { dropUnknown: true }));
