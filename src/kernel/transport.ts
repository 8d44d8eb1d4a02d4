import { closeSync } from "node:fs";
import {
  AF_NETLINK,
  receive,
  send,
  sendAside,
  setSocketOption,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  socket,
  SOL_SOCKET,
} from "../os/index.ts";

// linux/netlink.h
export const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;

/** The bytes below a netlink socket: the seam where a scripted kernel plugs in. Nothing here waits. */
export interface Transport {
  /** Sends the first `count` bytes. */
  send(bytes: Uint8Array, count: number): void;
  /** As `send`; what the kernel does meanwhile stops nothing else of this process. */
  sendAside(bytes: Uint8Array): Promise<void>;
  /** Receives one datagram: its length, more than the buffer's when it was cut; undefined when none is there. */
  receive(into: Uint8Array): number | undefined;
  close(): void;
}

/**
 * Most bytes of one datagram. Requests are small, but a transaction of firewall rules for thousands of ports has to
 * fit.
 */
export const sendQueueBytes = 4 * 1024 * 1024;
const receiveQueueBytes = 1024 * 1024;

const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;

export interface TransportOptions {
  /** Has room for long transactions and for hundreds of answers; true when absent. */
  readonly isWide?: boolean;
}

/** A netlink socket in the namespace the calling thread is in at this moment. */
export function openTransport(protocol: number, { isWide = true }: TransportOptions = {}): Transport {
  const fd = socket(AF_NETLINK, protocol);
  try {
    setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
    setSocketOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
    setSocketOption(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
    if (isWide) widenQueues(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    send: (bytes, count) => send(fd, bytes, count),
    sendAside: (bytes) => sendAside(fd, bytes),
    receive: (into) => receive(fd, into),
    close: () => closeSync(fd),
  };
}

/** The default of 208 KiB is too little for hundreds of rules. */
function widenQueues(fd: number): void {
  try {
    setSocketOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, sendQueueBytes);
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, receiveQueueBytes);
  } catch {
    // Without CAP_NET_ADMIN nothing can be changed anyway, and for reading the default is enough.
  }
}
