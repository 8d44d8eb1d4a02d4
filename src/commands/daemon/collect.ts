/** `polynic daemon --collect`: what docs/cluster-ipam.md describes, now and then instead of by hand. */
import { CniError } from "../../cni/index.ts";
import type { CollectRequest } from "../../daemon/index.ts";
import { openNodes, toldOnce } from "../../kube/index.ts";
import { collectScope } from "../ipam/collecting.ts";
import { openReservations } from "../ipam/leases.ts";
import { usualNodeGraceMs } from "../ipam/others.ts";
import type { ClusterOptions } from "../machine/cluster.ts";
import { clusterOfMachine } from "../machine/cluster.ts";
import type { StateOptions } from "../machine/known.ts";
import { rememberedAttachments } from "../machine/known.ts";
import type { OptionTable } from "../options.ts";
import type { ProcessEnvironment } from "../output.ts";

export const collectOptions = {
  collect: {
    kind: "switch",
    help: "free addresses that nobody has any more where nodes share them, every ten minutes, as polynic ipam gc does",
  },
} as const satisfies OptionTable;

export interface CollectWords extends ClusterOptions, StateOptions {
  readonly "conf-dir": string | undefined;
  readonly "data-dir": string | undefined;
  readonly collect?: boolean | undefined;
}

const limitMs = 20_000;

/** What the daemon is to collect; undefined: nothing. */
export function collectRequest(
  options: CollectWords, environment: ProcessEnvironment, tell: (line: string) => void,
): CollectRequest | undefined {
  if (options.collect !== true) return undefined;
  // Whichever round has the trouble.
  const warn = toldOnce(tell);
  const rules = { environment, warn, isDry: false, force: false, gone: [], nodeGraceMs: usualNodeGraceMs,
    attachments: () => rememberedAttachments(options, environment) };
  return {
    sharers: async () => await countNodes(options, environment),
    async collect() {
      const lines: string[] = [];
      // Networks come and go; those in files are looked through when the daemon starts.
      for (const of of openReservations(options, { environment, warn }).scopes) {
        if (of.store.survey === undefined) continue;
        try {
          for (const { network, address, state, why } of await collectScope(of, rules))
            lines.push(`${address} of ${network} is ${state}: ${why}`);
        } catch (error) {
          if (!(error instanceof CniError)) throw error;
          warn(error.message);
        }
      }
      return lines;
    },
  };
}

/** Where no cluster tells of nodes each does its share. */
async function countNodes(options: CollectWords, env: ProcessEnvironment): Promise<number> {
  const nodes = openNodes({ kubeconfig: clusterOfMachine(options, env).kubeconfig, env });
  try {
    return (await nodes?.count(limitMs)) ?? 1;
  } finally {
    nodes?.close();
  }
}
