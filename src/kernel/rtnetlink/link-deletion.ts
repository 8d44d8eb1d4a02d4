import {
  linkBody,
  NLM_F_ACK,
  RTEXT_FILTER_SKIP_STATS,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_SETLINK,
} from "../../netlink/index.ts";
import { errnoNumber, randomBytes } from "../../os/index.ts";
import { isErrno, NetlinkError } from "../netlink-error.ts";
import type { SlowRequests } from "../slow-requests.ts";
import type { NetlinkSocket } from "../socket.ts";
import type { LinkNames } from "./link-names.ts";

/** Links to be deleted, and what they are called. */
export interface LinksToDelete {
  readonly names: LinkNames;
  readonly indexes: readonly number[];
}

/** The request that deletes one link; ENODEV when it is gone. */
export function linkDeletion(index: number, names: LinkNames) {
  const operation = `delete ${names.shown(index)}`;
  return { operation, type: RTM_DELLINK, body: linkBody, header: { index }, attributes: {} };
}

/**
 * Whether all of them are gone, asked while the kernel deletes them. It does so under its lock (rtnl), which this
 * question waits for, in well under a millisecond: then neither a name nor an address nor a port is left. What it waits
 * for afterwards, an RCU grace period of 13 to 40 ms (netdev_run_todo, net/core/dev.c), is until nobody uses the memory
 * any more.
 */
export function areGone(socket: () => NetlinkSocket, indexes: readonly number[]): boolean {
  const attributes = { extMask: RTEXT_FILTER_SKIP_STATS };
  try {
    return indexes.every((index) => socket().find(
      { operation: `get link ${index}`, type: RTM_GETLINK, body: linkBody, header: { index }, attributes }, linkBody,
    ) === undefined);
  } catch {
    return false; // the deletion's own answer tells more
  }
}

/** Where requests go: what is done at once, and what is waited for. */
export interface DeletionSockets {
  socket(): NetlinkSocket;
  readonly slow: SlowRequests;
}

/**
 * Deletes all that are there; those that are gone are skipped.
 *
 * @param draw  chance, for the number of the group that they go as
 */
export async function deleteLinks(
  sockets: DeletionSockets, links: LinksToDelete, draw: (bytes: number) => Uint8Array = randomBytes,
): Promise<void> {
  if (links.indexes.length > 1) await deleteGroup(sockets, links, draw);
  else await deleteEach(sockets, links);
}

/**
 * Deletes the links as one group. The kernel waits for an RCU grace period per request that deletes links, 13 to 23 ms
 * each, so eight links in one request take as long as one; so do they on a thread of the pool, of which there are few.
 */
async function deleteGroup(
  { socket, slow }: DeletionSockets, { names, indexes }: LinksToDelete, draw: (bytes: number) => Uint8Array,
): Promise<void> {
  const group = unusedGroup(socket, draw);
  const errors = socket().executeAll(indexes.map((index) => ({
    operation: `group ${names.shown(index)} for deletion`,
    type: RTM_SETLINK, flags: NLM_F_ACK, body: linkBody, header: { index }, attributes: { group },
  })));
  for (const error of errors) if (error !== undefined && !isErrno(error, "ENODEV")) throw error;
  try {
    await slow.execute({
      operation: `delete ${indexes.map((index) => names.shown(index)).join(", ")}`,
      type: RTM_DELLINK, body: linkBody, header: {}, attributes: { group },
    }, () => areGone(socket, indexes));
  } catch (error) {
    // All of them were gone: the group has no members.
    if (isErrno(error, "ENODEV")) return;
    // One that cannot be deleted, such as a physical link, keeps the kernel from deleting any.
    await deleteEach({ socket, slow }, { names, indexes });
  }
}

/** Deletes what can be deleted, and then throws the first error. */
async function deleteEach({ socket, slow }: DeletionSockets, { names, indexes }: LinksToDelete): Promise<void> {
  const errors: unknown[] = [];
  for (const index of indexes) {
    try {
      await slow.execute(linkDeletion(index, names), () => areGone(socket, [index]));
    } catch (error) {
      if (!isErrno(error, "ENODEV")) errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}

/** A link group with no members: the kernel deletes whatever is in the group, so it must be nobody else's. */
function unusedGroup(socket: () => NetlinkSocket, draw: (bytes: number) => Uint8Array): number {
  const attributes = { extMask: RTEXT_FILTER_SKIP_STATS };
  const used = new Set(
    socket().dump(
      { operation: "list link groups", type: RTM_GETLINK, body: linkBody, header: {}, attributes },
      linkBody,
      (link) => link.attributes.group,
    ),
  );
  for (let tries = 0; tries < 16; tries++) {
    const drawn = draw(4);
    const group = new DataView(drawn.buffer, drawn.byteOffset).getUint32(0) & 0x7fff_ffff;
    // 0 is where every link starts.
    if (group !== 0 && !used.has(group)) return group;
  }
  throw new NetlinkError("delete links", errnoNumber.ENOSPC, "no unused link group found in 16 tries");
}
