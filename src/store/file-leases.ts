import { existsSync } from "node:fs";
import { CniError, code } from "../cni/index.ts";
import type { HeldAddress, LeaseStore, StoreNode } from "../ipam/index.ts";
import type { Lock } from "../os/index.ts";
import { LockError, errnoOf, takeLock } from "../os/index.ts";
import { readLeases } from "./lease-file.ts";
import type { NetworkPaths } from "./network-directory.ts";
import { NetworkDirectory, networkPaths } from "./network-directory.ts";
import { collect, commit, release, toListed, view } from "./network-leases.ts";
import { whyNotWritable } from "./private-directory.ts";

export interface FileLeasesOptions {
  /** Holds one directory for every network; made when missing. */
  readonly dataDir: string;
  /** Looked at when it is needed. */
  readonly node: StoreNode;
  /** How long others are waited for; two minutes when absent. */
  readonly lockTimeoutMs?: number;
}

/**
 * Reservations as files, interchangeable with the reference host-local: see lease-file.ts. Ours alone is `.polynic`
 * beside the networks, which no network can be called: the index, and files while they are being written.
 *
 * Files are of one node, whoever they name: they hold nothing of any other.
 */
export function openFileLeases({ dataDir, node, lockTimeoutMs = waitMs }: FileLeasesOptions): LeaseStore {
  const locked = async <T>(paths: NetworkPaths, work: (network: NetworkDirectory) => T | Promise<T>): Promise<T> => {
    const lock = await lockNetwork(paths, lockTimeoutMs);
    try {
      return await work(new NetworkDirectory(paths));
    } finally {
      lock.close();
    }
  };
  const whereThere = async <T>(scope: string, work: (network: NetworkDirectory) => readonly T[]) => {
    const paths = networkPaths(dataDir, scope);
    return existsSync(paths.directory) ? await locked(paths, work) : [];
  };
  return {
    place: dataDir,
    async exclusively(scope, work) {
      const paths = networkPaths(dataDir, scope);
      return await locked(paths, async (network) => {
        let holds: readonly HeldAddress[] = [];
        return await work({
          async view(request) {
            holds = network.holds(Date.now());
            return view(network, request, { holds, node });
          },
          commit: async (request) => commit(network, request, { holds, bootId: node.bootId }),
        });
      });
    },
    release: async (scope, owner, holds) =>
      await whereThere(scope, (network) => release(network, owner, holds ?? [])),
    async list(scope, owner) {
      const network = new NetworkDirectory(networkPaths(dataDir, scope), { readOnly: true });
      const leases =
        owner === undefined ? readLeases(network.paths.directory, network.names) : network.heldBy(owner).leases;
      return leases.map(toListed(network, node));
    },
    async collect(scope, listed, isValid) {
      const gone = listed.filter((lease) => lease.owner.node === node.name && !isValid(lease));
      return await whereThere(scope, (network) => collect(network, gone));
    },
    status: async () => whyNotWritable(dataDir),
  };
}

/**
 * Deciding takes about a millisecond under the lock, but a node that starts has hundreds of containers wait for one
 * network, and few processors. Runtimes give up after two to four minutes.
 */
const waitMs = 120_000;

async function lockNetwork({ directory }: NetworkPaths, timeoutMs: number): Promise<Lock> {
  const path = `${directory}/lock`;
  try {
    return await takeLock(path, { timeoutMs, directoryMode: 0o755 });
  } catch (cause) {
    if (cause instanceof LockError) throw new CniError(code.tryAgainLater, cause.message, { cause });
    const errno = errnoOf(cause);
    throw new CniError(code.ioFailure, `Cannot lock ${path}: ${errno ?? String(cause)}`, { cause });
  }
}
