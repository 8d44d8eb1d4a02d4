/**
 * A move of addresses and routes from one link to another, as it is written down before anything is changed: from it
 * the move is carried out, finished or undone, by whoever is there to do so.
 */
import type { Link, Namespace, WholeAddress, WholeRoute, WholeState } from "../../kernel/index.ts";
import { factsOfAddress, factsOfRoute, relinked } from "../../kernel/index.ts";
import type { Address, Prefix } from "../../net/index.ts";
import { contains, networkOf, parsePrefix, sameAddress } from "../../net/index.ts";

export interface Move {
  /** `over`: from the NIC to the bridge, whose port the NIC becomes. `back`: the other way round. */
  readonly direction: "over" | "back";
  readonly nic: string;
  readonly bridge: string;
  /** over: the bridge is made. back: it was, and goes. */
  readonly isMade: boolean;
  /** Of the link that is moved to, before; the bridge's when it is not made. */
  readonly before: {
    /** The NIC was the bridge's port already. */
    readonly isPort: boolean;
    readonly bridgeMac?: string;
    readonly bridgeUp?: boolean;
  };
  /** Of a bridge that is made, as `inherited` has them. */
  readonly settings: Readonly<Record<string, string>>;
  /** Of the link that is moved to; absent: it has no IPv6. */
  readonly acceptDad?: string;
  /** Those that move, in order. */
  readonly addresses: readonly WholeAddress[];
  /** Link-local ones: the other link gets them too, and this one keeps them, as every link with IPv6 has its own. */
  readonly copied: readonly WholeAddress[];
  /** What the other link has by itself. */
  readonly there: readonly WholeAddress[];
  /** Routes that the move touches, as they were. */
  readonly routes: readonly WholeRoute[];
  /** The index of the link that is moved from. */
  readonly from: number;
}

/** The links of a move by what they do in it. */
export function rolesOf({ direction, nic, bridge }: Move): { readonly from: string; readonly to: string } {
  return direction === "over" ? { from: nic, to: bridge } : { from: bridge, to: nic };
}

/** The routes as they are to be once all is moved. */
export function routesAfter({ routes, from }: Move, to: number): readonly WholeRoute[] {
  return routes.map((route) => relinked(route, from, to));
}

/** What a link has that would move. */
export interface Belongings {
  readonly addresses: readonly WholeAddress[];
  readonly copied: readonly WholeAddress[];
  readonly routes: readonly WholeRoute[];
}

/**
 * Routes are those over the link, and those over others that one of its addresses is the source of: they go when the
 * address does. Link-local networks and groups are each link's own.
 */
export function belongingsOf({ index }: Pick<Link, "index">, state: WholeState): Belongings {
  const all = state.addresses.list(index);
  const addresses = all.filter((one) => !isLinkLocal(factsOfAddress(one).address));
  const sources = addresses.map((one) => factsOfAddress(one).address);
  const routes = state.routes.list().filter((route) => {
    const { hops, source, dst } = factsOfRoute(route);
    if (dst.prefixBits > 0 && isLinkLocal(dst.address)) return false;
    const isFromHere = source !== undefined && sources.some((one) => sameAddress(one, source));
    return hops.some((hop) => hop.index === index) || isFromHere;
  });
  return { addresses, copied: all.filter((one) => !addresses.includes(one)), routes };
}

const linkLocal: readonly Prefix[] = ["fe80::/10", "ff00::/8"].map(parsePrefix);

function isLinkLocal(address: Address): boolean {
  return linkLocal.some((network) => contains(network, address));
}

/** Whom to ask whether the move has worked: gateways of default routes over the link, else all others over it. */
export function gatewaysOf({ routes, from }: Pick<Move, "routes" | "from">): readonly Address[] {
  const hops = (isDefault: boolean): readonly Address[] => routes.map(factsOfRoute)
    .filter(({ dst }) => (dst.prefixBits === 0) === isDefault)
    .flatMap((route) => route.hops.flatMap(({ index, gateway }) => (index === from && gateway ? [gateway] : [])));
  const [byDefault, others] = [hops(true), hops(false)];
  return (byDefault.length > 0 ? byDefault : others)
    .filter((one, index, all) => all.findIndex((other) => sameAddress(one, other)) === index);
}

/** Whether a route is one that the kernel made of one of these addresses. */
export function isMadeFor(route: WholeRoute, addresses: readonly WholeAddress[]): boolean {
  const kernel = 2; // RTPROT_KERNEL
  const { protocol, dst } = factsOfRoute(route);
  return protocol === kernel && addresses.map(factsOfAddress).some((one) => {
    return one.prefixBits === dst.prefixBits && sameAddress(networkOf(one).address, dst.address);
  });
}

/** A label begins with the link's name, or is none. */
export function labelOn(link: string, other: string, whole: WholeAddress): string | undefined {
  const { label } = factsOfAddress(whole);
  if (label === undefined || label === other || label === link) return undefined;
  return label.startsWith(`${other}:`) ? `${link}${label.slice(other.length)}` : label;
}

/** What a new bridge takes from the NIC, whose networks it will be on. */
export const inherited = [
  "ipv4/rp_filter", "ipv4/arp_ignore", "ipv4/arp_announce", "ipv6/disable_ipv6", "ipv6/accept_ra", "ipv6/autoconf",
  "ipv6/use_tempaddr",
] as const;

/** Whether duplicates are looked for before an address is used; those that move have been looked for. */
export const acceptDad = "ipv6/accept_dad";

/** @param key  `ipv6/accept_ra` */
export function settingName(key: string, link: string): string {
  const [family, name] = key.split("/");
  return `net/${family}/conf/${link}/${name}`;
}

/** Of a kernel without IPv6, or without the setting, nothing. */
export function settingOf({ sysctl }: Pick<Namespace, "sysctl">, key: string, link: string): string | undefined {
  try {
    return sysctl.get(settingName(key, link));
  } catch {
    return undefined;
  }
}
