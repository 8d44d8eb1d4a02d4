/** What can go wrong between a client and the API server of a test, and when. */

export interface Fault {
  /** Requests it happens to: all of them, those of a method, those whose path, with its query, holds a text. */
  readonly match?: { readonly method?: string; readonly path?: string };
  readonly kind: FaultKind;
  /** How many requests it happens to; 1 when absent. */
  readonly times?: number;
  /** slow: until the request is looked at; refuse: until connections are accepted again, for ever when absent. */
  readonly ms?: number;
  /** The header, with a status. */
  readonly retryAfter?: string;
  /** With kind "answer", what is answered; its status also counts for "html". */
  readonly status?: number;
  readonly contentType?: string;
  readonly body?: string;
}

/**
 * - a status: a Status object of that code, and nothing is done
 * - refuse: nothing listens, and connections are dropped
 * - slow: the request waits
 * - reset: the connection is reset before anything is done
 * - lost: what was asked is done, then the connection is reset
 * - silent: nothing is ever answered
 * - truncated, endless: the answer breaks off in the middle, or stays open there
 * - html: a page, with status 404 when no other is given
 * - answer: exactly what the fault says
 * - upgrade: a switch to another protocol, which is not spoken
 */
export type FaultKind = "400" | "401" | "403" | "404" | "408" | "409" | "410"
  | "422" | "429" | "500" | "502" | "503" | "504"
  | "refuse" | "slow" | "reset" | "lost" | "silent" | "truncated" | "endless" | "html" | "answer"
  | "upgrade";

export const reasons: Readonly<Record<string, string>> = {
  400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 408: "Timeout", 409: "Conflict",
  410: "Expired", 422: "Invalid",
  429: "TooManyRequests", 500: "InternalError", 502: "InternalError", 503: "ServiceUnavailable", 504: "Timeout",
};

/** Faults that are still to happen, the oldest that matches first. */
export class Faults {
  readonly #waiting: { readonly fault: Fault; left: number }[] = [];

  add(fault: Fault): void {
    this.#waiting.push({ fault, left: fault.times ?? 1 });
  }

  take(method: string, path: string): Fault | undefined {
    const found = this.#waiting.find(({ fault: { match }, left }) =>
      left > 0 && (match?.method === undefined || match.method === method)
        && (match?.path === undefined || path.includes(match.path)));
    if (found === undefined) return undefined;
    found.left--;
    return found.fault;
  }

  clear(): void {
    this.#waiting.length = 0;
  }
}
