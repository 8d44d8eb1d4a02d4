import { join } from "node:path";
import { CniError, code } from "../../cni/index.ts";
import { openEtcdBlocks } from "../../etcd/index.ts";
import type { BlockEngine, EtcdServers, LeaseStore, NodeStores, StoreChoice, StoreNode } from "../../ipam/index.ts";
import { openBlockLeases } from "../../ipam/index.ts";
import { realWorld, withLockIfPossible } from "../../os/index.ts";
import type { Log } from "../../plugins/index.ts";
import { openReleaseJournal } from "../../store/index.ts";

export type SharedChoice = Exclude<StoreChoice, { readonly type: "files" }>;

export interface SharedOptions {
  readonly node: StoreNode;
  readonly stores: NodeStores;
  /** Where releases are noted while an engine is away, and where nodes' own calls wait for each other. */
  readonly stateDir: string;
  readonly log: Pick<Log, "warn" | "debug">;
}

/** Longer than a node that starts needs for all its containers. */
const lockOptions = { timeoutMs: 60_000, directoryMode: 0o700 };

/**
 * A store that nodes share. A script of its own, loaded with the first call that needs it: containers whose addresses
 * are in files do not wait for it.
 *
 * @throws CniError 7 where the network is not the node's own and names servers, or nobody names any
 */
export function openSharedLeases(choice: SharedChoice, { node, stores, stateDir, log }: SharedOptions): LeaseStore {
  const engine = openEngine(choice, node, stores);
  const lockPath = (scope: string): string =>
    join(stateDir, `leases-${encodeURIComponent(`${choice.type} ${scope}`).slice(0, lockNameMax)}.lock`);
  return openBlockLeases({
    engine, node,
    journal: openReleaseJournal(join(stateDir, "releases"), engine.place),
    // Without the lock all is as exact, and there are more conflicts.
    alone: (scope, work) => withLockIfPossible(lockPath(scope), lockOptions, (why) => log.debug(why.message), work),
    tell: (line) => log.warn(line),
    world: realWorld,
  });
}

/** File names have 255 bytes at most. */
const lockNameMax = 200;

function openEngine(choice: SharedChoice, node: StoreNode, stores: NodeStores): BlockEngine {
  return openEtcdBlocks(etcdServers(choice.servers, choice.trusted, stores.etcd), { node });
}

function etcdServers(
  named: EtcdServers | undefined,
  isTrusted: boolean,
  ofNode: EtcdServers | undefined,
): EtcdServers {
  if (named !== undefined && !isTrusted)
    throw new CniError(
      code.invalidConfig,
      "Cannot use ipam.store of a network that is not the node's own: it names servers or files, expected its type " +
        "alone; servers are named by leaseStores.etcd of the node's configuration",
    );
  const servers = named ?? ofNode;
  if (servers === undefined || servers.endpoints.length === 0)
    throw new CniError(
      code.invalidConfig,
      "Cannot use ipam.store of type etcd: no endpoints are named, expected ipam.store.endpoints, or " +
        "leaseStores.etcd of the node's configuration",
    );
  return servers;
}
