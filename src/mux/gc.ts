import { joinErrors, toCniError } from "../call/index.ts";
import { compareVersions, splitArgPairs } from "../cni/index.ts";
import type { ValidAttachment } from "../plugins/index.ts";
import type { CachedAttachment, Scratch } from "../store/index.ts";
import {
  listResults,
  listScratch,
  removeInterruptedCopies,
  removeInterruptedWrites,
  removeScratch,
} from "../store/index.ts";
import { networkFromCache } from "./attachment/cached.ts";
import { collectNetwork } from "./attachment/chain.ts";
import { detachNetworks } from "./attachment/detach.ts";
import { nodeDelegates } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import type { Delegate } from "./networks/delegate.ts";
import { delegateFromScratch } from "./networks/delegate.ts";
import { interfaceNames } from "./networks/naming.ts";
import type { Network } from "./networks/network.ts";
import { planNetworks } from "./networks/network.ts";
import { waitUntilReady } from "./readiness.ts";
import { statusSince } from "./status.ts";

/** Everything that is written down about one container's attachment to a multiplexed network. */
interface Sandbox {
  readonly containerId: string;
  /** The interface the runtime knows. */
  readonly ifName: string;
  readonly scratch: Scratch | undefined;
  readonly cached: readonly CachedAttachment[];
}

/**
 * Removes what is left of containers that are gone, then lets every network's plugins look for leftovers of their own.
 *
 * The runtime lists attachments of the multiplexed network: a container is valid when any of its attachments is listed,
 * and then so are all of its networks. Every other container of this multiplexed network gets a full DEL, all networks
 * of it. Without a list nothing is removed.
 */
export async function gc(command: MuxCommand): Promise<void> {
  const { conf, attachment, validAttachments } = command;
  const errors: unknown[] = [];
  const delegates = await withHandles(command, "", async (handles) => {
    await waitUntilReady(conf.readinessFile, handles.sleep);
    return await nodeDelegates(command, handles.log);
  });
  if (validAttachments !== undefined) {
    removeInterruptedWrites(conf.cniDir);
    removeInterruptedCopies();
    const valid = new Set(validAttachments.map(({ containerID }) => containerID));
    for (const sandbox of ownSandboxes(command, delegates)) {
      if (!valid.has(sandbox.containerId)) errors.push(...await detachSandbox(command, sandbox));
    }
  }
  await withHandles(command, "", async (handles) => {
    for (const network of planNetworks(delegates, attachment, conf, [])) {
      const { cniVersion, disableGC } = network.delegate.network;
      if (disableGC || compareVersions(cniVersion, statusSince) < 0) continue;
      const isDefault = network.delegate === delegates[0];
      errors.push(...await collectNetwork(network, validOf(command, network.delegate, isDefault), handles));
    }
  });
  if (errors.length > 0) throw joinErrors(errors);
}

/** Sandboxes whose files name this multiplexed network, or, written by Multus, whose default network is ours. */
function ownSandboxes({ conf }: MuxCommand, delegates: readonly Delegate[]): readonly Sandbox[] {
  const defaultName = delegates[0]?.network.name;
  const cached = Map.groupBy(listResults(conf.cniDir), ({ containerId }) => containerId);
  const noted = listScratch(conf.cniDir).map(({ containerId, scratch }): Sandbox & { own: boolean } => {
    const mark = scratch.multiplexer;
    const entries = (cached.get(containerId) ?? []).filter(
      ({ multiplexer }) => multiplexer === undefined || multiplexer.ifName === mark?.ifName,
    );
    return {
      containerId,
      scratch,
      cached: entries,
      ifName:
        mark?.ifName ??
        scratch.delegates[0]?.requests.ifName ??
        entries.find(({ networkName }) => networkName === defaultName)?.ifName ??
        "eth0",
      own: mark === undefined ? networkName(scratch) === defaultName : mark.network === conf.name,
    };
  });
  const covered = new Set(noted.flatMap((sandbox) => sandbox.cached));
  const loose = [...cached].map(([containerId, all]): Sandbox & { own: boolean } => {
    const entries = all.filter(
      (entry) => !covered.has(entry) && (entry.multiplexer === undefined || entry.multiplexer.network === conf.name),
    );
    const unmarkedAreOurs = entries.some(({ networkName: name }) => name === defaultName);
    const own = entries.filter(({ multiplexer }) => multiplexer !== undefined || unmarkedAreOurs);
    const ifName =
      own.find(({ networkName: name }) => name === defaultName)?.ifName ?? own[0]?.multiplexer?.ifName ?? "";
    return { containerId, ifName, scratch: undefined, cached: own, own: own.length > 0 };
  });
  return [...noted, ...loose].filter(({ own }) => own);
}

