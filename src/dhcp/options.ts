import type { Address, Prefix } from "../net/index.ts";
import { addressFromBytes, networkOf } from "../net/index.ts";
import { DhcpError } from "./message.ts";

/** Codes of options that we send or understand, RFC 2132 unless said otherwise. */
export const option = {
  subnetMask: 1,
  routers: 3,
  domainNameServers: 6,
  domainName: 15,
  interfaceMtu: 26,
  staticRoutes: 33,
  requestedAddress: 50,
  leaseTime: 51,
  messageType: 53,
  serverIdentifier: 54,
  parameterRequestList: 55,
  message: 56,
  maximumMessageSize: 57,
  renewalTime: 58,
  rebindingTime: 59,
  clientIdentifier: 61,
  domainSearch: 119, // RFC 3397
  classlessRoutes: 121, // RFC 3442
} as const;

/** Names that a configuration may use in place of a number; the reference plugin's. */
const namedOptions: ReadonlyMap<string, number> = new Map([
  ["dhcp-client-identifier", 61], ["subnet-mask", 1], ["routers", 3], ["host-name", 12], ["user-class", 77],
  ["vendor-class-identifier", 60],
]);

/** The code of an option by its name, or a number from 0 to 255 as text; undefined when it is neither. */
export function optionCode(name: string): number | undefined {
  const code = namedOptions.get(name) ?? (/^\d{1,3}$/.test(name) ? Number(name) : 256);
  return code <= 255 ? code : undefined;
}

/** A route that a server told; `router` is 0.0.0.0 for what is on the link itself. */
export interface ToldRoute {
  readonly destination: Prefix;
  readonly router: Address;
}

type Options = ReadonlyMap<number, Uint8Array>;

/** The addresses of an option that is a list of them; [] when it is absent or no whole number of them. */
export function addressesIn(options: Options, code: number): readonly Address[] {
  const value = options.get(code) ?? new Uint8Array();
  if (value.length % 4 !== 0) return [];
  return Array.from({ length: value.length / 4 }, (_, i) => addressFromBytes(value.subarray(i * 4, i * 4 + 4)));
}

/** A number of 1, 2 or 4 bytes; undefined when it is absent or of another length. */
export function numberIn(options: Options, code: number, bytes: 1 | 2 | 4): number | undefined {
  const value = options.get(code);
  return value?.length === bytes ? value.reduce((sum, byte) => sum * 256 + byte, 0) : undefined;
}

/** Text, without the zero bytes some servers put at its end and without what has no place in a line. */
export function textIn(options: Options, code: number): string | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  // Control characters would reach resolv.conf and terminals.
  const text = new TextDecoder().decode(value).replace(/[\u0000-\u001f\u007f]/g, "").trim();
  return text === "" ? undefined : text;
}

/** @returns the length of the prefix; undefined when the option is absent or its bits are not all at the front */
export function prefixBitsIn(options: Options): number | undefined {
  const mask = numberIn(options, option.subnetMask, 4);
  if (mask === undefined) return undefined;
  const bits = Math.clz32(~mask);
  return (bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0) === mask ? bits : undefined;
}

/** Option 33: destination and router in turn, the destination's length from its class (RFC 2132 section 5.8). */
export function staticRoutesIn(options: Options): readonly ToldRoute[] {
  const addresses = addressesIn(options, option.staticRoutes);
  return addresses.flatMap((destination, i) => {
    const router = addresses[i + 1], prefixBits = classBits(destination);
    if (i % 2 !== 0 || router === undefined || prefixBits === undefined) return [];
    return [{ destination: networkOf({ address: destination, prefixBits }), router }];
  });
}

/** Networks of class A, B and C; undefined for multicast and what is behind it. */
function classBits({ bytes: [first = 0] }: Address): number | undefined {
  if (first < 128) return 8;
  if (first < 192) return 16;
  return first < 224 ? 24 : undefined;
}

/**
 * Option 121: a length, as many bytes of the destination as it needs, the router (RFC 3442).
 *
 * @returns undefined when the option is absent
 * @throws DhcpError when it is cut or a length is above 32
 */
export function classlessRoutesIn(options: Options): readonly ToldRoute[] | undefined {
  const value = options.get(option.classlessRoutes);
  if (value === undefined) return undefined;
  const routes: ToldRoute[] = [];
  for (let i = 0; i < value.length; ) {
    const prefixBits = value[i] ?? 0, significant = Math.ceil(prefixBits / 8), next = i + 1 + significant + 4;
    if (prefixBits > 32 || next > value.length) {
      throw new DhcpError("Cannot read the classless routes (option 121): they are cut, expected prefixes and routers");
    }
    const bytes = new Uint8Array(4);
    bytes.set(value.subarray(i + 1, i + 1 + significant));
    routes.push({
      destination: networkOf({ address: addressFromBytes(bytes), prefixBits }),
      router: addressFromBytes(value.subarray(next - 4, next)),
    });
    i = next;
  }
  return routes;
}

/** How many pointers one name may follow: there are no more labels in 255 bytes. */
const pointersMax = 127;

/** Option 119: domain names with DNS compression (RFC 3397); [] when it is absent or makes no sense. */
export function domainSearchIn(options: Options): readonly string[] {
  const value = options.get(option.domainSearch) ?? new Uint8Array();
  const names: string[] = [];
  for (let i = 0; i < value.length; ) {
    const read = domainAt(value, i);
    if (read === undefined) return [];
    if (read.name !== "") names.push(read.name);
    i = read.next;
  }
  return names;
}

function domainAt(value: Uint8Array, start: number): { readonly name: string; readonly next: number } | undefined {
  const labels: string[] = [];
  let next: number | undefined;
  for (let i = start, pointers = 0; ; ) {
    const length = value[i];
    if (length === undefined) return undefined;
    if (length === 0) return { name: labels.join("."), next: next ?? i + 1 };
    if (length >= 0xc0) {
      next ??= i + 2;
      i = ((length & 0x3f) << 8) | (value[i + 1] ?? 0xff);
      if (++pointers > pointersMax) return undefined;
      continue;
    }
    const label = new TextDecoder().decode(value.subarray(i + 1, i + 1 + length));
    if (!/^[\w-]+$/.test(label) || label.length !== length) return undefined;
    labels.push(label);
    i += 1 + length;
  }
}

/** @returns 4 bytes, most significant first */
export function numberBytes(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, value >>> 16, value >>> 8, value]);
}
