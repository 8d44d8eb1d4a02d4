import { lstatSync, statSync, unlinkSync } from "node:fs";
import type { Server } from "node:net";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { CniError, code, messageOf } from "../cni/index.ts";
import type { Lock } from "../os/index.ts";
import { closeOnExec, LockError, makeDirectory, takeLock } from "../os/index.ts";

/** Connections the kernel keeps until they are accepted: no more than net.core.somaxconn, 4096 as a rule. */
const backlog = 4096;

/** A socket that is listened on. */
export interface Listening {
  /** For people. */
  readonly where: string;
  /** Takes the socket's name away, if it is still ours; connections that are there stay. */
  close(): void;
}

export interface ListenOptions {
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /**
   * Others have files in its directory, as the reference's daemons in /run/cni, and root's group may connect. Absent:
   * the directory is ours alone.
   */
  readonly isShared?: boolean;
}

/**
 * Listens where systemd has passed one socket on (sd_listen_fds(3)), else at a path of our own. One daemon serves a
 * path: what another one left there is taken away, what is no socket is not.
 *
 * @throws CniError 11 when another daemon is there, 5 for whatever else is
 */
export async function listen(server: Server, { path, env, isShared = false }: ListenOptions): Promise<Listening> {
  const fd = passedOn(path, env);
  if (fd !== undefined) {
    closeOnExec(fd);
    await started(server, () => server.listen({ fd }));
    return { where: `descriptor ${fd}`, close: () => undefined };
  }
  const lock = isShared ? await unheard(path) : await own(path);
  try {
    removeStale(path);
    const before = process.umask(isShared ? 0o117 : 0o177);
    // Bound before this returns, with the mask that is set now.
    const listening = started(server, () => server.listen({ path, backlog }));
    process.umask(before);
    await listening;
  } catch (error) {
    lock?.close();
    throw error instanceof CniError ? error : refused(path, messageOf(error), error);
  }
  const { dev, ino } = statSync(path);
  return {
    where: path,
    close() {
      const now = lstatSync(path, { throwIfNoEntry: false });
      if (now?.dev === dev && now.ino === ino) unlinkSync(path);
      lock?.close();
    },
  };
}

/** The first descriptor that is passed on, 3; undefined where systemd passes none to this process. */
function passedOn(path: string, env: ListenOptions["env"]): number | undefined {
  const firstPassed = 3, count = Number(env["LISTEN_FDS"]);
  if (env["LISTEN_PID"] !== String(process.pid) || !(count >= 1)) return undefined;
  if (count > 1) throw refused(path, `systemd passes ${count} sockets on, expected one`);
  return firstPassed;
}

/** The directory is ours alone, mode 0700, and so is the path as long as we hold the lock beside it. */
async function own(path: string): Promise<Lock> {
  const directory = madeDirectory(path), { uid, mode } = statSync(directory);
  if (uid !== process.geteuid?.() || (mode & 0o077) !== 0)
    throw refused(path, `directory ${directory} belongs to user ${uid} and has mode ${(mode & 0o7777).toString(8)}, ` +
      "expected our own with mode 700");
  try {
    return await takeLock(join(directory, "daemon.lock"), { timeoutMs: 0 });
  } catch (error) {
    throw error instanceof LockError ? taken(path, error) : refused(path, messageOf(error), error);
  }
}

/** A path at which nobody listens; who does is found by connecting, as nothing else tells. */
async function unheard(path: string): Promise<undefined> {
  madeDirectory(path);
  const isHeard = await new Promise<boolean>((resolve) => {
    const socket = connect(path);
    const end = (isThere: boolean): void => {
      socket.destroy();
      resolve(isThere);
    };
    socket.on("connect", () => end(true)).on("error", () => end(false));
  });
  if (isHeard) throw taken(path);
}

function madeDirectory(path: string): string {
  const directory = dirname(path);
  try {
    makeDirectory(directory, 0o700);
  } catch (error) {
    throw refused(path, messageOf(error), error);
  }
  return directory;
}

function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw refused(path, "a file is there that is no socket, expected none");
  unlinkSync(path);
}

function taken(path: string, cause?: unknown): CniError {
  return new CniError(code.tryAgainLater, `Cannot listen at ${path}: another daemon does`, { cause });
}

function refused(path: string, why: string, cause?: unknown): CniError {
  return new CniError(code.ioFailure, `Cannot listen at ${path}: ${why}`, { cause });
}

function started(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    start();
  });
}
