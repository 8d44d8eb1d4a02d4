import type { Address } from "../net/index.ts";
import { addressFromBytes, formatMac, parseMac } from "../net/index.ts";

/** Bytes that are no DHCP message, or an option whose value has no sense. */
export class DhcpError extends Error {
  override readonly name = "DhcpError";
}

/** UDP ports, RFC 2131 section 4.1. */
export const clientPort = 68, serverPort = 67;

/** Option 53, RFC 2132 section 9.6. */
export const messageType = {
  discover: 1, offer: 2, request: 3, decline: 4, ack: 5, nak: 6, release: 7, inform: 8,
} as const;

/** A message of DHCPv4 (RFC 2131 section 2), Ethernet addresses only. */
export interface DhcpMessage {
  readonly op: "request" | "reply";
  /** Transaction, 32 bits. */
  readonly xid: number;
  /** Seconds since the client began. */
  readonly secs: number;
  /** The client cannot take unicast before it has its address. */
  readonly broadcast: boolean;
  /** The client's own address while it has one. */
  readonly ciaddr: Address;
  /** The address it is given. */
  readonly yiaddr: Address;
  /** As `02:00:5e:00:00:01`. */
  readonly chaddr: string;
  /** By code; one that stood in several pieces is joined (RFC 3396). Without pad (0) and end (255). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

export const unspecified: Address = { family: 4, bytes: new Uint8Array(4) };

const headerBytes = 236, cookieBytes = 4;
const magicCookie = 0x63825363;
/** A BOOTP relay may drop less (RFC 1542 section 2.1). */
const messageBytesMin = 300;
const at = {
  op: 0,
  htype: 1,
  hlen: 2,
  xid: 4,
  secs: 8,
  flags: 10,
  ciaddr: 12,
  yiaddr: 16,
  chaddr: 28,
  sname: 44,
  file: 108,
};
const ethernet = 1,
  macBytes = 6,
  broadcastFlag = 0x8000,
  snameBytes = 64,
  fileBytes = 128;
const pad = 0,
  overload = 52,
  end = 255;
/** What the length of one piece of an option can say. */
const pieceBytesMax = 255;

/** The bytes of a message; its options in the order of the map, 53 first where it comes first. */
export function encodeMessage(message: DhcpMessage): Uint8Array<ArrayBuffer> {
  const options = [...message.options].flatMap(([code, value]) => encodeOption(code, value));
  const bytes = new Uint8Array(Math.max(messageBytesMin, headerBytes + cookieBytes + options.length + 1));
  const view = new DataView(bytes.buffer);
  bytes[at.op] = message.op === "request" ? 1 : 2;
  bytes[at.htype] = ethernet;
  bytes[at.hlen] = macBytes;
  view.setUint32(at.xid, message.xid);
  view.setUint16(at.secs, Math.min(message.secs, 0xffff));
  view.setUint16(at.flags, message.broadcast ? broadcastFlag : 0);
  bytes.set(message.ciaddr.bytes, at.ciaddr);
  bytes.set(message.yiaddr.bytes, at.yiaddr);
  bytes.set(parseMac(message.chaddr), at.chaddr);
  view.setUint32(headerBytes, magicCookie);
  bytes.set([...options, end], headerBytes + cookieBytes);
  return bytes;
}

function encodeOption(code: number, value: Uint8Array): readonly number[] {
  const pieces: number[] = [];
  for (let from = 0; from === 0 || from < value.length; from += pieceBytesMax) {
    const piece = value.subarray(from, from + pieceBytesMax);
    pieces.push(code, piece.length, ...piece);
  }
  return pieces;
}

/** @throws DhcpError for bytes that are cut, of another protocol or of another kind of link */
export function decodeMessage(bytes: Uint8Array): DhcpMessage {
  if (bytes.length < headerBytes + cookieBytes) {
    throw new DhcpError(
      `Cannot read a DHCP message of ${bytes.length} bytes: expected at least ${headerBytes + cookieBytes}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const op = bytes[at.op], cookie = view.getUint32(headerBytes);
  if (cookie !== magicCookie) {
    throw new DhcpError(`Cannot read a DHCP message: its cookie is 0x${cookie.toString(16)}, expected 0x63825363`);
  }
  if (op !== 1 && op !== 2) throw new DhcpError(`Cannot read a DHCP message: its op is ${op}, expected 1 or 2`);
  if (bytes[at.htype] !== ethernet || bytes[at.hlen] !== macBytes) {
    throw new DhcpError(`Cannot read a DHCP message: its hardware type is ${bytes[at.htype]}, expected 1 (Ethernet)`);
  }
  const addressAt = (offset: number): Address => addressFromBytes(bytes.subarray(offset, offset + 4));
  return {
    op: op === 1 ? "request" : "reply",
    xid: view.getUint32(at.xid),
    secs: view.getUint16(at.secs),
    broadcast: (view.getUint16(at.flags) & broadcastFlag) !== 0,
    ciaddr: addressAt(at.ciaddr),
    yiaddr: addressAt(at.yiaddr),
    chaddr: formatMac(bytes.subarray(at.chaddr, at.chaddr + macBytes)),
    options: decodeOptions(bytes),
  };
}

/** Options may go on in `file` and `sname`, where option 52 says so (RFC 2131 section 4.1). */
function decodeOptions(bytes: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  gather(bytes.subarray(headerBytes + cookieBytes), options);
  const where = options.get(overload)?.[0] ?? 0;
  options.delete(overload);
  if ((where & 1) !== 0) gather(bytes.subarray(at.file, at.file + fileBytes), options);
  if ((where & 2) !== 0) gather(bytes.subarray(at.sname, at.sname + snameBytes), options);
  return options;
}

function gather(bytes: Uint8Array, options: Map<number, Uint8Array>): void {
  for (let i = 0; i < bytes.length; ) {
    const code = bytes[i] ?? end;
    if (code === end) return;
    if (code === pad) {
      i++;
      continue;
    }
    const length = bytes[i + 1];
    if (length === undefined || i + 2 + length > bytes.length) {
      throw new DhcpError(
        `Cannot read a DHCP message: option ${code} is cut, expected its ${length ?? "length and"} bytes`,
      );
    }
    const value = bytes.subarray(i + 2, i + 2 + length), before = options.get(code);
    options.set(code, before === undefined ? value.slice() : new Uint8Array([...before, ...value]));
    i += 2 + length;
  }
}
