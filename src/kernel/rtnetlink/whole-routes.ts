/**
 * Routes as the kernel lists them, whole: written back on the same links or on others they are what they were, with all
 * metrics, gateways and what no table of ours has a row for.
 */
import type { Address, Prefix } from "../../net/index.ts";
import { formatAddress } from "../../net/index.ts";
import {
  NLM_F_APPEND,
  NLM_F_CREATE,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTNH_F_ONLINK,
  RT_TABLE_LOCAL,
  wholeRouteBody,
} from "../../netlink/index.ts";
import type { ValueOf } from "../../netlink/index.ts";
import type { NetlinkSocket } from "../socket.ts";
import { described, familyNumber, toIp, toPrefix, unspecified } from "./ip.ts";
import type { LinkNames } from "./link-names.ts";
import { readHex, writtenHex } from "./whole-message.ts";

export interface WholeRoute {
  /** struct rtmsg and its attributes, in hex: the same for the same route, and JSON can hold it. */
  readonly message: string;
  /** Until the kernel forgets it; absent: never. */
  readonly expiresSeconds?: number;
}

export interface WholeRouteFacts {
  /** `10.0.0.0/8`, `default` */
  readonly shown: string;
  readonly family: 4 | 6;
  readonly dst: Prefix;
  /** Preferred source. */
  readonly source?: Address;
  readonly table: number;
  /** RTPROT_*: 2 is the kernel, which makes those of addresses. */
  readonly protocol: number;
  /** Each way out; none of what is refused or dropped. */
  readonly hops: readonly { readonly index: number; readonly gateway?: Address }[];
  /** The next hop is an object of its own, which other routes may share (RTA_NH_ID). */
  readonly hasObject: boolean;
}

export interface WholeRoutes {
  /**
   * Of both families and every table but `local`, which the kernel keeps by itself; each family in its order. Gateways
   * of one destination are one route in IPv4, and a route each in IPv6, as the kernel has them.
   */
  list(): readonly WholeRoute[];
  /** Behind those of the same destination and metric; EEXIST when it is there. */
  add(route: WholeRoute): void;
  /** ESRCH when it is gone. */
  delete(route: WholeRoute): void;
}

type RouteMessage = ValueOf<typeof wholeRouteBody>;

export function wholeRoutesOf(socket: () => NetlinkSocket, names: LinkNames): WholeRoutes {
  const shown = (route: WholeRoute): string => {
    const { shown: dst, hops } = factsOfRoute(route);
    const [hop] = hops;
    if (hop === undefined) return dst;
    const via = hop.gateway === undefined ? "" : ` via ${formatAddress(hop.gateway)}`;
    return `${dst}${via} on ${names.shown(hop.index)}`;
  };
  const send = (act: string, type: number, flags: number, route: WholeRoute, expires?: number): void => {
    const { header, attributes } = readHex(wholeRouteBody, route.message);
    socket().execute({
      operation: `${act} route ${shown(route)}`,
      type, flags, body: wholeRouteBody, header, attributes: { ...attributes, expires },
    });
  };
  return {
    list: () => ([4, 6] as const).flatMap((family) => socket().dump(
      {
        operation: `list IPv${family} routes`,
        type: RTM_GETROUTE, body: wholeRouteBody, header: { family: familyNumber(family) }, attributes: {},
      },
      wholeRouteBody,
      (message) => (tableOf(message) === RT_TABLE_LOCAL ? [] : single(message).map(toWhole)),
    ).flat()),
    add: (route) => send("add", RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND, route, route.expiresSeconds),
    delete: (route) => send("delete", RTM_DELROUTE, 0, route),
  };
}

/** The routes of IPv6 that are listed as one; the weight of one of several stands with its gateway only. */
function single({ header, attributes: { multipath, ...attributes } }: RouteMessage): readonly RouteMessage[] {
  if (multipath === undefined || header.family === familyNumber(4) || attributes.nexthopId !== undefined)
    return [{ header, attributes: { ...attributes, multipath } }];
  return multipath.map((hop) => {
    if ((hop.hops ?? 0) > 0) return { header, attributes: { ...attributes, multipath: [hop] } };
    return {
      header: { ...header, flags: header.flags | (hop.flags ?? 0) },
      attributes: { ...attributes, ...hop.attributes, index: hop.index },
    };
  });
}

/** rta_cacheinfo counts hundredths, whatever the kernel's own clock does (USER_HZ). */
const ticksPerSecond = 100;

function toWhole({ header, attributes: { cacheInfo, ...attributes } }: RouteMessage): WholeRoute {
  const ticks = cacheInfo?.expires ?? 0;
  const multipath = attributes.multipath?.map((hop) => ({ ...hop, flags: (hop.flags ?? 0) & RTNH_F_ONLINK }));
  const settable = { ...header, flags: header.flags & RTNH_F_ONLINK };
  return {
    message: writtenHex(wholeRouteBody, { header: settable, attributes: { ...attributes, multipath } }),
    ...(ticks > 0 ? { expiresSeconds: Math.ceil(ticks / ticksPerSecond) } : {}),
  };
}

export function factsOfRoute({ message }: WholeRoute): WholeRouteFacts {
  const route = readHex(wholeRouteBody, message), { header, attributes } = route;
  const family = header.family === familyNumber(4) ? 4 : 6;
  const dst = toPrefix(toIp(header.family, attributes.dst) ?? unspecified(header.family), header.dstBits);
  const source = toIp(header.family, attributes.source);
  const all = attributes.multipath?.map((hop) => ({ index: hop.index, ...hop.attributes })) ?? [attributes];
  return {
    family, dst, table: tableOf(route), protocol: header.protocol,
    shown: header.dstBits === 0 ? "default" : described(dst),
    ...(source === undefined ? {} : { source }),
    hasObject: attributes.nexthopId !== undefined,
    hops: all.flatMap(({ index, gateway, via }) => {
      if (index === undefined) return [];
      const address = via === undefined ? toIp(header.family, gateway) : toIp(via.family, via.address);
      return [{ index, ...(address === undefined ? {} : { gateway: address }) }];
    }),
  };
}

/** The same route with another link in one link's place. */
export function relinked(route: WholeRoute, from: number, to: number): WholeRoute {
  const { header, attributes } = readHex(wholeRouteBody, route.message);
  const moved = <T extends number | undefined>(index: T): T | number => (index === from ? to : index);
  const multipath = attributes.multipath?.map((hop) => ({ ...hop, index: moved(hop.index) }));
  const message = { header, attributes: { ...attributes, index: moved(attributes.index), multipath } };
  return { ...route, message: writtenHex(wholeRouteBody, message) };
}

function tableOf({ header, attributes }: RouteMessage): number {
  return attributes.table ?? header.table;
}
