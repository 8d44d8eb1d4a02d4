import { withContext } from "../call/index.ts";
import { requireVersion, splitArgPairs } from "../cni/index.ts";
import type { Log } from "../plugins/index.ts";
import { loadScratch } from "../store/index.ts";
import { recall } from "./attachment/cached.ts";
import { checkNetwork } from "./attachment/chain.ts";
import { nodeDelegates } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import type { Delegate } from "./networks/delegate.ts";
import { delegateFromScratch } from "./networks/delegate.ts";
import { describe, planNetworks } from "./networks/network.ts";

/**
 * Confirms every network the container was put on, in order, against what its ADD answered; the first error ends it.
 */
export async function check(command: MuxCommand): Promise<void> {
  const { conf, attachment } = command;
  await withHandles(command, attachment.netns, (handles) => command.exclusively(attachment.containerId, async () => {
    const delegates = await attachedDelegates(command, handles.log);
    for (const planned of planNetworks(delegates, attachment, conf, splitArgPairs(attachment.args))) {
      const { cniVersion, disableCheck, plugins } = planned.delegate.network;
      if (disableCheck) continue;
      for (const { type } of plugins) {
        try {
          requireVersion("CHECK", cniVersion, handles.plugin(type).versions);
        } catch (error) {
          throw withContext(error, `Cannot confirm ${describe(planned)} with plugin "${type}"`);
        }
      }
      const { network, prevResult } = recall(conf.cniDir, planned);
      await checkNetwork(network, prevResult, handles);
    }
  }));
}

/** What the ADD attached; a container of which nothing was written down is held against the configuration. */
async function attachedDelegates(command: MuxCommand, log: Log): Promise<readonly Delegate[]> {
  const { conf, attachment } = command;
  const scratch = loadScratch(conf.cniDir, attachment);
  if (scratch === undefined) return await nodeDelegates(command, log);
  return scratch.delegates.map((entry) => delegateFromScratch(entry, conf.cniVersion));
}
