import { attrs } from "../codec/attrs.ts";
import type { Payload } from "../codec/payload.ts";
import { u32, u64, u8 } from "../codec/scalars.ts";
import { struct } from "../codec/struct.ts";

/** The settings of a tbf: it sends at `rate`, and at once what it saved up for, at most `buffer`. */
export interface TokenBucket {
  /** Bytes per second, from 1. */
  readonly rate: bigint;
  /** How long the bucket takes to fill, in ticks of 64 ns: `bytes / rate` in seconds, times 15,625,000. */
  readonly bufferTicks: number;
  /** Most bytes that wait; more are dropped. */
  readonly limitBytes: number;
}

/** PSCHED_SHIFT is 6 in every kernel since 2.6.31: what /proc/net/psched says as 3e8 and 40, both hexadecimal. */
export const ticksPerMicrosecond = 1000 / 64;

/** struct tc_ratespec (linux/pkt_sched.h), of which a tbf uses the rate alone. */
const ratespecRate = 8;
/** struct tc_tbf_qopt: two ratespecs of 12 bytes, the second for a peak rate. */
const qopt = struct("tc_tbf_qopt", 36, {
  linkLayer: [1, u8],
  rate:      [ratespecRate, u32], // all ones where it does not fit
  limit:     [24, u32],
  buffer:    [28, u32],
  mtu:       [32, u32],
});

/** TC_LINKLAYER_ETHERNET: without it the kernel looks for a table of rates. */
const ethernet = 1;

/** TCA_TBF_* (linux/pkt_sched.h). */
const tbfAttrs = attrs({
  parameters: [1, qopt], // TCA_TBF_PARMS
  rate64:     [4, u64],  // TCA_TBF_RATE64: only where 32 bits are too few
});

const max32 = 0xffff_ffffn;

/** TCA_OPTIONS when TCA_KIND is "tbf". */
export const tokenBucket: Payload<TokenBucket> = {
  nested: true,
  write(out, { rate, limitBytes, bufferTicks }) {
    const fits = rate <= max32;
    const parameters = {
      linkLayer: ethernet, rate: Number(fits ? rate : max32), limit: limitBytes, buffer: bufferTicks, mtu: 0,
    };
    tbfAttrs.write(out, { parameters, rate64: fits ? undefined : rate });
  },
  read(input, start, end) {
    const { parameters, rate64 } = tbfAttrs.read(input, start, end);
    const { rate = 0, limit: limitBytes = 0, buffer: bufferTicks = 0 } = parameters ?? {};
    return { rate: rate64 ?? BigInt(rate), limitBytes, bufferTicks };
  },
};
