import { attrs, by } from "../codec/attrs.ts";
import { body } from "../codec/message.ts";
import { i32, stringz, u32, u8 } from "../codec/scalars.ts";
import { struct } from "../codec/struct.ts";
import { filterKinds } from "./filter-kinds.ts";
import { qdiscKinds } from "./qdisc-kinds.ts";

// linux/rtnetlink.h
export const RTM_NEWQDISC = 36;
export const RTM_DELQDISC = 37;
export const RTM_GETQDISC = 38;
export const RTM_NEWTFILTER = 44;
export const RTM_GETTFILTER = 46;

// linux/pkt_sched.h: parents that are no class
/** What leaves by the link. */
export const TC_H_ROOT = 0xffff_ffff;
/** What arrives at the link; its qdisc has the handle ffff:0. */
export const TC_H_INGRESS = 0xffff_fff1;

/** struct tcmsg (linux/rtnetlink.h). Handles are two halves, `major:minor` in hexadecimal: 1:0 is 0x10000. */
export const tcmsg = struct("tcmsg", 20, {
  family: [0, u8],
  index:  [4, i32],  // ifindex
  handle: [8, u32],
  parent: [12, u32],
  info:   [16, u32], // of filters: priority in the upper half, ethertype in network order in the lower
});

/** TCA_* (linux/rtnetlink.h) of a queueing discipline. */
export const qdiscBody = body(tcmsg, attrs({
  kind:    [1, stringz],                // TCA_KIND
  options: [2, by("kind", qdiscKinds)], // TCA_OPTIONS
}));

/** TCA_* of a filter. */
export const filterBody = body(tcmsg, attrs({
  kind:    [1, stringz],                 // TCA_KIND
  options: [2, by("kind", filterKinds)], // TCA_OPTIONS
}));
