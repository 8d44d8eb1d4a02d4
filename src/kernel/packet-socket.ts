import { closeSync } from "node:fs";
import {
  attachFilter,
  bindDescriptor,
  openPacketDescriptor,
  receiveFrom,
  sendTo,
  SystemCallError,
  whenReadable,
} from "../os/index.ts";
import type { PacketFilter } from "./packet-filter.ts";
import type { Inside } from "./netns.ts";

/** What a packet socket hears: one link's packets of one kind. */
export interface PacketSocketOptions {
  /** ifindex. */
  readonly index: number;
  /** ETH_P_*: 0x0800 is IPv4. */
  readonly etherType: number;
  /** Absent: all of them. */
  readonly filter?: PacketFilter;
}

/** A packet without its frame. */
export interface ReceivedPacket {
  readonly packet: Uint8Array;
  /** The MAC of whoever put it on the link, as `02:00:5e:00:00:01`. */
  readonly from: string;
}

/** Whole packets of a link, below addresses and routes: what a link can be given before it has an address. */
export interface PacketSocket {
  /** Sends a packet, its network header included, in a frame to this MAC. ENETDOWN when the link is down. */
  send(packet: Uint8Array, to: string): void;
  /**
   * The next packet, and the MAC of its frame's sender; undefined when none came in time or the socket was closed.
   * Nothing else waits meanwhile.
   *
   * @throws SystemCallError ENETDOWN, once, when the link went down or away
   */
  receive(timeoutMs: number): Promise<ReceivedPacket | undefined>;
  close(): void;
}

/** A packet socket in the namespace that `inside` works in. */
export function openPacketSocket(
  inside: Inside, { index, etherType, filter }: PacketSocketOptions, link = `link ${index}`,
): PacketSocket {
  const fd = inside(openPacketDescriptor);
  const closed = new AbortController();
  try {
    // It hears nothing before it is bound, so everything it hears has passed the filter.
    if (filter !== undefined) attachFilter(fd, filter);
    told(`listen on ${link}`, () => bindDescriptor(fd, linkAddress(etherType, index)));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    send: (packet, to) => told(`send a packet by ${link}`, () => sendTo(fd, packet, linkAddress(etherType, index, to))),

    async receive(timeoutMs) {
      const { signal } = closed;
      if (signal.aborted || !(await whenReadable(fd, timeoutMs, signal))) return undefined;
      const into = new Uint8Array(maxPacketBytes), address = linkAddress(etherType, index);
      const length = told(`receive a packet on ${link}`, () => receiveFrom(fd, into, address));
      if (length === undefined) return undefined;
      return { packet: into.slice(0, Math.min(length, maxPacketBytes)), from: macIn(address) };
    },

    close() {
      if (closed.signal.aborted) return;
      closed.abort();
      closeSync(fd);
    },
  };
}

/** What the C library says of a socket does not name the link. */
function told<T>(act: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof SystemCallError ? new SystemCallError(act, error.errno) : error;
  }
}

/** The longest an IP packet can be. */
const maxPacketBytes = 65_535;

/** sll_addr, of the length in sll_halen. */
function macIn(address: Uint8Array): string {
  const octets = address.subarray(12, 12 + Math.min(address[11] ?? 0, 8));
  return [...octets].map((octet) => octet.toString(16).padStart(2, "0")).join(":");
}

/** struct sockaddr_ll (linux/if_packet.h), with room for a MAC of 8 bytes. */
function linkAddress(etherType: number, index: number, mac = ""): Uint8Array {
  const AF_PACKET = 17;
  const bytes = new Uint8Array(20);
  const view = new DataView(bytes.buffer);
  const octets = mac === "" ? [] : mac.split(":").map((pair) => Number.parseInt(pair, 16));
  // In the machine's order, but for the protocol.
  new Uint16Array(bytes.buffer, 0, 1)[0] = AF_PACKET;
  view.setUint16(2, etherType);
  new Int32Array(bytes.buffer, 4, 1)[0] = index;
  view.setUint8(11, octets.length);
  bytes.set(octets, 12);
  return bytes;
}
