/** What a network's configuration asks of the client: which options it sends, and which it wants to be told. */
import { CniError, code, splitArgPairs } from "../cni/index.ts";
import type { Confs } from "../cni/index.ts";
import { option, optionCode } from "./options.ts";

export interface Asked {
  /** Options of every message, by code. */
  readonly provided: ReadonlyMap<number, Uint8Array>;
  /** Codes of the options that the server is asked for, in this order. */
  readonly requested: readonly number[];
  /** Metric of all routes; absent: the kernel's. */
  readonly priority?: number;
}

type DhcpIpam = NonNullable<Confs["dhcp"]["ipam"]>;

/**
 * What is asked for unless the configuration says otherwise: what a result has room for, and the times of the lease.
 * Classless routes stand before the routers, as RFC 3442 wants it.
 */
const requestedDefault = [
  option.classlessRoutes, option.routers, option.subnetMask, option.staticRoutes, option.domainNameServers,
  option.domainName, option.domainSearch, option.interfaceMtu, option.leaseTime, option.renewalTime,
  option.rebindingTime,
];
/** Where the configuration takes the defaults away and asks for nothing itself. */
const requestedLeast = [option.subnetMask, option.routers, option.domainName, option.domainNameServers];

const valueBytesMax = 255;

/**
 * @param ipam  the configuration's `ipam`
 * @param args  CNI_ARGS; parts without a `=` are passed over
 * @throws CniError 7 for an option of no known name, 7 or 4 for a value that is too long
 */
export function askedOf({ provide = [], request = [], priority = 0 }: DhcpIpam, args: string): Asked {
  const given = new Map(splitArgPairs(args));
  const provided = new Map<number, Uint8Array>();
  for (const [i, { option: name = "", value = "", fromArg = "" }] of provide.entries()) {
    const where = `ipam.provide[${i}]`, number = codeOf(name, `${where}.option`);
    // The runtime's word comes last.
    const ofArgs = fromArg === "" ? undefined : given.get(fromArg);
    const text = ofArgs ?? value;
    if (text !== "") provided.set(number, bytesOf(text, ofArgs === undefined ? `${where}.value` : undefined, fromArg));
  }
  const wanted = request.flatMap(({ option: name = "" }, i) => (
    name === "" ? [] : [codeOf(name, `ipam.request[${i}].option`)]));
  const isBare = request.some(({ skipDefault }) => skipDefault === true);
  const all = [...new Set([...wanted, ...(isBare ? [] : requestedDefault)])];
  return {
    provided,
    requested: all.length === 0 ? requestedLeast : all,
    ...(priority === 0 ? {} : { priority }),
  };
}

function codeOf(name: string, where: string): number {
  const number = optionCode(name);
  if (number !== undefined) return number;
  throw new CniError(
    code.invalidConfig,
    `Cannot use ${where}: ${JSON.stringify(name)} is no DHCP option, expected a number from 0 to 255 or the name of ` +
      "one",
  );
}

function bytesOf(text: string, where: string | undefined, fromArg: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= valueBytesMax) return bytes;
  throw new CniError(
    where === undefined ? code.invalidEnvironment : code.invalidConfig,
    `Cannot use ${where ?? `${fromArg} of CNI_ARGS`}: it is ${bytes.length} bytes long, expected at most ` +
      `${valueBytesMax}`,
  );
}

const identifierBytesMax = 254;

/** Whose lease it is, wherever one is looked for. */
export interface LeaseOwner {
  readonly containerId: string;
  readonly network: string;
  readonly ifName: string;
}

/** `<container>/<network>/<interface>`, cut to 254 bytes: the name of a lease, and its client identifier. */
export function leaseName({ containerId, network, ifName }: LeaseOwner): string {
  const bytes = new TextEncoder().encode(`${containerId}/${network}/${ifName}`);
  return new TextDecoder().decode(bytes.subarray(0, identifierBytesMax));
}

/** The value of option 61: type 0, no hardware address (RFC 2132 section 9.14). */
export function clientIdentifier(name: string): Uint8Array {
  return new Uint8Array([0, ...new TextEncoder().encode(name)].slice(0, identifierBytesMax + 1));
}
