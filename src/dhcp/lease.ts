/**
 * A client's lease as a state machine (RFC 2131 section 4.4): a state and what happened give the next state and what is
 * to be done. Time and chance are handed in; whoever drives it sends the messages and calls again at `wakeAtMs`.
 *
 *     start ──▶ selecting ──offer──▶ requesting ──ack──▶ bound ──T1──▶ renewing ──T2──▶ rebinding
 *                  ▲        no answer, nak  │              ▲───────────ack───┴───────────────┘
 *                  └────────────────────────┘              nak, or the end of the lease ──▶ ended
 */
import type { Address } from "../net/index.ts";
import { formatAddress, sameAddress } from "../net/index.ts";
import type { Exchange, LeaseTerms, Moment, Offer } from "./client.ts";
import { discoverMessage, messageOf, newExchange, releaseMessage, requestMessage } from "./client.ts";
import type { GivenLease } from "./given-lease.ts";
import { leaseIn } from "./given-lease.ts";
import type { DhcpMessage } from "./message.ts";
import { DhcpError, messageType } from "./message.ts";
import { addressesIn, numberIn, option, textIn } from "./options.ts";

export type LeaseState =
  | { readonly phase: "selecting"; readonly exchange: Exchange; readonly wakeAtMs: number }
  | { readonly phase: "requesting"; readonly exchange: Exchange; readonly offer: Offer; readonly wakeAtMs: number }
  | { readonly phase: "bound"; readonly lease: GivenLease; readonly wakeAtMs: number }
  | { readonly phase: "renewing"; readonly exchange: Exchange; readonly lease: GivenLease; readonly wakeAtMs: number }
  | { readonly phase: "rebinding"; readonly exchange: Exchange; readonly lease: GivenLease; readonly wakeAtMs: number }
  | { readonly phase: "ended"; readonly wakeAtMs: number };

export type Effect =
  /** To be sent to all of the link, or to one server from the address that is leased. */
  | {
      readonly kind: "send";
      readonly message: DhcpMessage;
      readonly to?: { readonly server: Address; readonly from: Address };
    }
  /** There is an address, or the one there is may be kept for longer. */
  | { readonly kind: "bound"; readonly lease: GivenLease }
  /** There is none, and none will come: never had, refused or run out. */
  | { readonly kind: "ended"; readonly reason: string };

export interface Step {
  readonly state: LeaseState;
  readonly effects: readonly Effect[];
}

/** Until the first answer is late; RFC 2131 begins at 4 s, too long for a container. */
const firstWaitMs = 1000;
/** Share of a wait by which chance makes it longer or shorter: many containers begin at once. */
const spread = 0.1;
/**
 * Between tries to renew: half of what is left, but no less than a minute (RFC 2131 section 4.4.5), nor than a tenth of
 * a lease of less than ten, which would have a single try otherwise.
 */
const renewWaitMinMs = 60_000, renewShareMin = 0.1;
const never = Number.POSITIVE_INFINITY;

/** The first step: a server is looked for. */
export function start(terms: LeaseTerms, moment: Moment): Step {
  return discover(terms, moment);
}

/** The step after a restart of whoever drives the lease: nothing is asked before its time. */
export function resume(lease: GivenLease, terms: LeaseTerms, moment: Moment): Step {
  return onTime({ phase: "bound", lease, wakeAtMs: lease.renewAtMs }, terms, moment);
}

/** The step when the time has come; at an earlier one nothing changes. */
export function onTime(state: LeaseState, terms: LeaseTerms, moment: Moment): Step {
  if (moment.nowMs < state.wakeAtMs) return { state, effects: [] };
  switch (state.phase) {
    case "selecting": return again(state, terms, moment, () => discoverMessage(terms, state.exchange, moment));
    case "requesting": return again(state, terms, moment, () => requestMessage(terms, state, moment));
    case "bound": case "renewing": case "rebinding": return extend(state, terms, moment);
    case "ended": return { state, effects: [] };
  }
}

