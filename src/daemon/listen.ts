import { lstatSync, mkdirSync, statSync, unlinkSync } from "node:fs";
import type { Server } from "node:net";
import { dirname, join } from "node:path";
import { CniError, code, messageOf } from "../cni/index.ts";
import type { Lock } from "../os/index.ts";
import { closeOnExec, LockError, takeLock } from "../os/index.ts";

/** Connections the kernel keeps until they are accepted: no more than net.core.somaxconn, 4096 as a rule. */
const backlog = 4096;

/** A socket that is listened on. */
export interface Listening {
  /** For people. */
  readonly where: string;
  /** Takes the socket's name away, if it is still ours; connections that are there stay. */
  close(): void;
}

/**
 * Listens where systemd has passed a socket on (sd_listen_fds(3)), else at a path of our own. One daemon serves a path:
 * what another one left there is taken away, what is no socket is not.
 *
 * @throws CniError 11 when another daemon is there, 5 for whatever else is
 */
export async function listen(
  server: Server,
  { path, env }: { readonly path: string; readonly env: Readonly<Record<string, string | undefined>> },
): Promise<Listening> {
  const fd = passedOn(env);
  if (fd !== undefined) {
    closeOnExec(fd);
    await started(server, () => server.listen({ fd }));
    return { where: `descriptor ${fd}`, close: () => undefined };
  }
  const lock = await own(path);
  try {
    removeStale(path);
    const before = process.umask(0o177);
    // Bound before this returns, with the mask that is set now.
    const listening = started(server, () => server.listen({ path, backlog }));
    process.umask(before);
    await listening;
  } catch (error) {
    lock.close();
    throw error instanceof CniError ? error : refused(path, messageOf(error), error);
  }
  const { dev, ino } = statSync(path);
  return {
    where: path,
    close() {
      const now = lstatSync(path, { throwIfNoEntry: false });
      if (now?.dev === dev && now.ino === ino) unlinkSync(path);
      lock.close();
    },
  };
}

/** The first descriptor that is passed on, 3. */
export function passedOn(env: Readonly<Record<string, string | undefined>>): number | undefined {
  const firstPassed = 3;
  return env["LISTEN_PID"] === String(process.pid) && Number(env["LISTEN_FDS"]) >= 1 ? firstPassed : undefined;
}

/** The directory is ours alone, mode 0700, and so is the path as long as we hold the lock beside it. */
async function own(path: string): Promise<Lock> {
  const directory = dirname(path);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw refused(path, messageOf(error), error);
  }
  const { uid, mode } = statSync(directory);
  if (uid !== process.geteuid?.() || (mode & 0o077) !== 0)
    throw refused(path, `directory ${directory} belongs to user ${uid} and has mode ${(mode & 0o7777).toString(8)}, ` +
      "expected our own with mode 700");
  try {
    return await takeLock(join(directory, "daemon.lock"), { timeoutMs: 0 });
  } catch (error) {
    const isHeld = error instanceof LockError;
    throw new CniError(isHeld ? code.tryAgainLater : code.ioFailure,
      `Cannot listen at ${path}: ${isHeld ? "another daemon does" : messageOf(error)}`, { cause: error });
  }
}

export function removeStale(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw refused(path, "a file is there that is no socket, expected none");
  unlinkSync(path);
}

function refused(path: string, why: string, cause?: unknown): CniError {
  return new CniError(code.ioFailure, `Cannot listen at ${path}: ${why}`, { cause });
}

export function started(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    start();
  });
}
