import { join } from "node:path";
import { CniError, code } from "../../cni/index.ts";
import { openEtcdBlocks } from "../../etcd/index.ts";
import type {
  BlockEngine, EtcdServers, KubernetesServer, LeaseStore, NodeStores, StoreChoice, StoreNode,
} from "../../ipam/index.ts";
import { openBlockLeases } from "../../ipam/index.ts";
import { openConnections, openKubeBlocks } from "../../kube/index.ts";
import { realWorld, withLockIfPossible } from "../../os/index.ts";
import type { Log } from "../../plugins/index.ts";
import { openReleaseJournal } from "../../store/index.ts";
import type { KeptConnections } from "../kept-connections.ts";
import type { Warm } from "../surroundings.ts";

export type SharedChoice = Exclude<StoreChoice, { readonly type: "files" }>;

export interface SharedOptions {
  readonly node: StoreNode;
  readonly stores: NodeStores;
  /** Where releases are noted while an engine is away, and where nodes' own calls wait for each other. */
  readonly stateDir: string;
  readonly log: Pick<Log, "warn" | "debug">;
  /** The caller's environment: a pod's says where its cluster is. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What outlives the call; absent: nothing does. */
  readonly warm?: Pick<Warm, "engines" | "connections"> | undefined;
}

/** Longer than a node that starts needs for all its containers. */
const lockOptions = { timeoutMs: 60_000, directoryMode: 0o700 };

/**
 * A store that nodes share. A script of its own, loaded with the first call that needs it: containers whose addresses
 * are in files do not wait for it.
 *
 * @throws CniError 7 where the network is not the node's own and names servers, or nobody names any
 */
export function openSharedLeases(choice: SharedChoice, options: SharedOptions): LeaseStore {
  const { node, stateDir, log } = options;
  const engine = openEngine(choice, options);
  const lockPath = (scope: string): string =>
    join(stateDir, `leases-${encodeURIComponent(`${choice.type} ${scope}`).slice(0, lockNameMax)}.lock`);
  return openBlockLeases({
    engine, node, home: stateDir,
    journal: openReleaseJournal(join(stateDir, "releases"), { kind: choice.type, place: engine.place }),
    // Without the lock all is as exact, and there are more conflicts.
    alone: (scope, work) => withLockIfPossible(lockPath(scope), lockOptions, (why) => log.debug(why.message), work),
    tell: (line) => log.warn(line),
    world: realWorld,
  });
}

/** What keeps the reservations, without the rules by which a node takes and gives up some. */
export function openSharedBlocks(choice: SharedChoice, options: Omit<SharedOptions, "stateDir" | "log">): BlockEngine {
  return openEngine(choice, options);
}

/** File names have 255 bytes at most. */
const lockNameMax = 200;

function openEngine(
  choice: SharedChoice, { node, stores, env, warm }: Pick<SharedOptions, "node" | "stores" | "env" | "warm">,
): BlockEngine {
  if (choice.servers !== undefined && !choice.trusted) throw namesServers(choice.type);
  const servers = choice.servers ?? stores[choice.type];
  const open = (): BlockEngine => choice.type === "etcd" ? openEtcd(choice.servers ?? stores.etcd, node)
    : openKubernetes(choice.servers ?? stores.kubernetes, env, warm?.connections);
  return warm === undefined ? open() : warm.engines.of(keyOf(choice, { servers, node, env }), open);
}

/** Where the service account of a pod is used, its environment says which cluster that is. */
function keyOf(
  { type }: SharedChoice,
  { servers, node, env }: Pick<SharedOptions, "node" | "env"> & { readonly servers: object | undefined },
): string {
  const { KUBERNETES_SERVICE_HOST: host = "", KUBERNETES_SERVICE_PORT: port = "" } = env;
  return JSON.stringify([type, servers, node.name, node.bootId, ...(type === "kubernetes" ? [host, port] : [])]);
}

function openEtcd(servers: EtcdServers | undefined, node: StoreNode): BlockEngine {
  if (servers !== undefined && servers.endpoints.length > 0) return openEtcdBlocks(servers, { node });
  throw new CniError(
    code.invalidConfig,
    "Cannot use ipam.store of type etcd: no endpoints are named, expected ipam.store.endpoints, or leaseStores.etcd " +
      "of the node's configuration",
  );
}

function openKubernetes(
  server: KubernetesServer | undefined, env: SharedOptions["env"], connections: KeptConnections | undefined,
): BlockEngine {
  const { kubeconfig = "" } = server ?? {};
  const engine = openKubeBlocks({ kubeconfig, env, connections: connections?.of(openConnections) });
  if (engine !== undefined) return engine;
  throw new CniError(
    code.invalidConfig,
    "Cannot use ipam.store of type kubernetes: no kubeconfig is named, expected ipam.store.kubeconfig, or kubeconfig " +
      "of the node's configuration",
  );
}

function namesServers(type: string): CniError {
  return new CniError(
    code.invalidConfig,
    "Cannot use ipam.store of a network that is not the node's own: it names servers or files, expected its type " +
      `alone; servers are named by leaseStores.${type} of the node's configuration`,
  );
}
