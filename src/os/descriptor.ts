import { SOL_SOCKET, check, libc } from "./libc.ts";

/** Who is at the other end of a unix socket, as of when it connected (unix(7), SO_PEERCRED). */
export function peerCredentials(fd: number): { readonly pid: number; readonly uid: number; readonly gid: number } {
  const SO_PEERCRED = 17;
  // struct ucred: pid, uid, gid, 32 bits each.
  const found = new Int32Array(3), bytes = new Int32Array([found.byteLength]);
  check("getsockopt", libc().getsockopt(fd, SOL_SOCKET, SO_PEERCRED, found, bytes));
  const [pid = 0, uid = 0, gid = 0] = found;
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
}

/** Keeps a descriptor that was passed on to us from programs that we start. */
export function closeOnExec(fd: number): void {
  const F_SETFD = 2, FD_CLOEXEC = 1;
  check("fcntl", libc().fcntl(fd, F_SETFD, FD_CLOEXEC));
}
