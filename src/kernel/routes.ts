import { formatAddress } from "../net/index.ts";
import type { Address } from "../net/index.ts";
import {
  NLM_F_CREATE,
  NLM_F_REPLACE,
  routeBody,
  RT_SCOPE_LINK,
  RT_SCOPE_NOWHERE,
  RT_SCOPE_UNIVERSE,
  RT_TABLE_LOCAL,
  RT_TABLE_MAIN,
  RTM_DELROUTE,
  RTM_GETROUTE,
  RTM_NEWROUTE,
  RTN_UNICAST,
  RTNH_F_ONLINK,
  RTN_UNREACHABLE,
  RTPROT_BOOT,
} from "../netlink/index.ts";
import type { ValueOf } from "../netlink/index.ts";
import { AF_INET, described, familyNumber, toIp } from "./addresses.ts";
import type { KernelRoute, NewRoute, Routes } from "./namespace.ts";
import { isErrno, NetlinkError } from "./netlink-error.ts";
import type { NetlinkSocket, Request } from "./socket.ts";

type RouteMessage = ValueOf<typeof routeBody>;
type RouteRequest = Request<RouteMessage["header"], RouteMessage["attributes"]>;

/** The routes of the namespace a socket was opened in. */
export function routesOf(socket: () => NetlinkSocket): Routes {
  return {
    list(family, { index, table } = {}) {
      try {
        return socket().dump(
          listRequest(family, { index, table }),
          routeBody,
          (message) => (table === undefined && tableOf(message) === RT_TABLE_LOCAL ? undefined : toRoutes(message)),
        ).flat().filter((route) => index === undefined || route.index === index);
      } catch (error) {
        // A table is made with its first route.
        if (table !== undefined && isErrno(error, "ENOENT")) return [];
        throw error;
      }
    },

    add(route) {
      socket().execute({ ...newRoute("add", route), flags: NLM_F_CREATE });
    },

    replace(route) {
      socket().execute({ ...newRoute("replace", route), flags: NLM_F_CREATE | NLM_F_REPLACE });
    },

    delete(route) {
      const { operation, body, header, attributes } = newRoute("delete", route);
      // Unset, these match any route.
      const loose = { ...header, protocol: 0, type: 0, scope: route.scope ?? RT_SCOPE_NOWHERE };
      socket().execute({ operation, type: RTM_DELROUTE, body, header: loose, attributes });
    },

    deleteListed(route) {
      const operation = `delete route ${shown(route)}`;
      const { dst: { address: { family } }, index, table } = route;
      const same = (listed: KernelRoute): boolean => keyOf(listed) === keyOf(route);
      const [message] = socket().dump(listRequest(family, { index, table }), routeBody, (one) =>
        toRoutes(one).some(same) ? one : undefined,
      );
      if (message === undefined) throw new NetlinkError(operation, ESRCH);
      const { multipath, nexthopId } = message.attributes;
      // IPv6 takes one gateway out by itself; otherwise the kernel only knows the route as a whole.
      const whole = multipath !== undefined && (family === 4 || nexthopId !== undefined);
      socket().execute(deletion(operation, message, hopOf(message, route)));
      const others = whole ? multipath.filter((_, i) => toRoutes(message).findIndex(same) !== i) : [];
      if (others.length > 0)
        socket().execute(addition(`put back the other gateways of route ${shown(route)}`, message, settable(others)));
    },

    lookup(to) {
      const request = {
        operation: `look up the route to ${formatAddress(to)}`,
        type: RTM_GETROUTE, body: routeBody,
        header: { family: familyNumber(to.family), dstBits: to.bytes.length * 8 },
        attributes: { dst: to.bytes },
      };
      try {
        const message = socket().get(request, routeBody);
        return message.header.type === RTN_UNREACHABLE ? undefined : toRoutes(message)[0];
      } catch (error) {
        if (isErrno(error, "ENETUNREACH", "EHOSTUNREACH")) return undefined;
        throw error;
      }
    },
  };
}

// errno.h
const ESRCH = 3;

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

function newRoute(verb: string, route: NewRoute): RouteRequest {
  const { dst, gateway, index, source, table = RT_TABLE_MAIN, metric, mtu, advmss } = route;
  const { family } = dst.address;
  return {
    operation: `${verb} route ${shown(route)}`,
    type: RTM_NEWROUTE,
    body: routeBody,
    header: {
      family: familyNumber(family),
      dstBits: dst.prefixBits,
      // RTA_TABLE says it all; this byte is for tables that fit.
      table: table < 256 ? table : 0,
      protocol: RTPROT_BOOT,
      scope: route.scope ?? (family === 4 && gateway === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE),
      type: RTN_UNICAST,
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

function shown({ dst, gateway, index }: Pick<NewRoute, "dst" | "gateway" | "index">): string {
  const via = gateway === undefined ? "" : ` via ${formatAddress(gateway)}`;
  return `${described(dst)}${via}${index === undefined ? "" : ` on link ${index}`}`;
}

function keyOf({ source, metric, table, scope, protocol, type, ...route }: KernelRoute): string {
  return [shown(route), source === undefined ? "" : formatAddress(source), metric, table, scope, protocol, type].join(
    " ",
  );
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
    dst: { address: toIp(family, attributes.dst) ?? unspecified(family), prefixBits: header.dstBits },
    ...(source === undefined ? {} : { source }),
    table: tableOf(message),
    ...(attributes.metric === undefined ? {} : { metric: attributes.metric }),
    scope: header.scope,
    protocol: header.protocol,
    type: header.type,
  };
  if (attributes.multipath !== undefined) {
    return attributes.multipath.map((hop) => ({ ...route, index: hop.index, ...gatewayIn(family, hop.attributes) }));
  }
  const { index } = attributes;
  return [{ ...route, ...(index === undefined ? {} : { index }), ...gatewayIn(family, attributes) }];
}

function gatewayIn(
  family: number,
  { gateway, via }: Pick<RouteMessage["attributes"], "gateway" | "via">,
): { gateway?: Address } {
  const address = via === undefined ? toIp(family, gateway) : toIp(via.family, via.address);
  return address === undefined ? {} : { gateway: address };
}

function unspecified(family: number): Address {
  return family === AF_INET ? { family: 4, bytes: new Uint8Array(4) } : { family: 6, bytes: new Uint8Array(16) };
}
