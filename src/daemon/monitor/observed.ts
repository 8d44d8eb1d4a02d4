import { randomUUID } from "node:crypto";
import type { Warm } from "../../call/index.ts";
import type { Answer, CallFacts, ServedCall } from "../../service/index.ts";
import { serve } from "../../service/index.ts";
import { defaultLimits } from "../limits.ts";
import { noEnd } from "../refusal.ts";

/** One call that was served, for whoever counts or logs. */
export interface ServedFacts extends CallFacts {
  /** Stands in the error's text, too. */
  readonly request: string;
  readonly containerId: string;
  readonly ifName: string;
  /** The caller's trace, see `traceOf`. */
  readonly trace: Trace | undefined;
  readonly seconds: number;
}

export interface Trace {
  readonly traceId: string;
  readonly parentId: string;
}

/**
 * Serves calls as `serve` does, each under a name of its own, and tells of each once it is answered, or given up.
 *
 * @param lostMs  see `Limits`
 */
export function observedServe(
  warm: Warm, served: (facts: ServedFacts) => void, lostMs = defaultLimits.lostMs,
): (call: ServedCall) => Promise<Answer> {
  return async (call) => {
    const request = randomUUID().slice(0, requestChars), begin = process.hrtime.bigint();
    const answered = (facts: CallFacts): void => {
      const { CNI_CONTAINERID: containerId = "", CNI_IFNAME: ifName = "", TRACEPARENT } = call.env;
      const seconds = Number(process.hrtime.bigint() - begin) / 1e9;
      served({ ...facts, request, containerId, ifName, trace: traceOf(TRACEPARENT), seconds });
    };
    const { promise: unanswered, reject } = Promise.withResolvers<never>();
    const limit = setTimeout(() => reject(noEnd(lostMs)), lostMs);
    try {
      return await serve(call, { warm, request, answered, unanswered });
    } finally {
      clearTimeout(limit);
    }
  };
}

/** Of a UUID: enough to find a line among a day's. */
const requestChars = 8;

/**
 * What TRACEPARENT says, undefined where it says nothing that is valid. Executed plugins get the variable with the rest
 * of the caller's environment.
 *
 * @see W3C Trace Context, 3.2 traceparent: version ff and identifiers of zeros alone are invalid
 */
export function traceOf(text: string | undefined): Trace | undefined {
  const match = /^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:$|-)/.exec(text ?? "");
  const [, traceId = "", parentId = ""] = match ?? [];
  return /^0*$/.test(traceId) || /^0*$/.test(parentId) ? undefined : { traceId, parentId };
}
