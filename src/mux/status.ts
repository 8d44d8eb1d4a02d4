import { compareVersions } from "../cni/index.ts";
import { statusOfNetwork } from "./attachment/chain.ts";
import { nodeDelegates } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import { planNetworks } from "./networks/network.ts";
import { waitUntilReady } from "./readiness.ts";

/** Versions that know STATUS and GC. */
export const statusSince = "1.1.0";

/**
 * Asks every network whether an ADD could be served; the first that says no is the answer, code and words unchanged.
 */
export async function status(command: MuxCommand): Promise<void> {
  const { conf, attachment } = command;
  await withHandles(command, "", async (handles) => {
    await waitUntilReady(conf.readinessFile, handles.sleep);
    for (const network of planNetworks(await nodeDelegates(command, handles.log), attachment, conf, [])) {
      if (compareVersions(network.delegate.network.cniVersion, statusSince) >= 0)
        await statusOfNetwork(network, handles);
    }
  });
}
