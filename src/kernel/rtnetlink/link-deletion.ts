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
import type { NetlinkSocket } from "../socket.ts";
import type { LinkNames } from "./link-names.ts";

/** Links to be deleted, and what they are called. */
export interface LinksToDelete {
  readonly names: LinkNames;
  readonly indexes: readonly number[];
}

/** Deletes one link; ENODEV when it is gone. */
export function deleteLink(socket: () => NetlinkSocket, index: number, names: LinkNames): void {
  socket().execute({
    operation: `delete ${names.shown(index)}`,
    type: RTM_DELLINK, body: linkBody, header: { index }, attributes: {},
  });
}

/**
 * Deletes all that are there; those that are gone are skipped.
 *
 * @param draw  chance, for the number of the group that they go as
 */
export function deleteLinks(
  socket: () => NetlinkSocket,
  { names, indexes }: LinksToDelete,
  draw: (bytes: number) => Uint8Array = randomBytes,
): void {
  if (indexes.length > 1) deleteGroup(socket, { names, indexes }, draw);
  else deleteEach(socket, { names, indexes });
}

/**
 * Deletes the links as one group. The kernel waits for an RCU grace period per request that deletes links, 13 to 23 ms
 * each, so eight links in one request take as long as one.
 */
function deleteGroup(
  socket: () => NetlinkSocket,
  { names, indexes }: LinksToDelete,
  draw: (bytes: number) => Uint8Array,
): void {
  const group = unusedGroup(socket, draw);
  const errors = socket().executeAll(indexes.map((index) => ({
    operation: `group ${names.shown(index)} for deletion`,
    type: RTM_SETLINK, flags: NLM_F_ACK, body: linkBody, header: { index }, attributes: { group },
  })));
  for (const error of errors) if (error !== undefined && !isErrno(error, "ENODEV")) throw error;
  try {
    socket().execute({
      operation: `delete ${indexes.map((index) => names.shown(index)).join(", ")}`,
      type: RTM_DELLINK, body: linkBody, header: {}, attributes: { group },
    });
  } catch (error) {
    // All of them were gone: the group has no members.
    if (isErrno(error, "ENODEV")) return;
    // One that cannot be deleted, such as a physical link, keeps the kernel from deleting any.
    deleteEach(socket, { names, indexes });
  }
}

/** Deletes what can be deleted, and then throws the first error. */
function deleteEach(socket: () => NetlinkSocket, { names, indexes }: LinksToDelete): void {
  const errors: unknown[] = [];
  for (const index of indexes) {
    try {
      deleteLink(socket, index, names);
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
