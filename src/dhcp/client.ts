/** What a client says: on whose behalf, in which exchange, and the messages of it (RFC 2131 section 4.3 and 4.4). */
import type { Address } from "../net/index.ts";
import type { DhcpMessage } from "./message.ts";
import { messageType, unspecified } from "./message.ts";
import { numberBytes, option } from "./options.ts";

/** Who asks, for what, and how patiently. */
export interface LeaseTerms {
  /** Of the link, as `02:00:5e:00:00:01`. */
  readonly mac: string;
  /** The value of option 61. */
  readonly clientId: Uint8Array;
  /** Options of every message but a release, of which only another client identifier goes into that. */
  readonly provided: ReadonlyMap<number, Uint8Array>;
  /** Codes of options that the server is asked for. */
  readonly requested: readonly number[];
  /** Answers are to be broadcast: for links that share a MAC address. */
  readonly broadcast: boolean;
  /** Asked for before any other, where the client had it before; absent: any will do. */
  readonly wanted?: Address;
  /** The longest wait for an answer before the same is asked again. */
  readonly longestWaitMs: number;
  /** Without an answer for that long an exchange begins anew. */
  readonly exchangeLimitMs: number;
  /** Without an address for that long it is given up. */
  readonly limitMs: number;
}

/** The moment and its chance. */
export interface Moment {
  readonly nowMs: number;
  /** From 0, below 1. */
  random(): number;
}

export interface Exchange {
  readonly xid: number;
  /** When this exchange, and the whole attempt, began. */
  readonly exchangeMs: number;
  readonly beganMs: number;
  /** Messages sent in it. */
  readonly tries: number;
  /** Why a server said no the last time, in this attempt. */
  readonly refusal?: string;
}

export interface Offer {
  readonly server: Address;
  readonly address: Address;
}

/** The largest message we take, in bytes. */
const messageBytesMax = 1500;

/** Gives a lease back; unicast, from the address that goes (RFC 2131 section 4.4.6). */
export function releaseMessage(
  { address, server }: Offer,
  { mac, clientId, provided }: LeaseTerms,
  moment: Moment,
): DhcpMessage {
  return {
    op: "request",
    xid: randomXid(moment),
    secs: 0,
    broadcast: false,
    ciaddr: address,
    yiaddr: unspecified,
    chaddr: mac,
    options: new Map([
      [option.messageType, new Uint8Array([messageType.release])],
      [option.serverIdentifier, server.bytes],
      // By another one than it was given under no server would find the lease.
      [option.clientIdentifier, provided.get(option.clientIdentifier) ?? clientId],
    ]),
  };
}

export function discoverMessage(terms: LeaseTerms, exchange: Exchange, moment: Moment): DhcpMessage {
  const message = messageOf(messageType.discover, terms, exchange, moment);
  if (terms.wanted === undefined) return message;
  return { ...message, options: new Map([...message.options, [option.requestedAddress, terms.wanted.bytes]]) };
}

export function requestMessage(
  terms: LeaseTerms,
  { exchange, offer }: { readonly exchange: Exchange; readonly offer: Offer },
  moment: Moment,
): DhcpMessage {
  const message = messageOf(messageType.request, terms, exchange, moment);
  return {
    ...message,
    options: new Map([
      ...message.options,
      [option.requestedAddress, offer.address.bytes],
      [option.serverIdentifier, offer.server.bytes],
    ]),
  };
}

export function messageOf(type: number, terms: LeaseTerms, exchange: Exchange, { nowMs }: Moment): DhcpMessage {
  return {
    op: "request",
    xid: exchange.xid,
    secs: Math.floor((nowMs - exchange.beganMs) / 1000),
    broadcast: terms.broadcast,
    ciaddr: unspecified,
    yiaddr: unspecified,
    chaddr: terms.mac,
    options: new Map([
      [option.messageType, new Uint8Array([type])],
      [option.clientIdentifier, terms.clientId],
      [option.maximumMessageSize, numberBytes(messageBytesMax).subarray(2)],
      [option.parameterRequestList, new Uint8Array(terms.requested)],
      ...terms.provided,
    ]),
  };
}

/** @param before  the exchange that came to nothing; absent for the first of an attempt */
export function newExchange(moment: Moment, before?: Exchange): Exchange {
  const { nowMs } = moment,
    { beganMs = nowMs, refusal } = before ?? {};
  return {
    xid: randomXid(moment),
    exchangeMs: nowMs,
    beganMs,
    tries: 1,
    ...(refusal === undefined ? {} : { refusal }),
  };
}

function randomXid({ random }: Moment): number {
  return Math.floor(random() * 2 ** 32);
}
