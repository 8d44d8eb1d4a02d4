import type { Connections } from "../kube/index.ts";

/**
 * Connections to APIs of clusters, which a process that serves many calls keeps between them, for everybody: pods,
 * networks, the node's subnets, leases. What opens them is loaded late, by whoever needs the first one.
 */
export class KeptConnections {
  #kept: Connections | undefined;

  /** @param known  those that are open already */
  constructor(known?: Connections) {
    this.#kept = known;
  }

  of(open: () => Connections): Connections {
    return this.#kept ??= open();
  }

  close(): void {
    this.#kept?.close();
  }
}
