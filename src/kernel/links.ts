import {
  IFF_LOOPBACK,
  IFF_PROMISC,
  IFF_UP,
  isLinkKind,
  linkBody,
  netnsIdBody,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_GETNSID,
  RTM_NEWLINK,
  RTM_NEWNSID,
  RTM_SETLINK,
} from "../netlink/index.ts";
import type { LinkInfo, LinkKind, ValueOf } from "../netlink/index.ts";
import { randomBytes } from "../os/index.ts";
import type { BridgePort, Link, LinkChanges, Links, Namespace, NewLink, OperState } from "./namespace.ts";
import { isErrno, NetlinkError } from "./netlink-error.ts";
import type { NetlinkSocket, Request } from "./socket.ts";

/** The links of the namespace a socket was opened in. */
export function linksOf(socket: () => NetlinkSocket): Links {
  const links: Links = {
    get: (link) => toLink(socket().get(getLink(link), linkBody)),

    find(link) {
      const found = socket().find(getLink(link), linkBody);
      return found === undefined ? undefined : toLink(found);
    },

    list() {
      const attributes = { extMask: RTEXT_FILTER_SKIP_STATS };
      return socket().dump(
        { operation: "list links", type: RTM_GETLINK, body: linkBody, header: {}, attributes },
        linkBody,
        toLink,
      );
    },

    add(link) {
      socket().execute({
        operation: `add link ${quoted(link.name)}`,
        type: RTM_NEWLINK,
        flags: NLM_F_CREATE | NLM_F_EXCL,
        body: linkBody,
        header: {},
        attributes: newLinkAttributes(socket, link),
      });
    },

    set(index, changes) {
      socket().execute({
        operation: `change link ${index}`,
        type: RTM_SETLINK,
        body: linkBody,
        header: { index, ...flagChanges(changes) },
        attributes: changeAttributes(changes),
      });
    },

    setBridgePort(index, changes) {
      socket().execute({
        operation: `change bridge port ${index}`,
        type: RTM_NEWLINK, body: linkBody, header: { index },
        attributes: { linkInfo: { portKind: "bridge", portData: changes } },
      });
    },

    delete(index) {
      socket().execute({
        operation: `delete link ${index}`,
        type: RTM_DELLINK,
        body: linkBody,
        header: { index },
        attributes: {},
      });
    },

    deleteAll(indexes) {
      const [index] = indexes;
      if (index === undefined) return;
      if (indexes.length === 1) unlessMissing(() => links.delete(index));
      else deleteGroup(socket, links, indexes);
    },
  };
  return links;
}

function getLink(link: number | string): Request<ValueOf<typeof linkBody>["header"], LinkAttributes> {
  const attributes = { extMask: RTEXT_FILTER_SKIP_STATS, name: typeof link === "string" ? link : undefined };
  const header = typeof link === "number" ? { index: link } : {};
  return { operation: `get link ${quoted(link)}`, type: RTM_GETLINK, body: linkBody, header, attributes };
}

/**
 * Deletes the links as one group. The kernel waits for an RCU grace period per request that deletes links, 13 to 23 ms
 * each, so eight links in one request take as long as one.
 */
function deleteGroup(socket: () => NetlinkSocket, links: Links, indexes: readonly number[]): void {
  const group = unusedGroup(socket);
  const errors = socket().executeAll(indexes.map((index) => ({
    operation: `group link ${index} for deletion`,
    type: RTM_SETLINK, flags: NLM_F_ACK, body: linkBody, header: { index }, attributes: { group },
  })));
  for (const error of errors) if (error !== undefined && !isErrno(error, "ENODEV")) throw error;
  try {
    socket().execute({
      operation: `delete links ${indexes.join(", ")}`,
      type: RTM_DELLINK, body: linkBody, header: {}, attributes: { group },
    });
  } catch (error) {
    // All of them were gone: the group has no members.
    if (isErrno(error, "ENODEV")) return;
    // One that cannot be deleted, such as a physical link, keeps the kernel from deleting any.
    deleteEach(links, indexes);
  }
}