/** The step for a message that arrived; what is not for us, or not from whom we asked, changes nothing. */
export function onMessage(state: LeaseState, message: DhcpMessage, terms: LeaseTerms, moment: Moment): Step {
  const nothing: Step = { state, effects: [] };
  if (state.phase === "bound" || state.phase === "ended" || !isAnswer(message, state.exchange, terms)) return nothing;
  const type = numberIn(message.options, option.messageType, 1);
  const [server] = addressesIn(message.options, option.serverIdentifier);
  if (state.phase === "selecting") {
    if (type !== messageType.offer || server === undefined) return nothing;
    return request(state.exchange, { server, address: message.yiaddr }, terms, moment);
  }
  const from = server ?? (state.phase === "requesting" ? state.offer.server : state.lease.server);
  // Rebinding takes any server's answer.
  const asked =
    state.phase === "requesting" ? state.offer.server : state.phase === "renewing" ? state.lease.server : from;
  if (!sameAddress(from, asked)) return nothing;
  if (type === messageType.nak) return refused(state, message, from, terms, moment);
  return type === messageType.ack ? granted(state, message, from, terms, moment) : nothing;
}

/** Gives the address back, if there is one; the answer to it is none. */
export function release(state: LeaseState, terms: LeaseTerms, moment: Moment): Step {
  const ended: LeaseState = { phase: "ended", wakeAtMs: never };
  // What was asked for may be ours by now, though nobody has heard of it yet.
  const given = "lease" in state ? state.lease : state.phase === "requesting" ? state.offer : undefined;
  return { state: ended, effects: given === undefined ? [] : [givingBack(given, terms, moment)] };
}

function discover(terms: LeaseTerms, moment: Moment, before?: Exchange): Step {
  const exchange = newExchange(moment, before);
  const message = discoverMessage(terms, exchange, moment);
  return {
    state: { phase: "selecting", exchange, wakeAtMs: wakeAfter(exchange, terms, moment) },
    effects: [{ kind: "send", message }],
  };
}

function request(exchange: Exchange, offer: Offer, terms: LeaseTerms, moment: Moment): Step {
  // The transaction goes on (RFC 2131 section 4.4.1), its time begins anew.
  const next = { ...exchange, exchangeMs: moment.nowMs, tries: 1 };
  const message = requestMessage(terms, { exchange: next, offer }, moment);
  return {
    state: { phase: "requesting", exchange: next, offer, wakeAtMs: wakeAfter(next, terms, moment) },
    effects: [{ kind: "send", message }],
  };
}

/** The same message once more, or from the start, or no more. */
function again(
  state: Extract<LeaseState, { phase: "selecting" | "requesting" }>,
  terms: LeaseTerms,
  moment: Moment,
  message: () => DhcpMessage,
): Step {
  const { exchange } = state;
  if (moment.nowMs - exchange.beganMs >= terms.limitMs) {
    return end(`${exchange.refusal ?? `no DHCP server answered within ${terms.limitMs} ms`}: no more tries`);
  }
  if (moment.nowMs - exchange.exchangeMs >= terms.exchangeLimitMs) return discover(terms, moment, exchange);
  const next = { ...exchange, tries: exchange.tries + 1 };
  return {
    state: { ...state, exchange: next, wakeAtMs: wakeAfter(next, terms, moment) },
    effects: [{ kind: "send", message: message() }],
  };
}

