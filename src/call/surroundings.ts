import { openOwnNamespace } from "../kernel/index.ts";
import type { Namespace, NamespaceOptions } from "../kernel/index.ts";
import type { KeptClusters } from "../kube/index.ts";
import type { KeptModules } from "../wasm/index.ts";
import { keptModules } from "../wasm/index.ts";
import { withLockIfPossible } from "../os/index.ts";
import { KeptConnections } from "./kept-connections.ts";
import { KeptEngines } from "./kept-engines.ts";

/** What a call has of whoever made it. Nothing that serves a call looks at its own process for them. */
export interface Surroundings {
  /** The caller's whole environment: what programs that are run get, and where they are looked for. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes text for people, whole lines with their ends: the caller's stderr. Never throws. */
  tell(text: string): void;
}

/** What a process that serves many calls keeps between them; each call may go without. */
export interface Warm {
  /** The namespace this process runs in, with its sockets open. */
  readonly host: Namespace;
  /** Modules that are compiled already. */
  readonly modules: KeptModules;
  /** What is watched of clusters; absent: nothing is. */
  readonly clusters?: KeptClusters | undefined;
  /** Connections to the APIs of clusters. */
  readonly connections: KeptConnections;
  /** Engines of stores that nodes share. */
  readonly engines: KeptEngines;
  close(): void;
}

/** What is changed so runs two or three programs, of which each waits ten seconds at most for a lock of its own. */
const aloneOptions = { timeoutMs: 120_000, stuckMs: 10_000 };

/**
 * Does something that one call of ours at a time does on this node; `what` names it. Where the lock cannot be had
 * `told` is told why, and it is done all the same: what another program makes wrong meanwhile is refused.
 */
export async function aloneOnNode<T>(
  what: string, work: () => T | Promise<T>, told: (why: Error) => void,
): Promise<T> {
  return await withLockIfPossible(`/run/polynic-${what}.lock`, aloneOptions, told, work);
}

/**
 * The namespace of the node. One call of ours changes its nftables at a time: of hundreds that come and go at once each
 * would have the others read the rules anew, for longer than any has. Nobody is told where that cannot be: the kernel
 * refuses what is planned for rules that are no more.
 */
export function openNodeNamespace(options: Pick<NamespaceOptions, "aside"> = {}): Namespace {
  return openOwnNamespace({ ...options, alone: (work) => aloneOnNode("nftables", work, () => {}) });
}

/** For one process to open once, in the namespace it serves. */
export function openWarm({ clusters }: Pick<Warm, "clusters"> = {}): Warm {
  const host = openNodeNamespace({ aside: true });
  const engines = new KeptEngines(), connections = new KeptConnections(clusters?.connections);
  return {
    host, engines, clusters, connections, modules: keptModules(),
    close() {
      engines.close();
      connections.close();
      host.close();
    },
  };
}