/** Deletes what can be deleted, and then throws the first error. */
function deleteEach(links: Links, indexes: readonly number[]): void {
  const errors: unknown[] = [];
  for (const index of indexes) {
    try {
      unlessMissing(() => links.delete(index));
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** A link group with no members: the kernel deletes whatever is in the group, so it must be nobody else's. */
function unusedGroup(socket: () => NetlinkSocket): number {
  const attributes = { extMask: RTEXT_FILTER_SKIP_STATS };
  const used = new Set(
    socket().dump(
      { operation: "list link groups", type: RTM_GETLINK, body: linkBody, header: {}, attributes },
      linkBody,
      (link) => link.attributes.group,
    ),
  );
  for (let tries = 0; tries < 16; tries++) {
    const group = new DataView(randomBytes(4).buffer).getUint32(0) & 0x7fff_ffff;
    // 0 is where every link starts.
    if (group !== 0 && !used.has(group)) return group;
  }
  throw new NetlinkError("delete links", ENOSPC, "no unused link group found in 16 tries");
}

const ENOSPC = 28;

type LinkAttributes = ValueOf<typeof linkBody>["attributes"];

function newLinkAttributes(socket: () => NetlinkSocket, link: NewLink): LinkAttributes {
  const { kind, ...data } = link.info;
  return {
    name: link.name,
    mac: link.mac,
    mtu: link.mtu,
    txQueueLength: link.txQueueLength,
    master: link.master,
    link: link.parent,
    // The kernel looks the parent up where this says. So a link is made where it will be used, under its final name,
    // and a host link of that name does not matter.
    linkNetnsId: link.parentNamespace === undefined ? undefined : netnsId(socket, link.parentNamespace),
    // Some kinds refuse IFLA_INFO_DATA with nothing in it.
    linkInfo: { kind, data: Object.keys(data).length === 0 ? undefined : data },
  };
}

/** The number by which the socket's namespace knows another; given out by the kernel on first use. */
function netnsId(socket: () => NetlinkSocket, namespace: Namespace): number {
  const operation = `get an id for network namespace "${namespace.path}"`;
  const request = { operation, type: RTM_GETNSID, body: netnsIdBody, header: {}, attributes: { fd: namespace.fd } };
  const known = socket().get(request, netnsIdBody).attributes.id ?? noId;
  if (known !== noId) return known;

  try {
    socket().execute({ ...request, type: RTM_NEWNSID, attributes: { id: noId, fd: namespace.fd } });
  } catch (error) {
    // Somebody else was faster.
    if (!isErrno(error, "EEXIST")) throw error;
  }
  return socket().get(request, netnsIdBody).attributes.id ?? noId;
}

/** NETNSA_NSID_NOT_ASSIGNED (linux/net_namespace.h). */
const noId = -1;

function flagChanges({ up, promiscuous }: LinkChanges): { readonly flags: number; readonly change: number } {
  const flags = (up === true ? IFF_UP : 0) | (promiscuous === true ? IFF_PROMISC : 0);
  const change = (up === undefined ? 0 : IFF_UP) | (promiscuous === undefined ? 0 : IFF_PROMISC);
  return { flags, change };
}

function changeAttributes({ name, mtu, mac, txQueueLength, master, alias, namespace }: LinkChanges): LinkAttributes {
  return { name, mtu, mac, txQueueLength, master, alias, netnsFd: namespace?.fd };
}

function toLink({ header, attributes }: ValueOf<typeof linkBody>): Link {
  const {
    name = "",
    mac,
    mtu = 0,
    master,
    link: parent,
    group = 0,
    alias,
    txQueueLength,
    promiscuity = 0,
    operState = 0,
  } = attributes;
  const { kind, data, portKind, portData } = attributes.linkInfo ?? {};
  return {
    index: header.index,
    name,
    ...(mac === undefined || mac === "" ? {} : { mac }),
    mtu,
    up: (header.flags & IFF_UP) !== 0,
    loopback: (header.flags & IFF_LOOPBACK) !== 0,
    promiscuity,
    operState: operStates[operState] ?? "unknown",
    ...(master === undefined ? {} : { master }),
    ...(parent === undefined ? {} : { parent }),
    group,
    ...(alias === undefined ? {} : { alias }),
    ...(txQueueLength === undefined ? {} : { txQueueLength }),
    ...(kind === undefined ? {} : { kind }),
    ...(kind === undefined || !isLinkKind(kind) ? {} : { info: toInfo(kind, data) }),
    ...(portKind === "bridge" ? { bridgePort: toBridgePort(portData) } : {}),
  };
}

/** IF_OPER_* (linux/if.h), by number. */
const operStates: readonly OperState[] = [
  "unknown",
  "notpresent",
  "down",
  "lowerlayerdown",
  "testing",
  "dormant",
  "up",
];

function toInfo(kind: LinkKind, data: LinkData): LinkInfo {
  // A kind with a table is never read as raw bytes, and its settings are named by its rows.
  const { unknown: _, ...settings } = (data ?? {}) as { readonly unknown?: unknown };
  return { kind, ...settings } as LinkInfo;
}

type LinkData = NonNullable<LinkAttributes["linkInfo"]>["data"];

function toBridgePort(data: object | undefined): BridgePort {
  // The port's table was chosen by the kind "bridge", so these are its rows.
  const { hairpin = false, isolated = false } = (data ?? {}) as Partial<BridgePort>;
  return { hairpin, isolated };
}

function unlessMissing<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (isErrno(error, "ENODEV")) return undefined;
    throw error;
  }
}

function quoted(link: number | string): string {
  return typeof link === "string" ? `"${link}"` : String(link);
}
