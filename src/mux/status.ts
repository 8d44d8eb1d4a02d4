import { handlesWith } from "../call/index.ts";
import { CniError, code } from "../cni/index.ts";
import { whyNotWritable } from "../store/index.ts";
import { statusOfNetwork } from "./attachment/chain.ts";
import { withPods } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import type { Delegate } from "./networks/delegate.ts";
import { interfaceNames, refuseNameClash } from "./networks/naming.ts";
import { planAttachments } from "./networks/network-attachment.ts";
import { resolveDelegates } from "./networks/resolve.ts";
import { refuseUnready } from "./readiness.ts";

/**
 * Whether an ADD could work; the first that says no is the answer, code and words unchanged, and at once.
 *
 * Of the node it asks what an ADD would read before it touches anything: the default network's indicator, where
 * containers are written down, the kubeconfig, every network's configuration and plugins, the module that merges. What
 * the end of a container mends is no reason: a node that is told not ready loses its pods.
 */
export async function status(command: MuxCommand): Promise<void> {
  const { conf, attachment: runtime } = command;
  await withHandles(command, "", async (handles) => {
    refuseUnready(conf.readinessFile);
    refuseUnwritable(conf.cniDir);
    const delegates = await withPods(command, handles.log, { adding: false }, async (pods) => {
      await pods?.requireUsable();
      return await resolveDelegates(conf, pods?.find);
    });
    refuseNames(delegates);
    const attachments = planAttachments(delegates, runtime, conf, []);
    const context = handlesWith(handles, { withoutEffect: (problem: string) => refuseIf(conf.strict, problem) });
    for (const attachment of attachments) await statusOfNetwork(attachment, context);
    if (conf.mergeResults && attachments.length > 1) await handles.modules.requireMerger();
  });
}

function refuseUnwritable(cniDir: string): void {
  const why = whyNotWritable(cniDir);
  if (why === undefined) return;
  throw new CniError(
    code.notReady,
    `Cannot write down what is attached in cniDir ${cniDir}: ${why}, expected a directory that can be written or made`,
  );
}

/** As ADD does; the first network has the runtime's name unless it has one of its own. */
function refuseNames(delegates: readonly Delegate[]): void {
  const start = delegates[0]?.requests.ifName === undefined ? 1 : 0;
  refuseNameClash(delegates.slice(start), interfaceNames(delegates, "").slice(start));
}

/** What would have no effect keeps an ADD from working where it is refused, and only there. */
function refuseIf(isStrict: boolean, problem: string): void {
  if (isStrict) throw new CniError(code.invalidConfig, problem);
}
