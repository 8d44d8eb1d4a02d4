import { formatAddress } from "../../net/index.ts";
import type { Address } from "../../net/index.ts";
import {
  NLM_F_CREATE,
  NLM_F_REPLACE,
  routeBody,
  RT_SCOPE_HOST,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_LOCAL,
  RTN_UNICAST,
  RTNH_F_ONLINK,
  RTN_UNREACHABLE,
  RTPROT_BOOT,
} from "../../netlink/index.ts";
import type { ValueOf } from "../../netlink/index.ts";
import { errnoNumber } from "../../os/index.ts";
import { described, familyNumber, toIp, toPrefix, unspecified } from "./ip.ts";
import type { LinkNames } from "./link-names.ts";
import type { KernelRoute, NewRoute, Routes } from "../namespace.ts";
import { isErrno, NetlinkError } from "../netlink-error.ts";
import type { NetlinkSocket, Request } from "../socket.ts";

type RouteMessage = ValueOf<typeof routeBody>;
type RouteRequest = Request<RouteMessage["header"], RouteMessage["attributes"]>;

/** The routes of the namespace a socket was opened in. */
export function routesOf(socket: () => NetlinkSocket, names: LinkNames): Routes {
  const shown: Shown = (route) => shownRoute(route, names);
  /** Of the routes of one link that stand alone: what they were read from, by which they can be deleted. */
  const messages = new WeakMap<KernelRoute, RouteMessage>();
  const known = (message: RouteMessage, index: number | undefined): readonly KernelRoute[] => {
    const routes = toRoutes(message), { multipath, nexthopId } = message.attributes;
    const [route] = routes;
    const isAlone = multipath === undefined && nexthopId === undefined;
    if (index !== undefined && isAlone && route !== undefined) messages.set(route, message);
    return routes;
  };
  return {
    list(family, { index, table } = {}) {
      try {
        return socket().dump(
          listRequest(family, { index, table }),
          routeBody,
          (message) => (table === undefined && tableOf(message) === RT_TABLE_LOCAL ? undefined : known(message, index)),
        ).flat().filter((route) => index === undefined || route.index === index);
      } catch (error) {
        // A table is made with its first route.
        if (table !== undefined && isErrno(error, "ENOENT")) return [];
        throw error;
      }
    },

    add(route) {
      socket().execute({ ...newRoute(`add route ${shown(route)}`, route), flags: NLM_F_CREATE });
    },

    replace(route) {
      socket().execute({ ...newRoute(`replace route ${shown(route)}`, route), flags: NLM_F_CREATE | NLM_F_REPLACE });
    },

    delete(route) {
      const { operation, body, header, attributes } = newRoute(`delete route ${shown(route)}`, route);
      // Unset, these match any route.
      const loose = { ...header, protocol: 0, type: route.type ?? 0, flags: 0, scope: route.scope ?? RT_SCOPE_NOWHERE };
      socket().execute({ operation, type: RTM_DELROUTE, body, header: loose, attributes });
    },

    deleteListed(route) {
      const message = messages.get(route);
      if (message === undefined) return deleteListed(socket(), route, shown);
      socket().execute(deletion(`delete route ${shown(route)}`, message, hopOf(message, route)));
    },
    lookup: (to) => lookup(socket(), to),
  };
}

/** Looks for the route once more: the kernel may have it as one of several next hops. */
function deleteListed(socket: NetlinkSocket, route: KernelRoute, shown: Shown): void {
  const operation = `delete route ${shown(route)}`;
  const { dst: { address: { family } }, index, table } = route;
  const same = (listed: KernelRoute): boolean => keyOf(listed) === keyOf(route);
  const [message] = socket.dump(listRequest(family, { index, table }), routeBody, (one) =>
    toRoutes(one).some(same) ? one : undefined,
  );
  if (message === undefined) throw new NetlinkError(operation, errnoNumber.ESRCH);
  const { multipath, nexthopId } = message.attributes;
  // IPv6 takes one gateway out by itself; otherwise the kernel only knows the route as a whole.
  const whole = multipath !== undefined && (family === 4 || nexthopId !== undefined);
  socket.execute(deletion(operation, message, hopOf(message, route)));
  const others = whole ? multipath.filter((_, i) => toRoutes(message).findIndex(same) !== i) : [];
  if (others.length > 0)
    socket.execute(addition(`put back the other gateways of route ${shown(route)}`, message, settable(others)));
}

function lookup(socket: NetlinkSocket, to: Address): KernelRoute | undefined {
  const request = {
    operation: `look up the route to ${formatAddress(to)}`,
    type: RTM_GETROUTE, body: routeBody,
    header: { family: familyNumber(to.family), dstBits: to.bytes.length * 8 },
    attributes: { dst: to.bytes },
  };
  try {
    const message = socket.get(request, routeBody);
    return message.header.type === RTN_UNREACHABLE ? undefined : toRoutes(message)[0];
  } catch (error) {
    if (isErrno(error, "ENETUNREACH", "EHOSTUNREACH")) return undefined;
    throw error;
  }
}

function listRequest(
  family: 4 | 6,
  attributes: { readonly index: number | undefined; readonly table: number | undefined },
): RouteRequest {
  return {
    operation: `list IPv${family} routes`,
    type: RTM_GETROUTE,
    body: routeBody,
    header: { family: familyNumber(family) },
    attributes,
  };
}

