import { addressesOf } from "./rtnetlink/addresses.ts";
import { bridgeVlansOf } from "./rtnetlink/bridge-vlans.ts";
import { openConntrack } from "./netfilter/conntrack.ts";
import { findElsewhere } from "./rtnetlink/elsewhere.ts";
import { linkNames } from "./rtnetlink/link-names.ts";
import { linksOf } from "./rtnetlink/links.ts";
import { neighboursOf } from "./rtnetlink/neighbours.ts";
import type { Namespace } from "./namespace.ts";
import { closeNetns, inNetns, NetnsError, openNetns, openNewNetns, openOwnNetns } from "./netns.ts";
import type { Inside, Netns } from "./netns.ts";
import { openNftables } from "./netfilter/nftables.ts";
import type { NftablesOptions } from "./netfilter/nftables.ts";
import { qdiscsOf } from "./rtnetlink/qdiscs.ts";
import { routesOf } from "./rtnetlink/routes.ts";
import { rulesOf } from "./rtnetlink/rules.ts";
import { openPacketSocket } from "./packet-socket.ts";
import { NetlinkSocket } from "./socket.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE } from "./transport.ts";
import { slowRequestsHere, SlowRequestsAside } from "./slow-requests.ts";
import type { SlowRequests } from "./slow-requests.ts";
import { sysctlIn } from "./sysctl.ts";

export interface NamespaceOptions {
  /** What the kernel takes its time for is waited for on another thread: for a process that serves many calls. */
  readonly aside?: boolean;
  /** Runs one change of its nftables at a time; absent: of those of this process. */
  readonly alone?: NftablesOptions["alone"];
}

export interface OtherNamespaceOptions extends NamespaceOptions {
  /** The namespace this process runs in, which stays open for longer; absent: it is looked up. */
  readonly home?: Pick<Namespace, "path" | "fd"> | undefined;
}

/** The namespace this process runs in. */
export function openOwnNamespace(options: NamespaceOptions = {}): Namespace {
  const own = openOwnNetns();
  return namespaceHandle(own, (work) => work(), () => closeNetns(own), options);
}

/**
 * The namespace at a path such as CNI_NETNS.
 *
 * @throws NetnsError when nothing is there (`gone`), or something that is no network namespace
 */
export function openNamespace(path: string, options: OtherNamespaceOptions = {}): Namespace {
  const netns = openNetns(path);
  const own = options.home ?? openOwnNetns();
  const close = (): void => {
    closeNetns(netns);
    if (options.home === undefined) closeNetns(own);
  };
  const inside: Inside = (work) => inNetns(netns, own, work);
  try {
    // Only entering tells a network namespace from others. Who opens one has something to ask of its links, of which
    // there are few.
    const first = inside(() => NetlinkSocket.open(NETLINK_ROUTE, { isWide: false }));
    return namespaceHandle(netns, inside, close, { ...options, first });
  } catch (error) {
    close();
    throw error;
  }
}

/** A new one, empty but for `lo`, which is gone with all in it once it is closed. */
export function openNewNamespace(options: NamespaceOptions = {}): Namespace {
  const own = openOwnNetns(), netns = openNewNetns(own);
  return namespaceHandle(netns, (work) => inNetns(netns, own, work), () => {
    closeNetns(netns);
    closeNetns(own);
  }, options);
}

/** The namespace at a path, or undefined when the path is empty or nothing is there any more, as a DEL may find it. */
export function openNamespaceIfPresent(path: string, options: OtherNamespaceOptions = {}): Namespace | undefined {
  if (path === "") return undefined;
  try {
    return openNamespace(path, options);
  } catch (error) {
    if (error instanceof NetnsError && error.gone) return undefined;
    throw error;
  }
}

function namespaceHandle(
  netns: Netns, enter: Inside, closeDescriptors: () => void,
  { aside = false, alone, first }: NamespaceOptions & { readonly first?: NetlinkSocket },
): Namespace {
  const sockets = new Map<number, NetlinkSocket>(first === undefined ? [] : [[NETLINK_ROUTE, first]]);
  let closed = false;

  /** The number of a closed descriptor may be that of another namespace by now. */
  const inside: Inside = (work) => {
    if (closed) throw new Error(`Cannot use network namespace "${netns.path}": it was closed`);
    return enter(work);
  };

  /** Opened at first use; every later request goes to that namespace whatever the thread is in. */
  function socket(protocol: number): NetlinkSocket {
    const open = sockets.get(protocol);
    if (open !== undefined) return open;
    const opened = inside(() => NetlinkSocket.open(protocol));
    sockets.set(protocol, opened);
    return opened;
  }

  const names = linkNames();
  const route = (): NetlinkSocket => socket(NETLINK_ROUTE);
  const netfilter = (): NetlinkSocket => socket(NETLINK_NETFILTER);
  const slow = (protocol: number): SlowRequests => (aside
    ? new SlowRequestsAside(() => inside(() => NetlinkSocket.open(protocol)))
    : slowRequestsHere(() => socket(protocol)));
  const slowRoute = slow(NETLINK_ROUTE), slowNetfilter = slow(NETLINK_NETFILTER);
  return {
    path: netns.path,
    fd: netns.fd,
    links: linksOf({ socket: route, slow: slowRoute, names, inside }),
    addresses: addressesOf(route, names),
    routes: routesOf(route, names),
    rules: rulesOf(route),
    neighbours: neighboursOf(route, names),
    qdiscs: qdiscsOf(route, names),
    bridgeVlans: bridgeVlansOf(route, names),
    sysctl: sysctlIn(inside),
    findElsewhere: (master, matches) => findElsewhere(netns, master, matches, openNamespace),
    openPacketSocket: (options) => openPacketSocket(inside, options, names.shown(options.index)),
    nftables: openNftables(netfilter, slowNetfilter, alone === undefined ? {} : { alone }),
    conntrack: openConntrack(netfilter),
    close() {
      if (closed) return;
      closed = true;
      for (const open of [...sockets.values(), slowRoute, slowNetfilter]) open.close();
      sockets.clear();
      closeDescriptors();
    },
  };
}
