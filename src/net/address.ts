import ipaddr from "ipaddr.js";

/** An IP address: its family and its bytes in network order (4 or 16 of them). IPv4-mapped IPv6 is held as IPv4. */
export interface Address {
  readonly family: 4 | 6;
  readonly bytes: Uint8Array;
}

/** Text that is no address, prefix or hardware address; the message quotes it and says what would be right. */
export class AddressError extends Error {
  override readonly name = "AddressError";
  /** The text as it was given. */
  readonly text: string;

  constructor(message: string, text: string) {
    super(message);
    this.text = text;
  }
}

/**
 * The address a text stands for: `10.1.2.3`, `2001:db8::1`, `::ffff:10.1.2.3` (held as IPv4).
 *
 * @throws AddressError for leading zeros, octal, hexadecimal or partial IPv4, zone ids, white space
 */
export function parseAddress(text: string): Address {
  const address = addressOf(text);
  if (address === undefined) {
    throw new AddressError(
      `Cannot read address ${quote(text)}: expected an IPv4 or IPv6 address such as 10.1.2.3 or 2001:db8::1`,
      text,
    );
  }
  return address;
}

/** Whether `parseAddress` accepts the text. */
export function isAddress(text: string): boolean {
  return addressOf(text) !== undefined;
}

/** The same as `parseAddress`, undefined where that throws. */
export function addressOf(text: string): Address | undefined {
  return text.includes(":") ? parseIpv6(text) : parseIpv4(text);
}

/** Canonical text: dotted decimal, or RFC 5952 (lower case, the longest run of zeros compressed). */
export function formatAddress(address: Address): string {
  if (address.family === 4) return address.bytes.join(".");
  return new ipaddr.IPv6(Array.from(address.bytes)).toRFC5952String();
}

/** The address with those bytes (4 or 16, copied); 16 bytes that are IPv4-mapped give IPv4. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4) return { family: 4, bytes: bytes.slice() };
  if (bytes.length !== 16) throw new RangeError(`Cannot make an address of ${bytes.length} bytes: expected 4 or 16`);
  return isMapped(bytes) ? { family: 4, bytes: bytes.slice(12) } : { family: 6, bytes: bytes.slice() };
}

/** Negative, 0 or positive: IPv4 before IPv6, then by value. */
export function compareAddresses(a: Address, b: Address): number {
  if (a.family !== b.family) return a.family - b.family;
  for (let i = 0; i < a.bytes.length; i++) {
    // The index is in bounds for both: one family has one length.
    const difference = (a.bytes[i] ?? 0) - (b.bytes[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Same family and same bytes. */
export function sameAddress(a: Address, b: Address): boolean {
  return compareAddresses(a, b) === 0;
}

/** The address as an unsigned number, of 32 or 128 bits. */
/** Equal for equal addresses only, of which a map or set holds many: it is made faster than their text. */
export function addressKey({ bytes }: Address): string {
  return String.fromCharCode(...bytes);
}

export function addressToInteger(address: Address): bigint {
  let value = 0n;
  for (const byte of address.bytes) value = (value << 8n) | BigInt(byte);
  return value;
}

/** The address `offset` steps further (back when negative); undefined where the family's numbers end. */
export function addOffset(address: Address, offset: number | bigint): Address | undefined {
  const bytes = new Uint8Array(address.bytes.length);
  let rest = addressToInteger(address) + BigInt(offset);
  if (rest < 0n || rest >> BigInt(bytes.length * 8) !== 0n) return undefined;
  for (let i = bytes.length - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return { family: address.family, bytes };
}

/** 0.0.0.0 or `::`. */
export function isUnspecified(address: Address): boolean {
  return address.bytes.every((byte) => byte === 0);
}

/** 127.0.0.0/8 or `::1`. */
export function isLoopback(address: Address): boolean {
  const { bytes } = address;
  if (address.family === 4) return bytes[0] === 127;
  return bytes[15] === 1 && bytes.subarray(0, 15).every((byte) => byte === 0);
}

/** 224.0.0.0/4 or ff00::/8. */
export function isMulticast(address: Address): boolean {
  const first = address.bytes[0] ?? 0;
  return address.family === 4 ? (first & 0xf0) === 0xe0 : first === 0xff;
}

/** 169.254.0.0/16 or fe80::/10. */
export function isLinkLocalUnicast(address: Address): boolean {
  const [first = 0, second = 0] = address.bytes;
  return address.family === 4 ? first === 169 && second === 254 : first === 0xfe && (second & 0xc0) === 0x80;
}

/**
 * Unicast beyond the link, private ranges included: not unspecified, loopback, multicast, link-local or
 * 255.255.255.255.
 */
export function isGlobalUnicast(address: Address): boolean {
  const limitedBroadcast = address.family === 4 && address.bytes.every((byte) => byte === 255);
  return (
    !limitedBroadcast &&
    !isUnspecified(address) &&
    !isLoopback(address) &&
    !isMulticast(address) &&
    !isLinkLocalUnicast(address)
  );
}

/** At most this many characters of a refused text are repeated in a message. */
const quotedChars = 64;

export function quote(text: string): string {
  return JSON.stringify(text.length > quotedChars ? `${text.slice(0, quotedChars)}...` : text);
}

/**
 * Read here: ipaddr.js also takes octal, hexadecimal and one to three parts, and its patterns cost a start a quarter of
 * a millisecond.
 */
function parseIpv4(text: string): Address | undefined {
  const bytes = new Uint8Array(4);
  let octet = -1;
  let index = 0;
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30;
    if (digit >= 0 && digit <= 9) {
      if (octet === 0) return undefined; // a leading zero
      octet = octet < 0 ? digit : octet * 10 + digit;
      if (octet > 255) return undefined;
      continue;
    }
    if (text[i] !== "." || octet < 0 || index === 3) return undefined;
    bytes[index++] = octet;
    octet = -1;
  }
  if (index !== 3 || octet < 0) return undefined;
  bytes[3] = octet;
  return { family: 4, bytes };
}

/** Eight groups of four digits, or six and a dotted IPv4, are the longest spelling. */
const longestIpv6Chars = 45;

function parseIpv6(text: string): Address | undefined {
  if (text.length > longestIpv6Chars || text.includes("%")) return undefined;
  const hexadecimal = text.includes(".") ? withoutDottedTail(text) : text;
  if (hexadecimal === undefined) return undefined;
  try {
    return addressFromBytes(Uint8Array.from(ipaddr.IPv6.parse(hexadecimal).toByteArray()));
  } catch {
    return undefined;
  }
}

/** `64:ff9b::1.2.3.4` as `64:ff9b::102:304`: ipaddr.js takes octal there and reads `::1.2.3.4` as IPv4-mapped. */
function withoutDottedTail(text: string): string | undefined {
  const start = text.lastIndexOf(":") + 1;
  const tail = parseIpv4(text.slice(start));
  if (tail === undefined) return undefined;
  const [a = 0, b = 0, c = 0, d = 0] = tail.bytes;
  return `${text.slice(0, start)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}

/** ::ffff:0:0/96 (RFC 4291, 2.5.5.2). */
function isMapped(bytes: Uint8Array): boolean {
  return bytes[10] === 0xff && bytes[11] === 0xff && bytes.subarray(0, 10).every((byte) => byte === 0);
}