/** Asks the server that gave the lease, later any, to let us keep it; at its end it is gone. */
function extend(state: Extract<LeaseState, { lease: GivenLease }>, terms: LeaseTerms, moment: Moment): Step {
  const { lease } = state, { nowMs } = moment;
  if (nowMs >= lease.expiresAtMs) {
    return end(
      `the lease of ${formatAddress(lease.address)} ran out: DHCP server ${formatAddress(lease.server)} has not ` +
        "renewed it",
    );
  }
  if (nowMs < lease.renewAtMs) return { state: { phase: "bound", lease, wakeAtMs: lease.renewAtMs }, effects: [] };
  const phase = nowMs >= lease.rebindAtMs ? "rebinding" : "renewing";
  const limitMs = phase === "renewing" ? lease.rebindAtMs : lease.expiresAtMs;
  const exchange =
    "exchange" in state ? { ...state.exchange, tries: state.exchange.tries + 1 } : newExchange(moment);
  const waitMinMs = Math.min(renewWaitMinMs, (lease.expiresAtMs - lease.givenAtMs) * renewShareMin);
  const wakeAtMs = Math.min(limitMs, nowMs + Math.max(waitMinMs, (limitMs - nowMs) / 2));
  const message = { ...messageOf(messageType.request, terms, exchange, moment), ciaddr: lease.address };
  const to = phase === "renewing" ? { to: { server: lease.server, from: lease.address } } : {};
  return { state: { phase, lease, exchange, wakeAtMs }, effects: [{ kind: "send", message, ...to }] };
}

function granted(
  state: Exclude<LeaseState, { phase: "selecting" | "bound" | "ended" }>,
  message: DhcpMessage,
  server: Address,
  terms: LeaseTerms,
  moment: Moment,
): Step {
  try {
    const lease = leaseIn(message, server, moment.nowMs);
    if ("lease" in state && !sameAddress(lease.address, state.lease.address)) {
      return end(
        `DHCP server ${formatAddress(server)} gave ${formatAddress(lease.address)} in place of ` +
          `${formatAddress(state.lease.address)}`,
      );
    }
    return { state: { phase: "bound", lease, wakeAtMs: lease.renewAtMs }, effects: [{ kind: "bound", lease }] };
  } catch (error) {
    if (!(error instanceof DhcpError)) throw error;
    const back = givingBack({ address: message.yiaddr, server }, terms, moment);
    return { ...end(error.message), effects: [back, { kind: "ended", reason: error.message }] };
  }
}

/**
 * Before there is a lease a refusal means that another client was faster; later that the address must not be used any
 * more.
 */
function refused(
  state: Exclude<LeaseState, { phase: "selecting" | "bound" | "ended" }>,
  message: DhcpMessage,
  server: Address,
  terms: LeaseTerms,
  moment: Moment,
): Step {
  const said = textIn(message.options, option.message),
    address = "offer" in state ? state.offer.address : state.lease.address;
  const told = said === undefined ? "" : `: ${JSON.stringify(said)}`;
  const reason = `DHCP server ${formatAddress(server)} refused ${formatAddress(address)}${told}`;
  if (state.phase !== "requesting") return end(reason);
  // Not at once: a server that offers what it then refuses would be asked without end.
  const exchange = { ...newExchange(moment, state.exchange), refusal: reason };
  return { state: { phase: "selecting", exchange, wakeAtMs: wakeAfter(exchange, terms, moment) }, effects: [] };
}

function end(reason: string): Step {
  return { state: { phase: "ended", wakeAtMs: never }, effects: [{ kind: "ended", reason }] };
}

function givingBack({ address, server }: Offer, terms: LeaseTerms, moment: Moment): Effect {
  const message = releaseMessage({ address, server }, terms, moment);
  return { kind: "send", message, to: { server, from: address } };
}

function isAnswer({ op, xid, chaddr }: DhcpMessage, exchange: Exchange, terms: LeaseTerms): boolean {
  return op === "reply" && xid === exchange.xid && chaddr === terms.mac;
}

/** 1, 2, 4, 4, ... seconds, a little more or less, and no later than the exchange or the attempt ends. */
function wakeAfter(
  { tries, exchangeMs, beganMs }: Exchange,
  { exchangeLimitMs, limitMs, longestWaitMs }: LeaseTerms,
  { nowMs, random }: Moment,
): number {
  const waitMs = Math.min(firstWaitMs * 2 ** (tries - 1), longestWaitMs) * (1 + spread * (2 * random() - 1));
  return Math.min(nowMs + waitMs, exchangeMs + exchangeLimitMs, beganMs + limitMs);
}
