import { attrs } from "./codec/attrs.ts";
import { body } from "./codec/message.ts";
import { raw, stringz, u32, u8 } from "./codec/scalars.ts";
import { struct } from "./codec/struct.ts";

// linux/rtnetlink.h
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

// linux/if_addr.h
export const IFA_F_NODAD = 0x02;
export const IFA_F_DADFAILED = 0x08;
export const IFA_F_TENTATIVE = 0x40;
export const IFA_F_HOMEADDRESS = 0x10;
export const IFA_F_PERMANENT = 0x80;
export const IFA_F_MANAGETEMPADDR = 0x100;
export const IFA_F_NOPREFIXROUTE = 0x200;
export const IFA_F_MCAUTOJOIN = 0x400;

/** struct ifaddrmsg (linux/if_addr.h). */
export const ifaddrmsg = struct("ifaddrmsg", 8, {
  family:     [0, u8],
  prefixBits: [1, u8],
  flags:      [2, u8],  // the low eight of IFA_FLAGS
  scope:      [3, u8],
  index:      [4, u32], // ifindex
});

/** IFA_* (linux/if_addr.h). */
export const addressBody = body(ifaddrmsg, attrs({
  address:   [1, raw], // IFA_ADDRESS: the prefix's address; on point-to-point links the peer's
  local:     [2, raw], // IFA_LOCAL: our own address; IPv6 sends it only where it differs from IFA_ADDRESS
  label:     [3, stringz], // IFA_LABEL: IPv4 only
  broadcast: [4, raw], // IFA_BROADCAST: IPv4 only
  flags:     [8, u32], // IFA_FLAGS: IFA_F_*
}));
