import { withContext } from "../call/index.ts";
import { knowsVerb, requireVersion, splitArgPairs } from "../cni/index.ts";
import type { Log } from "../plugins/index.ts";
import { checkNetwork } from "./attachment/chain.ts";
import type { KnownNetwork } from "./attachment/known.ts";
import { knownAttachment, knownOrPlanned, prevResultOf } from "./attachment/known.ts";
import { nodeDelegates } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import { describe, planAttachments } from "./networks/network-attachment.ts";

/**
 * Confirms every network the container was put on, in order, against what its ADD answered; the first error ends it.
 *
 * A network that the configuration does not hold itself may be of a version without CHECK: who asks, CRI-O for one,
 * goes by the configuration's own version, and the pod chose the network's. Nothing can be confirmed of it.
 */
export async function check(command: MuxCommand): Promise<void> {
  const { attachment: runtime, conf } = command;
  await withHandles(command, runtime.netns, (handles) =>
    command.exclusively(runtime.containerId, async () => {
      for (const [index, network] of (await attachedNetworks(command, handles.log)).entries()) {
        const { attachment, damage } = network;
        const { cniVersion, disableCheck, plugins } = attachment.delegate.network;
        if (disableCheck) continue;
        if (index >= conf.delegates.length && !knowsVerb(cniVersion, "CHECK")) {
          handles.log.verbose(() => `CHECK passes over ${describe(attachment)}: its cniVersion ${cniVersion} has none`);
          continue;
        }
        for (const { type } of plugins) {
          try {
            requireVersion("CHECK", cniVersion, handles.plugin(type).versions);
          } catch (error) {
            throw withContext(error, `Cannot confirm ${describe(attachment)} with plugin "${type}"`);
          }
        }
        if (damage !== undefined) throw damage;
        await checkNetwork(attachment, prevResultOf(network), handles);
      }
    }),
  );
}

/** What the ADD attached; a container of which nothing was written down is held against the configuration. */
async function attachedNetworks(command: MuxCommand, log: Log): Promise<readonly KnownNetwork[]> {
  const { conf, attachment } = command;
  const known = knownAttachment(attachment, conf);
  if (known?.damage !== undefined) throw known.damage;
  if (known?.source === "scratch") return known.networks.filter(({ source }) => source === "scratch");
  const planned = planAttachments(await nodeDelegates(command, log), attachment, conf, splitArgPairs(attachment.args));
  return planned.map((one) => knownOrPlanned(one, conf));
}
