/** `polynic daemon --reach` and `--reach-off`: what docs/reach.md describes. */
import { usualStateDir } from "../../call/index.ts";
import type { ReachRequest } from "../../daemon/index.ts";
import { removeReach } from "../../daemon/index.ts";
import { openOwnNamespace } from "../../kernel/index.ts";
import { openNodes } from "../../kube/index.ts";
import { LockError, withLock } from "../../os/index.ts";
import { openKnownSubnets } from "../../store/index.ts";
import { CommandError, UsageError, requireRoot } from "../errors.ts";
import type { ClusterOptions } from "../machine/cluster.ts";
import { clusterOfMachine } from "../machine/cluster.ts";
import type { OptionTable } from "../options.ts";
import type { Output, ProcessEnvironment } from "../output.ts";

export const reachOptions = {
  reach: { kind: "switch", help: "keep routes to the pods of the cluster's other nodes" },
  "reach-tunnel": { kind: "switch", help: "the same, through the tunnel also to nodes on the same link" },
  "reach-off": { kind: "switch", help: "take those routes away, and end" },
} as const satisfies OptionTable;

export interface ReachWords extends ClusterOptions {
  readonly reach?: boolean | undefined;
  readonly "reach-tunnel"?: boolean | undefined;
  readonly "idle-exit"?: number | undefined;
}

const lockPath = "/run/polynic/reach.lock";

/** What the daemon is to keep; undefined: nothing of the kind. */
export function reachRequest(
  options: ReachWords,
  environment: ProcessEnvironment,
  log: (line: string) => void,
): ReachRequest | undefined {
  const isTunnelOnly = options["reach-tunnel"] === true;
  if (options.reach !== true && !isTunnelOnly) return undefined;
  if (options["idle-exit"] !== undefined)
    throw new UsageError("Cannot use --idle-exit with --reach: routes are kept for as long as the daemon runs");
  const { kubeconfig, node } = clusterOfMachine(options, environment);
  const nodes = openNodes({ kubeconfig, env: environment, log: (line) => log(`reach: ${line}`) });
  if (nodes === undefined) {
    throw new CommandError(
      "Cannot use --reach: no configuration of this machine names a kubeconfig, expected --kubeconfig, or one that " +
        "polynic install has written",
    );
  }
  const subnets = openKnownSubnets(usualStateDir);
  return {
    node, isTunnelOnly, lockPath,
    nodes: (signal) => nodes.follow(signal),
    known: (known) => subnets.save(known),
    close: () => nodes.close(),
  };
}

/** @throws CommandError while a daemon keeps the routes, which would put them back */
export async function reachOff({ say }: Pick<Output, "say">): Promise<void> {
  requireRoot("take routes away");
  try {
    await withLock(lockPath, { timeoutMs: 0, directoryMode: 0o700 }, async () => {
      const host = openOwnNamespace();
      try {
        say(await removeReach(host) ? "took away the routes to other nodes' pods, the tunnel and the masquerading"
          : "no routes to other nodes' pods are there");
      } finally {
        host.close();
      }
    });
  } catch (error) {
    if (!(error instanceof LockError)) throw error;
    throw new CommandError("Cannot take the routes away: a daemon keeps them, expected it to be stopped before",
      { cause: error });
  }
}
