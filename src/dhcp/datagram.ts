/**
 * IPv4 and UDP around a message, for a packet socket: a client without an address has no other way to speak or hear.
 */
import type { Address } from "../net/index.ts";
import { addressFromBytes } from "../net/index.ts";

export interface Datagram {
  readonly source: Address;
  readonly destination: Address;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

const ipBytes = 20, udpBytes = 8, pseudoHeaderBytes = 12;
const ttl = 64, udp = 17;
const at = { totalLength: 2, fragment: 6, ttl: 8, protocol: 9, checksum: 10, source: 12, destination: 16 };

/** The bytes from the IPv4 header on, checksums filled in (RFC 791, RFC 768). */
export function encodeDatagram({
  source,
  destination,
  sourcePort,
  destinationPort,
  payload,
}: Datagram): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(ipBytes + udpBytes + payload.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = 0x45;
  view.setUint16(at.totalLength, bytes.length);
  bytes[at.ttl] = ttl;
  bytes[at.protocol] = udp;
  bytes.set(source.bytes, at.source);
  bytes.set(destination.bytes, at.destination);
  view.setUint16(at.checksum, checksum(bytes.subarray(0, ipBytes)));
  view.setUint16(ipBytes, sourcePort);
  view.setUint16(ipBytes + 2, destinationPort);
  view.setUint16(ipBytes + 4, udpBytes + payload.length);
  bytes.set(payload, ipBytes + udpBytes);
  // 0 would mean that there is none.
  view.setUint16(ipBytes + 6, checksum(withPseudoHeader(bytes, ipBytes)) || 0xffff);
  return bytes;
}

/**
 * The UDP datagram in bytes that begin with an IPv4 header; undefined for anything else, for a fragment, and for one
 * whose UDP checksum is there and wrong. A sender on this machine leaves the checksum to a network card that there is
 * none of, and only the sum over what the card does not know stands there (CHECKSUM_PARTIAL, linux/skbuff.h).
 */
export function decodeDatagram(bytes: Uint8Array): Datagram | undefined {
  const headerBytes = ((bytes[0] ?? 0) & 0x0f) * 4;
  if ((bytes[0] ?? 0) >> 4 !== 4 || headerBytes < ipBytes || bytes.length < headerBytes + udpBytes) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const totalBytes = view.getUint16(at.totalLength), udpLength = view.getUint16(headerBytes + 4);
  const isFragment = (view.getUint16(at.fragment) & 0x3fff) !== 0;
  if (bytes[at.protocol] !== udp || isFragment || totalBytes > bytes.length) return undefined;
  if (udpLength < udpBytes || headerBytes + udpLength > totalBytes) return undefined;
  const whole = bytes.subarray(0, headerBytes + udpLength);
  const given = view.getUint16(headerBytes + 6), toCheck = withPseudoHeader(whole, headerBytes);
  const isPartial = given === (~checksum(toCheck.subarray(0, pseudoHeaderBytes)) & 0xffff);
  if (given !== 0 && !isPartial && checksum(toCheck) !== 0) return undefined;
  return {
    source: addressFromBytes(bytes.subarray(at.source, at.source + 4)),
    destination: addressFromBytes(bytes.subarray(at.destination, at.destination + 4)),
    sourcePort: view.getUint16(headerBytes),
    destinationPort: view.getUint16(headerBytes + 2),
    payload: whole.slice(headerBytes + udpBytes),
  };
}

/** What UDP's checksum covers: addresses, protocol and length go before the datagram itself (RFC 768). */
function withPseudoHeader(bytes: Uint8Array, headerBytes: number): Uint8Array {
  const length = bytes.length - headerBytes;
  return new Uint8Array([
    ...bytes.subarray(at.source, at.destination + 4),
    0,
    udp,
    length >> 8,
    length & 0xff,
    ...bytes.subarray(headerBytes),
  ]);
}

/** The internet checksum (RFC 1071): 0 over bytes that hold their own right one. */
function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += ((bytes[i] ?? 0) << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
