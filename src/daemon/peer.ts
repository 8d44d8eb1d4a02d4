import type { Socket } from "node:net";
import { peerCredentials } from "../os/index.ts";

/** Whether root or this daemon's own user is at the other end; who else is, is told. */
export function isAllowedPeer(socket: Socket, log: (line: string) => void): boolean {
  const peer = userAt(socket);
  if (peer === 0 || (peer !== undefined && peer === process.geteuid?.())) return true;
  log(`connection refused: it is by user ${peer ?? "unknown"}, expected root or this daemon's own`);
  return false;
}

/** The user at the other end; undefined when that cannot be told. */
function userAt(socket: Socket): number | undefined {
  // Node keeps the descriptor in the handle, which its types leave out; without it nobody is let in.
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd;
  return fd === undefined || fd < 0 ? undefined : peerCredentials(fd).uid;
}
