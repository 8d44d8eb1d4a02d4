import { compareVersions } from "../cni/index.ts";
import { statusOfNetwork } from "./attachment/chain.ts";
import { nodeDelegates } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import { planAttachments } from "./networks/network-attachment.ts";
import { waitUntilReady } from "./readiness.ts";

/** Versions that know STATUS and GC. */
export const statusSince = "1.1.0";

/**
 * Asks every network whether an ADD could be served; the first that says no is the answer, code and words unchanged.
 */
export async function status(command: MuxCommand): Promise<void> {
  const { conf, attachment: runtime } = command;
  await withHandles(command, "", async (handles) => {
    await waitUntilReady(conf.readinessFile, handles.sleep);
    for (const attachment of planAttachments(await nodeDelegates(command, handles.log), runtime, conf, [])) {
      if (compareVersions(attachment.delegate.network.cniVersion, statusSince) >= 0)
        await statusOfNetwork(attachment, handles);
    }
  });
}
