import { i32, u16, u32, u8 } from "./codec/scalars.ts";
import { struct } from "./codec/struct.ts";

/** struct ifinfomsg (linux/rtnetlink.h): the header of link messages. */
export const ifinfomsg = struct("ifinfomsg", 16, {
  family: [0, u8],
  type:   [2, u16],  // ARPHRD_*
  index:  [4, i32],
  flags:  [8, u32],  // IFF_*
  change: [12, u32], // the flags to take over from `flags`
});
