import { CniError, code } from "../../cni/index.ts";
import type { TokenBucket } from "../../kernel/index.ts";
import { ticksPerMicrosecond } from "../../netlink/index.ts";

/** Limits as configured, in bits a second and in bits; towards the container and from it. */
export interface BandwidthConf {
  readonly ingressRate?: number;
  readonly ingressBurst?: number;
  readonly egressRate?: number;
  readonly egressBurst?: number;
}

/** What to shape; undefined for a direction without a limit. */
export interface Shaping {
  /** Towards the container. */
  readonly ingress: TokenBucket | undefined;
  /** From the container. */
  readonly egress: TokenBucket | undefined;
}

const keys = ["ingressRate", "ingressBurst", "egressRate", "egressBurst"] as const;

/**
 * The limits of the configuration, else, when it has none of the keys at all, the runtime's.
 *
 * @throws CniError 7 for a rate without burst or a burst without rate, and for a burst that has no room in the kernel
 */
export function shapingOf(conf: BandwidthConf, runtime: BandwidthConf | undefined): Shaping {
  const own = keys.some((key) => conf[key] !== undefined) ? conf : runtime ?? {};
  return {
    ingress: bucketOf("ingress", own.ingressRate, own.ingressBurst),
    egress: bucketOf("egress", own.egressRate, own.egressBurst),
  };
}

/** A burst is held in bytes, in 32 bits. */
const burstBytesMax = 2 ** 32 - 1;
/** How long a packet may wait, at most. */
const latencySeconds = 0.025;

function bucketOf(direction: "ingress" | "egress", rateBits = 0, burstBits = 0): TokenBucket | undefined {
  if (rateBits === 0 && burstBits === 0) return undefined;
  if (rateBits === 0 || burstBits === 0) {
    const [missing, given] = rateBits === 0 ? ["Rate", "Burst"] : ["Burst", "Rate"];
    throw refused(`${direction}${missing} is 0 beside ${direction}${given}`, "both or neither above 0");
  }
  if (burstBits / 8 >= burstBytesMax)
    throw refused(`${direction}Burst is ${burstBits} bits`, `less than ${burstBytesMax} bytes`);
  const rate = Math.floor(rateBits / 8), least = leastBurst(rate);
  if (burstBits / 8 < least) {
    const enough = least < burstBytesMax ? `at least ${least * 8} bits at that rate` : "a lower rate";
    throw refused(`${direction}Burst is ${burstBits} bits beside ${direction}Rate ${rateBits}`, enough);
  }
  return tokenBucket(rate, Math.floor(burstBits / 8));
}

/** In bytes: the kernel counts in ticks how long a burst takes, and refuses one that has no room for a byte. */
function leastBurst(rate: number): number {
  let burst = Math.max(Math.ceil(rate / 1e6), 1);
  while (bytesIn(tokenBucket(rate, burst)) < 1) burst++;
  return burst;
}

/** net/sched/sch_tbf.c, psched_ns_t2l() of the buffer's time. */
function bytesIn({ rate, bufferTicks }: Pick<TokenBucket, "rate" | "bufferTicks">): number {
  return Math.floor(bufferTicks * (1000 / ticksPerMicrosecond) * Number(rate) / 1e9);
}

/**
 * The bucket that sends `rate` bytes a second, and `burst` at once, or what takes 274 seconds, where that is less: the
 * kernel's clock has no more. A rate below one byte a second is one: the kernel takes none for no limit.
 */
export function tokenBucket(rate: number, burst: number): TokenBucket {
  const bytesPerSecond = Math.max(rate, 1);
  const perSecond = BigInt(bytesPerSecond);
  const fillTicks = Math.floor(Math.floor((burst * 1e6) / bytesPerSecond) * ticksPerMicrosecond);
  const bufferTicks = Math.min(fillTicks, 2 ** 32 - 1);
  // What has no room in the bucket must not queue instead.
  const held = fillTicks === bufferTicks ? burst : bytesIn({ rate: perSecond, bufferTicks });
  return {
    rate: perSecond,
    bufferTicks,
    limitBytes: Math.min(Math.floor(bytesPerSecond * latencySeconds) + held, 2 ** 32 - 1),
  };
}

function refused(what: string, expected: string): CniError {
  return new CniError(code.invalidConfig, `Cannot limit the bandwidth: ${what}, expected ${expected}`);
}
