import { createServer } from "node:net";
import { uptime } from "node:os";
import { isAbsolute, join } from "node:path";
import { CniError, code } from "../../cni/index.ts";
import { LockError, removeIfPresent, takeLock, writeWholeFile } from "../../os/index.ts";
import { listen } from "../listen.ts";
import { openLeaseFiles } from "./lease-files.ts";
import type { LeaseSettings } from "./leases.ts";
import { Leases } from "./leases.ts";
import { serveRpc } from "./rpc-connection.ts";

export interface DhcpDaemonOptions extends LeaseSettings {
  /** Where plugins look for it, behind `hostPrefix`; a socket that systemd passes on comes before. */
  readonly socketPath: string;
  /** Where leases are kept for the next daemon; absent: beside the socket. */
  readonly leases?: string | undefined;
  /** An absolute path; absent: none is written. */
  readonly pidFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes a line for people, without its end. */
  log(line: string): void;
}

/** Connections at a time: a node that starts has all its containers' at once. */
const connectionsMax = 4096;

/**
 * The DHCP daemon from its start to SIGTERM or SIGINT. The leases are the next one's then.
 *
 * @throws CniError when it cannot listen, or another one has the leases
 */
export async function runDhcpDaemon(options: DhcpDaemonOptions): Promise<void> {
  const { hostPrefix, pidFile, env, log } = options;
  if (pidFile !== undefined && !isAbsolute(pidFile)) {
    throw new CniError(code.invalidConfig, `Cannot write pidfile "${pidFile}": expected an absolute path`);
  }
  const path = `${hostPrefix}${options.socketPath}`, directory = options.leases ?? `${path}.leases`;
  const files = openLeaseFiles(directory), lock = await owned(directory);
  const leases = new Leases(options, { files, nowMs: () => uptime() * 1000, random: Math.random, log });
  const desk = {
    allocate: leases.allocate.bind(leases), release: leases.release.bind(leases), log,
  };
  const server = createServer((socket) => serveRpc(socket, desk));
  server.maxConnections = connectionsMax;
  try {
    // Before anybody asks: what was leased is not leased anew.
    const count = leases.resume();
    // Who can connect has addresses leased in any namespace: root and, as systemd's unit has it, root's group.
    const listening = await listen(server, { path, env, isShared: true });
    try {
      if (pidFile !== undefined) writeWholeFile(pidFile, `${process.pid}\n`, { mode: 0o644 });
      log(`serving DHCP at ${listening.where}, ${count} leases are gone on with`);
      log(`stopping by ${await signalled()}, ${leases.count} leases are left to the next daemon`);
    } finally {
      listening.close();
      if (pidFile !== undefined) removeIfPresent(pidFile);
    }
  } finally {
    leases.close();
    server.close();
    lock.close();
  }
}

async function owned(directory: string): ReturnType<typeof takeLock> {
  try {
    return await takeLock(join(directory, "lock"), { timeoutMs: 0 });
  } catch (error) {
    if (!(error instanceof LockError)) throw error;
    throw new CniError(code.tryAgainLater, `Cannot keep DHCP leases in ${directory}: another daemon does`,
      { cause: error });
  }
}

function signalled(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, resolve);
  });
}
