import {
  linkBody,
  netnsIdBody,
  NLM_F_CREATE,
  NLM_F_EXCL,
  RTEXT_FILTER_SKIP_STATS,
  RTM_GETLINK,
  RTM_GETNSID,
  RTM_NEWLINK,
  RTM_NEWNSID,
  RTM_SETLINK,
} from "../../netlink/index.ts";
import type { ValueOf } from "../../netlink/index.ts";
import { errnoNumber } from "../../os/index.ts";
import type { Link, LinkChanges, Links, Namespace, NewLink } from "../namespace.ts";
import { isErrno, NetlinkError } from "../netlink-error.ts";
import type { SlowRequests } from "../slow-requests.ts";
import type { NetlinkSocket, Request } from "../socket.ts";
import type { Inside } from "../netns.ts";
import { addTun } from "../tap.ts";
import type { TunSettings } from "../tap.ts";
import { areGone, deleteLinks, linkDeletion } from "./link-deletion.ts";
import { changeAttributes, flagChanges, toLink } from "./link-message.ts";
import type { LinkAttributes } from "./link-message.ts";
import type { LinkNames } from "./link-names.ts";

/** What works in the namespace whose links they are. */
export interface LinksOptions {
  socket(): NetlinkSocket;
  readonly slow: SlowRequests;
  readonly names: LinkNames;
  readonly inside: Inside;
}

export function linksOf({ socket, slow, names, inside }: LinksOptions): Links {
  const noted = (message: ValueOf<typeof linkBody>): Link => {
    const link = toLink(message);
    names.note(link.index, link.name);
    return link;
  };
  const links: Links = {
    get: (link) => links.find(link) ?? throwMissing(link, names),

    find(link) {
      const found = findMessage(socket, link, names);
      return found === undefined ? undefined : noted(found);
    },

    list() {
      const attributes = { extMask: RTEXT_FILTER_SKIP_STATS };
      return socket().dump(
        { operation: "list links", type: RTM_GETLINK, body: linkBody, header: {}, attributes },
        linkBody,
        noted,
      );
    },

    namespaceId: (namespace) => knownId(socket, namespace),
    add(link) {
      const { name, info } = link;
      if (info.kind === "tun") return addTunLink(links, { socket, inside, names }, link, info);
      return socket().execute({
        operation: `add link "${name}"${shownSettings(link)}`,
        type: RTM_NEWLINK,
        flags: NLM_F_CREATE | NLM_F_EXCL,
        body: linkBody,
        header: {},
        attributes: newLinkAttributes(socket, link),
      });
    },

    set(index, changes) {
      socket().execute({
        operation: `change ${names.shown(index)}${shownChanges(changes, names)}`,
        type: RTM_SETLINK,
        body: linkBody,
        header: { index, ...flagChanges(changes) },
        attributes: changeAttributes(changes),
      });
      if (changes.name !== undefined && changes.namespace === undefined) names.note(index, changes.name);
    },

    setBridgePort: (index, changes) =>
      socket().execute(
        infoChange(`change bridge port ${names.shown(index)}`, index, { portKind: "bridge", portData: changes }),
      ),
    setInfo: (index, { kind, ...data }) =>
      socket().execute(infoChange(`change ${kind} ${names.shown(index)}`, index, { kind, data })),

    delete: (index) => slow.execute(linkDeletion(index, names), () => areGone(socket, [index])),
    deleteAll: (indexes) => deleteLinks({ socket, slow }, { names, indexes }),
  };
  return links;
}

/** What making the link has no word for is set afterwards, by its name; should that fail, the link goes again. */
function addTunLink(
  links: Links, { socket, inside, names }: Omit<LinksOptions, "slow">, link: NewLink, settings: TunSettings,
): void {
  const { name, info: _info, parent: _parent, parentNamespace: _namespace, ...changes } = link;
  addTun(inside, name, settings);
  if (Object.keys(changes).length === 0) return;
  try {
    socket().execute({
      operation: `change link "${name}"${shownChanges(changes, names)}`, type: RTM_SETLINK, body: linkBody,
      header: flagChanges(changes), attributes: { ...changeAttributes(changes), name },
    });
  } catch (error) {
    socket().execute(linkDeletion(links.get(name).index, names));
    throw error;
  }
}

