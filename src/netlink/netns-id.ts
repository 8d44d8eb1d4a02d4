import { attrs } from "./codec/attrs.ts";
import { body } from "./codec/message.ts";
import { i32, u32, u8 } from "./codec/scalars.ts";
import { struct } from "./codec/struct.ts";

// linux/rtnetlink.h
export const RTM_NEWNSID = 88;
export const RTM_GETNSID = 90;

/** struct rtgenmsg (linux/rtnetlink.h). */
export const rtgenmsg = struct("rtgenmsg", 1, { family: [0, u8] });

/** NETNSA_* (linux/net_namespace.h): the number by which one namespace knows another. */
export const netnsIdBody = body(rtgenmsg, attrs({
  id: [1, i32], // NETNSA_NSID: -1 is none yet in an answer, and any free one in a request
  fd: [3, u32], // NETNSA_FD
}));
