import { connect } from "node:net";
import type { Server } from "node:net";
import { lstatSync, statSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { CniError, code, messageOf } from "../../cni/index.ts";
import { closeOnExec, makeDirectory } from "../../os/index.ts";
import type { Listening } from "../listen.ts";
import { passedOn, removeStale, started } from "../listen.ts";

export interface ListenOptions {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/**
 * Listens where systemd has passed one socket on, else at a path whose directory is made. A socket that nobody listens
 * at any more is replaced.
 *
 * @throws CniError 11 when somebody listens there, 5 for whatever else is
 */
export async function listenForPlugins(server: Server, { path, env }: ListenOptions): Promise<Listening> {
  const fd = passedOn(env);
  if (fd !== undefined) {
    const count = Number(env["LISTEN_FDS"]);
    if (count !== 1) throw refused(path, `systemd passes ${count} sockets on, expected one`);
    closeOnExec(fd);
    await started(server, () => server.listen({ fd }));
    return { where: `descriptor ${fd}`, close: () => undefined };
  }
  try {
    makeDirectory(dirname(path), 0o700);
    if (await isListenedAt(path)) {
      throw new CniError(code.tryAgainLater, `Cannot listen at ${path}: another daemon does`);
    }
    removeStale(path);
    // Who can connect has addresses leased in any namespace: root and, as systemd's unit has it, root's group.
    const before = process.umask(0o117);
    const listening = started(server, () => server.listen({ path }));
    process.umask(before);
    await listening;
  } catch (error) {
    throw error instanceof CniError ? error : refused(path, messageOf(error), error);
  }
  const { dev, ino } = statSync(path);
  return {
    where: path,
    close() {
      const now = lstatSync(path, { throwIfNoEntry: false });
      if (now?.dev === dev && now.ino === ino) unlinkSync(path);
    },
  };
}

/** False where there is no socket, and where nobody has it any more. */
function isListenedAt(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const end = (isListened: boolean): void => {
      socket.destroy();
      resolve(isListened);
    };
    socket.on("connect", () => end(true)).on("error", () => end(false));
  });
}

function refused(path: string, why: string, cause?: unknown): CniError {
  return new CniError(code.ioFailure, `Cannot listen at ${path}: ${why}`, { cause });
}
