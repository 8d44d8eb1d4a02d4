import { joinErrors, toCniError } from "../call/index.ts";
import { knowsVerb } from "../cni/index.ts";
import type { ValidAttachment } from "../plugins/index.ts";
import { removeInterruptedCopies, removeInterruptedWrites, removeScratch } from "../store/index.ts";
import { collectNetwork } from "./attachment/chain.ts";
import { detachNetworks } from "./attachment/detach.ts";
import type { KnownAttachment } from "./attachment/known.ts";
import { knownAttachments } from "./attachment/known.ts";
import { nodeDelegates } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import type { Delegate } from "./networks/delegate.ts";
import { planAttachments, resultKey } from "./networks/network-attachment.ts";
import { waitUntilReady } from "./readiness.ts";

/**
 * Removes what is left of containers that are gone, then lets every network's plugins look for leftovers of their own.
 *
 * The runtime lists attachments of the multiplexed network: a container is valid when any of its attachments is listed,
 * and then so are all of its networks. Every other container of this multiplexed network gets a full DEL, all networks
 * of it. Without a list nothing is removed.
 */
export async function gc(command: MuxCommand): Promise<void> {
  const { conf, attachment: runtime, validAttachments } = command;
  const errors: unknown[] = [];
  const delegates = await withHandles(command, "", async (handles) => {
    await waitUntilReady(conf.readinessFile, handles.sleep);
    return await nodeDelegates(command, handles.log);
  });
  if (validAttachments !== undefined) {
    removeInterruptedWrites(conf.cniDir);
    removeInterruptedCopies();
    const valid = new Set(validAttachments.map(({ containerID }) => containerID));
    for (const known of knownAttachments(conf, runtime.path)) {
      if (isOwn(known, conf.name, delegates) && !valid.has(known.containerId))
        errors.push(...await detachKnown(command, known));
    }
  }
  await withHandles(command, "", async (handles) => {
    for (const attachment of planAttachments(delegates, runtime, conf, [])) {
      const { cniVersion, disableGC } = attachment.delegate.network;
      if (disableGC || !knowsVerb(cniVersion, "GC")) continue;
      const isDefault = attachment.delegate === delegates[0];
      errors.push(...await collectNetwork(attachment, validOf(command, attachment.delegate, isDefault), handles));
    }
  });
  if (errors.length > 0) throw joinErrors(errors);
}

/** Whether its files name this multiplexed network, or, written by Multus, its default network is ours. */
function isOwn(
  { multiplexer, networks, source }: KnownAttachment,
  name: string,
  [first]: readonly Delegate[],
): boolean {
  if (multiplexer !== undefined) return multiplexer.network === name;
  const candidates = source === "scratch" ? networks.slice(0, 1) : networks;
  return candidates.some(({ attachment }) => attachment.delegate.network.name === first?.network.name);
}

/** A full DEL of a container that is gone; returns what failed, which stays for the next time. */
async function detachKnown(command: MuxCommand, known: KnownAttachment): Promise<readonly unknown[]> {
  const { cniDir } = command.conf, { containerId } = known;
  const netns = safeNetns(known.networks[0]?.attachment.netns ?? "");
  const networks = known.networks.map((one) => ({ ...one, attachment: { ...one.attachment, netns } }));
  return await withHandles(command, netns, (handles) =>
    command.exclusively(containerId, async () => {
      try {
        const failed = await detachNetworks(networks, handles, cniDir);
        if (failed.length === 0) removeScratch(cniDir, known);
        else handles.log.warn(`container ${containerId} is kept for the next GC: ${failed.length} steps failed`);
        return failed.map(({ error }) => error);
      } catch (error) {
        return [toCniError(error)];
      }
    }),
  );
}

/** A process id is given out anew: by now the path may lead to another container, or to the host. */
function safeNetns(path: string): string {
  return path.startsWith("/proc/") ? "" : path;
}

/**
 * What of one network is in use: everything still written down, whichever multiplexed network it is part of, and for
 * the default network the runtime's own list.
 */
function validOf(
  { conf, validAttachments }: MuxCommand,
  { network }: Delegate,
  isDefault: boolean,
): readonly ValidAttachment[] | undefined {
  if (validAttachments === undefined) return undefined;
  const known = knownAttachments(conf)
    .flatMap(({ networks, unreadable }) => [
      ...networks.map(({ attachment }) => resultKey(attachment)),
      ...unreadable,
    ])
    .filter(({ networkName }) => networkName === network.name)
    .map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
  const all = [...(isDefault ? validAttachments : []), ...known];
  return [
    ...new Map(
      all.map(({ containerID, ifname }) => [`${containerID} ${ifname}`, { containerID, ifname }]),
    ).values(),
  ];
}