/** A full DEL of a container that is gone; returns what failed, which stays for the next time. */
async function detachSandbox(command: MuxCommand, sandbox: Sandbox): Promise<readonly unknown[]> {
  const { conf } = command;
  const { containerId, ifName } = sandbox;
  const netns = safeNetns(
    sandbox.scratch?.multiplexer?.netns || (sandbox.cached.find((entry) => entry.netns !== "")?.netns ?? ""),
  );
  return await withHandles(command, netns, (handles) =>
    command.exclusively(containerId, async () => {
      try {
        const failed = await detachNetworks(sandboxNetworks(command, sandbox, netns), handles, conf.cniDir);
        if (failed.length === 0) removeScratch(conf.cniDir, { containerId, ifName });
        else handles.log.warn(`container ${containerId} is kept for the next GC: ${failed.length} steps failed`);
        return failed.map(({ error }) => error);
      } catch (error) {
        return [toCniError(error)];
      }
    }),
  );
}

/**
 * Networks of the scratch file, and in front of them cached ones that it does not name; the last is deleted first.
 */
function sandboxNetworks(
  { conf, attachment }: MuxCommand,
  { containerId, ifName, scratch, cached }: Sandbox,
  netns: string,
): readonly Network[] {
  const args = splitArgPairs(scratch?.multiplexer?.args ?? "");
  // Networks of a scratch file that cannot be read any more are deleted by what the cache knows of them.
  const delegates = readable(() =>
    (scratch?.delegates ?? []).map((entry) => delegateFromScratch(entry, conf.cniVersion)),
  ).flat();
  // The runtime's capability arguments of this very command are for no container.
  const runtimeConfig = scratch?.multiplexer?.runtimeConfig ?? {};
  const planned = planNetworks(
    delegates,
    { containerId, netns, ifName, args: "", path: attachment.path },
    { ...conf, runtimeConfig },
    args,
  );
  const isPlanned = (entry: CachedAttachment): boolean =>
    planned.some(
      (network) => network.attachment.ifName === entry.ifName && network.delegate.network.name === entry.networkName,
    );
  const others = cached
    .filter((entry) => !isPlanned(entry))
    .flatMap((entry) => networkFromCache(entry, netns, conf, attachment.path) ?? []);
  const defaultFirst = others.toSorted(
    (a, b) => Number(b.attachment.ifName === ifName) - Number(a.attachment.ifName === ifName),
  );
  return [...defaultFirst, ...planned];
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
  const cached = listResults(conf.cniDir).filter((entry) => entry.networkName === network.name)
    .map(({ containerId, ifName }) => ({ containerID: containerId, ifname: ifName }));
  const noted = listScratch(conf.cniDir).flatMap(({ containerId, scratch }) => {
    const delegates = scratch.delegates.flatMap((entry) =>
      readable(() => delegateFromScratch(entry, conf.cniVersion)),
    );
    if (delegates.length !== scratch.delegates.length || scratch.multiplexer === undefined) return [];
    const names = interfaceNames(delegates, scratch.multiplexer.ifName);
    return delegates.flatMap((delegate, index) =>
      delegate.network.name === network.name ? [{ containerID: containerId, ifname: names[index] ?? "" }] : [],
    );
  });
  const all = [...(isDefault ? validAttachments : []), ...cached, ...noted];
  return [
    ...new Map(
      all.map((one) => [`${one.containerID} ${one.ifname}`, { containerID: one.containerID, ifname: one.ifname }]),
    ).values(),
  ];
}

function networkName(scratch: Scratch): string | undefined {
  const first = scratch.delegates[0];
  return first === undefined ? undefined : readable(() => delegateFromScratch(first, ""))[0]?.network.name;
}

function readable<T>(work: () => T): readonly T[] {
  try {
    return [work()];
  } catch {
    return [];
  }
}
