import { attrs } from "./codec/attrs.ts";
import { body } from "./codec/message.ts";
import { CodecError, copyBytes } from "./codec/payload.ts";
import type { Payload, ValueOf } from "./codec/payload.ts";
import { i32, raw, u16, u32, u8 } from "./codec/scalars.ts";
import { struct } from "./codec/struct.ts";

// linux/rtnetlink.h
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;
export const RTN_UNICAST = 1;
export const RTN_LOCAL = 2;
export const RTN_UNREACHABLE = 7;
export const RTPROT_BOOT = 3;
export const RT_SCOPE_UNIVERSE = 0;
export const RT_SCOPE_LINK = 253;
export const RT_SCOPE_HOST = 254;
export const RT_SCOPE_NOWHERE = 255;
export const RT_TABLE_MAIN = 254;
export const RT_TABLE_LOCAL = 255;
export const RTNH_F_ONLINK = 4;

/** struct rtmsg (linux/rtnetlink.h). */
export const rtmsg = struct("rtmsg", 12, {
  family:   [0, u8],
  dstBits:  [1, u8],
  srcBits:  [2, u8],
  tos:      [3, u8],
  table:    [4, u8],  // tables above 255 only fit RTA_TABLE, and have 252 (RT_TABLE_COMPAT) here
  protocol: [5, u8],  // RTPROT_*
  scope:    [6, u8],  // RT_SCOPE_*
  type:     [7, u8],  // RTN_*
  flags:    [8, u32], // RTM_F_*, RTNH_F_*
});

/** RTAX_*, inside RTA_METRICS. */
const metricAttrs = attrs({
  mtu:    [2, u32], // RTAX_MTU
  advmss: [8, u32], // RTAX_ADVMSS
});

/** struct rtvia: a gateway of another family than the route's. */
interface Via {
  readonly family: number;
  readonly address: Uint8Array;
}

const via: Payload<Via> = {
  write(out, { family, address }) {
    u16.write(out, family);
    raw.write(out, address);
  },
  read: (input, start, end) => ({
    family: u16.read(input, start, end),
    address: copyBytes(input, start + u16.bytes, end),
  }),
};

const nexthopAttrs = attrs({
  gateway: [5, raw],  // RTA_GATEWAY
  via:     [18, via], // RTA_VIA
});

/** struct rtnexthop, followed by attributes. */
const rtnexthop = struct("rtnexthop", 8, {
  length: [0, u16], // with its attributes
  flags:  [2, u8],  // RTNH_F_*
  hops:   [3, u8],  // weight less one
  index:  [4, i32], // output link
});

interface Nexthop {
  readonly index: number;
  /** RTNH_F_*; absent: none. */
  readonly flags?: number;
  /** Weight less one; absent: 0. */
  readonly hops?: number;
  readonly attributes: ValueOf<typeof nexthopAttrs>;
}

/** RTA_MULTIPATH: rtnexthop structs end to end, each aligned to four bytes. */
const nexthops: Payload<readonly Nexthop[]> = {
  write(out, hops) {
    for (const { attributes, ...fields } of hops) {
      const start = out.length;
      rtnexthop.write(out, fields);
      nexthopAttrs.write(out, attributes);
      u16.put(out.view, start, out.length - start);
      out.align();
    }
  },
  read(input, start, end) {
    const hops: Nexthop[] = [];
    for (let at = start; at < end; ) {
      const { length, ...fields } = rtnexthop.read(input, at, end);
      if (length < rtnexthop.bytes || at + length > end) {
        throw new CodecError("decode", "rtnexthop", `expected ${length} bytes, found ${end - at}`);
      }
      hops.push({ ...fields, attributes: nexthopAttrs.read(input, at + rtnexthop.bytes, at + length) });
      at += (length + 3) & ~3;
    }
    return hops;
  },
};

/** RTA_* (linux/rtnetlink.h). */
const routeRows = {
  dst:       [1, raw],         // RTA_DST: absent for the default route
  index:     [4, u32],         // RTA_OIF
  gateway:   [5, raw],         // RTA_GATEWAY
  metric:    [6, u32],         // RTA_PRIORITY
  source:    [7, raw],         // RTA_PREFSRC
  metrics:   [8, metricAttrs], // RTA_METRICS
  multipath: [9, nexthops],    // RTA_MULTIPATH: instead of RTA_OIF and RTA_GATEWAY
  table:     [15, u32],        // RTA_TABLE
  via:       [18, via],        // RTA_VIA
  nexthopId: [30, u32],        // RTA_NH_ID: a next hop that is an object of its own, which other routes may share
} as const;

export const routeBody = body(rtmsg, attrs(routeRows));

/** struct rta_cacheinfo: of an IPv6 route it says when the kernel forgets it. */
const cacheInfo = struct("rta_cacheinfo", 32, {
  expires: [8, i32], // 1/100 s (USER_HZ) from now; 0: never
});

/** The same with what passes with time, for routes that are written down and written back. */
export const wholeRouteBody = body(rtmsg, attrs({
  ...routeRows,
  cacheInfo: [12, cacheInfo], // RTA_CACHEINFO: listed only
  expires:   [23, u32],       // RTA_EXPIRES: seconds, of a new route only
}));
