/**
 * DHCPv4 as values: messages and their options, the datagrams that carry them before there is an address, and a lease
 * as a state machine that is told the time. Nothing here opens a socket or looks at a clock.
 */
export type { Datagram } from "./datagram.ts";
export { decodeDatagram, encodeDatagram } from "./datagram.ts";
export type { DhcpMessage } from "./message.ts";
export { clientPort, decodeMessage, DhcpError, encodeMessage, messageType, serverPort } from "./message.ts";
export type { GivenLease } from "./given-lease.ts";
export { toResult } from "./given-lease.ts";
export type { LeaseTerms, Moment } from "./client.ts";
export type { Effect, LeaseState, Step } from "./lease.ts";
export { onMessage, onTime, release, resume, start } from "./lease.ts";
export { optionCode, optionValueBytesMax } from "./options.ts";
