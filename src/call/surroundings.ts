import { openOwnNamespace } from "../kernel/index.ts";
import type { Namespace } from "../kernel/index.ts";
import type { KeptClusters } from "../kube/index.ts";
import type { KeptModules } from "../wasm/index.ts";
import { keptModules } from "../wasm/index.ts";
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

/** For one process to open once, in the namespace it serves. */
export function openWarm({ clusters }: Pick<Warm, "clusters"> = {}): Warm {
  const host = openOwnNamespace({ aside: true });
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