/** Names all that tells two routes apart, so that the kernel cannot take another one. */
function deletion(
  operation: string,
  { header, attributes: { dst, metric, source, table } }: RouteMessage,
  hop: RouteRequest["attributes"],
): RouteRequest {
  return {
    operation,
    type: RTM_DELROUTE,
    body: routeBody,
    header: { ...header, flags: 0 },
    attributes: { dst, metric, source, table, ...hop },
  };
}

/** The same route with these next hops. */
function addition(operation: string, { header, attributes }: RouteMessage, multipath: Nexthops): RouteRequest {
  const request = { operation, type: RTM_NEWROUTE, flags: NLM_F_CREATE, body: routeBody };
  return {
    ...request,
    header: { ...header, flags: 0 },
    attributes: { ...attributes, nexthopId: undefined, multipath },
  };
}

/** Next hops that are objects, one or a group, are named by their id alone. */
function hopOf(
  { attributes: { nexthopId, multipath, via, gateway, index } }: RouteMessage,
  route: KernelRoute,
): RouteRequest["attributes"] {
  if (nexthopId !== undefined) return { nexthopId };
  if (route.dst.address.family === 6) return { index: route.index, gateway: route.gateway?.bytes };
  return multipath === undefined ? { index, gateway, via } : { multipath: settable(multipath) };
}

type Nexthops = NonNullable<RouteMessage["attributes"]["multipath"]>;

/** Next hops without the flags that only the kernel sets. */
function settable(hops: Nexthops): Nexthops {
  return hops.map((hop) => ({ ...hop, flags: (hop.flags ?? 0) & RTNH_F_ONLINK }));
}

function newRoute(operation: string, route: NewRoute): RouteRequest {
  const { dst, gateway, index, source, table = RT_TABLE_MAIN, metric, mtu, advmss, onLink = false } = route;
  const { protocol = RTPROT_BOOT, type = RTN_UNICAST } = route;
  const { family } = dst.address;
  return {
    operation,
    type: RTM_NEWROUTE,
    body: routeBody,
    header: {
      family: familyNumber(family),
      dstBits: dst.prefixBits,
      // RTA_TABLE says it all; this byte is for tables that fit.
      table: table < 256 ? table : 0,
      protocol,
      scope: route.scope ?? usualScope(route),
      type,
      flags: onLink ? RTNH_F_ONLINK : 0,
    },
    attributes: {
      dst: dst.prefixBits === 0 ? undefined : dst.address.bytes,
      index,
      ...(gateway?.family === family ? { gateway: gateway.bytes } : {}),
      ...(gateway === undefined || gateway.family === family
        ? {}
        : { via: { family: familyNumber(gateway.family), address: gateway.bytes } }),
      metric,
      source: source?.bytes,
      ...(mtu === undefined && advmss === undefined ? {} : { metrics: { mtu, advmss } }),
      table,
    },
  };
}

function usualScope({ dst, gateway, type = RTN_UNICAST }: NewRoute): number {
  if (dst.address.family === 6 || gateway !== undefined) return RT_SCOPE_UNIVERSE;
  if (type === RTN_LOCAL) return RT_SCOPE_HOST;
  return type === RTN_UNICAST ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
}

type Shown = (route: Pick<NewRoute, "dst" | "gateway" | "index">) => string;

function shownRoute({ dst, gateway, index }: Parameters<Shown>[0], names: LinkNames): string {
  const via = gateway === undefined ? "" : ` via ${formatAddress(gateway)}`;
  return `${described(dst)}${via}${index === undefined ? "" : ` on ${names.shown(index)}`}`;
}

function keyOf({ dst, gateway, index, source, metric, table, scope, protocol, type }: KernelRoute): string {
  const addresses = [gateway, source].map((one) => (one === undefined ? "" : formatAddress(one)));
  return [described(dst), index, ...addresses, metric, table, scope, protocol, type].join(" ");
}

function tableOf({ header, attributes }: RouteMessage): number {
  return attributes.table ?? header.table;
}

/** One entry per gateway: a multipath route is several. */
function toRoutes(message: RouteMessage): readonly KernelRoute[] {
  const { header, attributes } = message;
  const { family } = header;
  const source = toIp(family, attributes.source);
  const route = {
    dst: toPrefix(toIp(family, attributes.dst) ?? unspecified(family), header.dstBits),
    ...(source === undefined ? {} : { source }),
    table: tableOf(message),
    ...(attributes.metric === undefined ? {} : { metric: attributes.metric }),
    scope: header.scope,
    protocol: header.protocol,
    type: header.type,
    ...(attributes.metrics?.mtu === undefined ? {} : { mtu: attributes.metrics.mtu }),
    ...(attributes.metrics?.advmss === undefined ? {} : { advmss: attributes.metrics.advmss }),
  };
  if (attributes.multipath !== undefined) {
    return attributes.multipath.map((hop) => (
      { ...route, index: hop.index, ...onLinkIn(hop.flags), ...gatewayIn(family, hop.attributes) }));
  }
  const { index } = attributes;
  const hop = { ...onLinkIn(header.flags), ...gatewayIn(family, attributes) };
  return [{ ...route, ...(index === undefined ? {} : { index }), ...hop }];
}

function onLinkIn(flags = 0): { onLink?: boolean } {
  return (flags & RTNH_F_ONLINK) === 0 ? {} : { onLink: true };
}

function gatewayIn(
  family: number,
  { gateway, via }: Pick<RouteMessage["attributes"], "gateway" | "via">,
): { gateway?: Address } {
  const address = via === undefined ? toIp(family, gateway) : toIp(via.family, via.address);
  return address === undefined ? {} : { gateway: address };
}