/** ` (mtu 9000)`: the kernel may say no more than EINVAL. */
function shownSettings({ mtu, mac, txQueueLength }: Pick<LinkChanges, "mtu" | "mac" | "txQueueLength">): string {
  const words = [["mtu", mtu], ["MAC", mac], ["transmit queue", txQueueLength]]
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key} ${value}`]));
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

function shownChanges({ master, alias, ...changes }: LinkChanges, names: LinkNames): string {
  if (master !== undefined) return master === 0 ? " (no master)" : ` (master ${names.shown(master)})`;
  return alias !== undefined && changes.name === undefined ? " (alias)" : shownSettings(changes);
}

function infoChange(operation: string, index: number, linkInfo: LinkAttributes["linkInfo"]): LinkRequest {
  return { operation, type: RTM_NEWLINK, body: linkBody, header: { index }, attributes: { linkInfo } };
}

/** IFNAMSIZ and ALTIFNAMSIZ (linux/if.h), less the final NUL. A short name may be an alternative one as well. */
const maxNameBytes = 15;
const maxAltNameBytes = 127;

function findMessage(socket: () => NetlinkSocket, link: number | string, names: LinkNames) {
  if (nameBytes(link) > maxAltNameBytes) return undefined;
  try {
    return socket().find(getLink(link, names), linkBody);
  } catch (error) {
    // Kernels before 5.5 know no such name, and call the request one without any.
    if (nameBytes(link) > maxNameBytes && isErrno(error, "EINVAL")) return undefined;
    throw error;
  }
}

type LinkRequest = Request<ValueOf<typeof linkBody>["header"], LinkAttributes>;

function getLink(link: number | string, names: LinkNames): LinkRequest {
  const name = typeof link !== "string" ? {} : nameBytes(link) > maxNameBytes ? { altName: link } : { name: link };
  const attributes = { extMask: RTEXT_FILTER_SKIP_STATS, ...name };
  const header = typeof link === "number" ? { index: link } : {};
  return { operation: `get ${shown(link, names)}`, type: RTM_GETLINK, body: linkBody, header, attributes };
}

function nameBytes(link: number | string): number {
  return typeof link === "string" ? Buffer.byteLength(link) : 0;
}

function throwMissing(link: number | string, names: LinkNames): never {
  throw new NetlinkError(`get ${shown(link, names)}`, errnoNumber.ENODEV);
}

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

/** The number by which the socket's namespace knows another; given out on first use. */
function netnsId(socket: () => NetlinkSocket, namespace: Namespace): number {
  const known = knownId(socket, namespace);
  if (known !== undefined) return known;
  // A new namespace knows no other yet.
  if (giveId(socket, namespace, firstId)) return firstId;
  giveId(socket, namespace, noId);
  return knownId(socket, namespace) ?? noId;
}

/** @returns false when the number is another's, or somebody else was faster */
function giveId(socket: () => NetlinkSocket, namespace: Namespace, id: number): boolean {
  try {
    socket().execute({ ...idRequest(namespace), type: RTM_NEWNSID, attributes: { id, fd: namespace.fd } });
    return true;
  } catch (error) {
    if (isErrno(error, "EEXIST")) return false;
    throw error;
  }
}

function knownId(socket: () => NetlinkSocket, namespace: Pick<Namespace, "path" | "fd">): number | undefined {
  const { id = noId } = socket().get(idRequest(namespace), netnsIdBody).attributes;
  return id === noId ? undefined : id;
}

function idRequest({ path, fd }: Pick<Namespace, "path" | "fd">) {
  const operation = `get an id for network namespace "${path}"`;
  return { operation, type: RTM_GETNSID, body: netnsIdBody, header: {}, attributes: { fd } };
}

/** NETNSA_NSID_NOT_ASSIGNED (linux/net_namespace.h): asked for, the kernel chooses. */
const noId = -1, firstId = 0;

function shown(link: number | string, names: LinkNames): string {
  return typeof link === "string" ? `link "${link}"` : names.shown(link);
}
