import { handlesWith } from "../call/index.ts";
import { CniError, code } from "../cni/index.ts";
import { statusOfNetwork } from "./attachment/chain.ts";
import { withPods } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import { planAttachments } from "./networks/network-attachment.ts";
import { resolveDelegates } from "./networks/resolve.ts";
import { refuseUnready } from "./readiness.ts";

/**
 * Whether an ADD could work; the first that says no is the answer, code and words unchanged, and at once.
 *
 * Of the node it asks what an ADD would read before it touches anything: the default network's indicator, the
 * kubeconfig, every network's configuration and plugins, the module that merges. What the end of a container mends is
 * no reason: a node that is told not ready loses its pods.
 */
export async function status(command: MuxCommand): Promise<void> {
  const { conf, attachment: runtime } = command;
  await withHandles(command, "", async (handles) => {
    refuseUnready(conf.readinessFile);
    const delegates = await withPods(command, handles.log, { adding: false }, async (pods) => {
      await pods?.requireUsable();
      return await resolveDelegates(conf, pods?.find);
    });
    const attachments = planAttachments(delegates, runtime, conf, []);
    const context = handlesWith(handles, { withoutEffect: (problem: string) => refuseIf(conf.strict, problem) });
    for (const attachment of attachments) await statusOfNetwork(attachment, context);
    if (conf.mergeResults && attachments.length > 1) await handles.modules.requireMerger();
  });
}

/** What would have no effect keeps an ADD from working where it is refused, and only there. */
function refuseIf(isStrict: boolean, problem: string): void {
  if (isStrict) throw new CniError(code.invalidConfig, problem);
}
