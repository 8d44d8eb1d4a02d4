import type { Dns, Result, Route } from "../cni/index.ts";
import type { Address } from "../net/index.ts";
import { formatAddress, formatPrefix, isUnspecified } from "../net/index.ts";
import type { DhcpMessage } from "./message.ts";
import { DhcpError } from "./message.ts";
import type { ToldRoute } from "./options.ts";
import {
  addressesIn, classlessRoutesIn, domainSearchIn, numberIn, option, prefixBitsIn, staticRoutesIn, textIn,
} from "./options.ts";

/** An address that a server has given us for a time, and what it told with it. */
export interface GivenLease {
  readonly address: Address;
  readonly prefixBits: number;
  readonly server: Address;
  readonly options: ReadonlyMap<number, Uint8Array>;
  /** On the clock of whoever drives the lease, in milliseconds; infinite where the server sets no end. */
  readonly givenAtMs: number;
  readonly renewAtMs: number;
  readonly rebindAtMs: number;
  readonly expiresAtMs: number;
}

/** Where the server says nothing; the shares are the reference plugin's. */
const leaseSecondsDefault = 3600, renewShare = 0.5, rebindShare = 0.85;
/** No lease ends: RFC 2131 section 3.3. */
const infiniteSeconds = 0xffffffff;

/**
 * The lease in an acknowledgement.
 *
 * @throws DhcpError when it has no subnet mask, which says how large the network is
 */
export function leaseIn({ yiaddr, options }: DhcpMessage, server: Address, nowMs: number): GivenLease {
  const prefixBits = prefixBitsIn(options);
  if (prefixBits === undefined) {
    throw new DhcpError(
      `Cannot use the lease of ${formatAddress(yiaddr)} from DHCP server ${formatAddress(server)}: ` +
        "it has no subnet mask (option 1), expected one",
    );
  }
  const told = numberIn(options, option.leaseTime, 4) ?? leaseSecondsDefault;
  const seconds = told === infiniteSeconds ? Number.POSITIVE_INFINITY : told;
  // A time of its own that makes no sense beside the others counts as none.
  const rebind = within(numberIn(options, option.rebindingTime, 4), seconds) ?? seconds * rebindShare;
  const renew = within(numberIn(options, option.renewalTime, 4), rebind) ?? Math.min(seconds * renewShare, rebind);
  const at = (afterSeconds: number): number => nowMs + afterSeconds * 1000;
  return {
    address: yiaddr,
    prefixBits,
    server,
    options,
    givenAtMs: nowMs,
    renewAtMs: at(renew),
    rebindAtMs: at(rebind),
    expiresAtMs: at(seconds),
  };
}

function within(value: number | undefined, most: number): number | undefined {
  return value === undefined || value === 0 || value > most ? undefined : value;
}

/** RT_SCOPE_LINK (linux/rtnetlink.h): what is on the link itself. */
const linkScope = 253;

/**
 * What an IPAM plugin answers: the address, its gateway, routes, name servers and MTU as the server told them.
 * Classless routes replace the routers and the static routes (RFC 3442).
 *
 * @param priority  metric of all routes; absent: the kernel's
 * @throws DhcpError when the classless routes cannot be read
 */
export function toResult(lease: GivenLease, priority?: number): Result {
  const [router] = addressesIn(lease.options, option.routers);
  const mtu = numberIn(lease.options, option.interfaceMtu, 2);
  const more = { ...(priority === undefined ? {} : { priority }), ...(mtu === undefined ? {} : { mtu }) };
  return {
    interfaces: [],
    ips: [{ address: formatPrefix(lease), ...(router === undefined ? {} : { gateway: formatAddress(router) }) }],
    routes: routesOf(lease, router).map((route) => ({ ...route, ...more })),
    dns: dnsOf(lease.options),
  };
}

function routesOf({ options }: GivenLease, router: Address | undefined): readonly Route[] {
  const classless = classlessRoutesIn(options);
  if (classless !== undefined) return classless.map(toRoute);
  const theDefault = router === undefined ? [] : [{ dst: "0.0.0.0/0", gw: formatAddress(router) }];
  return [...staticRoutesIn(options).map(toRoute), ...theDefault];
}

function toRoute({ destination, router }: ToldRoute): Route {
  const dst = formatPrefix(destination);
  return isUnspecified(router) ? { dst, scope: linkScope } : { dst, gw: formatAddress(router) };
}

function dnsOf(options: ReadonlyMap<number, Uint8Array>): Dns {
  const nameservers = addressesIn(options, option.domainNameServers).map(formatAddress);
  const domain = textIn(options, option.domainName), search = domainSearchIn(options);
  return {
    ...(nameservers.length === 0 ? {} : { nameservers }),
    ...(domain === undefined ? {} : { domain }),
    ...(search.length === 0 ? {} : { search }),
  };
}
