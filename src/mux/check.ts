import { requireVersion, splitArgPairs } from "../cni/index.ts";
import { loadScratch } from "../store/index.ts";
import { recall } from "./cached.ts";
import { checkNetwork } from "./chain.ts";
import { withContext } from "./cni-error.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import type { Delegate } from "./delegate.ts";
import { delegateFromScratch } from "./delegate.ts";
import { describe, planNetworks } from "./network.ts";
import { resolveDelegates } from "./resolve.ts";

/** Confirms every network the container was put on, in order, against what its ADD answered; the first error ends it. */
export async function check(command: MuxCommand): Promise<void> {
  const { config, attachment } = command;
  await withHandles(command, attachment.netns, (handles) => command.exclusively(attachment.containerId, async () => {
    for (const planned of planNetworks(attachedDelegates(command), attachment, config, splitArgPairs(attachment.args))) {
      const { cniVersion, disableCheck, plugins } = planned.delegate.network;
      if (disableCheck) continue;
      for (const { type } of plugins) {
        try {
          requireVersion("CHECK", cniVersion, handles.plugin(type).versions);
        } catch (error) {
          throw withContext(error, `Cannot confirm ${describe(planned)} with plugin "${type}"`);
        }
      }
      const { network, prevResult } = recall(config.cniDir, planned);
      await checkNetwork(network, prevResult, handles);
    }
  }));
}

/** What the ADD attached; a container of which nothing was written down is held against the configuration. */
function attachedDelegates({ config, attachment }: MuxCommand): readonly Delegate[] {
  const scratch = loadScratch(config.cniDir, attachment);
  if (scratch === undefined) return resolveDelegates(config);
  return scratch.delegates.map((entry) => delegateFromScratch(entry, config.cniVersion));
}
