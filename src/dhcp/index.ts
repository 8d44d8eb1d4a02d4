/**
 * DHCPv4 as values: messages and their options, the datagrams that carry them before there is an address, a lease as a
 * state machine that is told the time, and Go's gob, which the reference plugin and its daemon speak to each other.
 * Nothing here opens a socket or looks at a clock.
 */
export { decodeDatagram, encodeDatagram } from "./datagram.ts";
export type { DhcpMessage } from "./message.ts";
export { clientPort, decodeMessage, DhcpError, encodeMessage, messageType, serverPort } from "./message.ts";
export { toResult } from "./given-lease.ts";
export type { GivenLease } from "./given-lease.ts";
export type { LeaseTerms } from "./client.ts";
export { askedOf, clientIdentifier, leaseName } from "./asked.ts";
export type { DhcpMethod, DhcpRequest, IncomingCall } from "./rpc.ts";
export { rpcClient, rpcServer } from "./rpc.ts";
export type { Effect, LeaseState, Step } from "./lease.ts";
export { onMessage, onTime, release, resume, start } from "./lease.ts";
export { optionCode } from "./options.ts";
