import { joinErrors, toCniError } from "../call/index.ts";
import { requireContainerId, splitArgPairs } from "../cni/index.ts";
import type { Handles, Log } from "../plugins/index.ts";
import { listResults, loadScratch, removeScratch } from "../store/index.ts";
import { multiplexerOf, networkFromCache } from "./attachment/cached.ts";
import { detachNetworks, keepForLater } from "./attachment/detach.ts";
import { withPods } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import type { ArgPairs } from "./networks/args.ts";
import type { Delegate } from "./networks/delegate.ts";
import { delegateFromScratch } from "./networks/delegate.ts";
import type { Network } from "./networks/network.ts";
import { planNetworks } from "./networks/network.ts";
import { resolveDelegates } from "./networks/resolve.ts";
import type { Pods } from "./pods.ts";
import { isThere } from "./readiness.ts";

/** Where the networks of a container were found, in this order. */
type Source = "scratch" | "damaged scratch" | "cache" | "configuration";

/**
 * Takes the container off every network its ADD put it on: last one first, past errors, all of them told together.
 *
 * What to delete stands in the scratch file; without it in the result cache; without that, in the configuration and, if
 * a cluster still has the pod, in what it asks for. A network that could not be deleted stays in the cache, so that a
 * later DEL or GC finishes it. But the runtime is told once only, unless `retryDeleteOnError` is set: a container's end
 * must not wait for ever for a broken network, and unknown containers are no failure.
 */
export async function del(command: MuxCommand): Promise<void> {
  const { conf, attachment } = command;
  requireContainerId(attachment.containerId);
  await withHandles(command, attachment.netns, (handles) =>
    command.exclusively(attachment.containerId, async () => {
      warnIfNotReady(conf.readinessFile, handles);
      const { networks, source } = await findNetworks(command, handles);
      const failed = await detachNetworks(networks, handles, conf.cniDir);
      const errors = failed.map(({ error }) => error);
      if (source !== "configuration")
        keepForLater(
          conf.cniDir,
          failed.map(({ network }) => network),
          multiplexerOf(command),
        );
      const keepScratch =
        errors.length > 0 && conf.retryDeleteOnError && !errors.some(({ message }) => isMissingFile(message));
      if (!keepScratch) removeScratch(conf.cniDir, attachment);
      if (errors.length === 0) return;
      const told = source === "scratch" || source === "damaged scratch" || conf.retryDeleteOnError;
      if (told) throw joinErrors(errors);
      for (const { message } of errors) handles.log.warn(message);
    }),
  );
}

async function findNetworks(
  command: MuxCommand,
  handles: Handles,
): Promise<{ networks: readonly Network[]; source: Source }> {
  const { networks, damaged } = notedNetworks(command, handles);
  if (networks !== undefined) return { networks, source: "scratch" };
  const cached = cachedNetworks(command);
  if (cached.length > 0) return { networks: cached, source: damaged ? "damaged scratch" : "cache" };
  return await guessedNetworks(command, handles);
}

/** Those of the scratch file. */
function notedNetworks(
  { conf, attachment }: MuxCommand,
  handles: Handles,
): { readonly networks?: readonly Network[]; readonly damaged: boolean } {
  try {
    const scratch = loadScratch(conf.cniDir, attachment);
    if (scratch !== undefined) {
      const delegates = scratch.delegates.map((entry) => delegateFromScratch(entry, conf.cniVersion));
      const given =
        Object.keys(conf.runtimeConfig).length > 0
          ? conf.runtimeConfig
          : (scratch.multiplexer?.runtimeConfig ?? {});
      return {
        networks: planNetworks(
          delegates,
          attachment,
          { ...conf, runtimeConfig: given },
          splitArgPairs(attachment.args),
        ),
        damaged: false,
      };
    }
    return { damaged: false };
  } catch (error) {
    handles.log.warn(`${toCniError(error).message}; the result cache is used instead`);
    return { damaged: true };
  }
}

/** Nothing is written down: most often because all is deleted already, as runtimes say DEL more than once. */
async function guessedNetworks(
  command: MuxCommand,
  { log }: Handles,
): Promise<{ networks: readonly Network[]; source: Source }> {
  const { conf, attachment } = command;
  const args = splitArgPairs(attachment.args);
  try {
    const delegates = await withPods(
      command,
      log,
      { adding: false },
      async (pods) => (await remembered(pods, args, log)) ?? (await resolveDelegates(conf, pods?.find)),
    );
    return { networks: planNetworks(delegates, attachment, conf, args), source: "configuration" };
  } catch (error) {
    log.warn(
      `${toCniError(error).message}; nothing is known of container ${attachment.containerId} otherwise, so nothing ` +
        "is deleted",
    );
    return { networks: [], source: "configuration" };
  }
}

/**
 * What ADD would attach now, if a cluster can tell. An annotation that cannot be used any more does not keep the node's
 * networks.
 */
async function remembered(pods: Pods | undefined, args: ArgPairs, log: Log): Promise<readonly Delegate[] | undefined> {
  try {
    return await pods?.remembered(args);
  } catch (error) {
    log.warn(`${toCniError(error).message}; DEL goes on with the networks of the node's configuration`);
    return undefined;
  }
}

/** The container's networks out of the cache, the default one first; those of its other attachments stay. */
function cachedNetworks({ conf, attachment }: MuxCommand): readonly Network[] {
  const { containerId, ifName, netns, path } = attachment;
  const networks = listResults(conf.cniDir, containerId)
    .filter(
      ({ multiplexer }) =>
        multiplexer === undefined || (multiplexer.network === conf.name && multiplexer.ifName === ifName),
    )
    .flatMap((entry) => networkFromCache(entry, netns, conf, path) ?? []);
  return [
    ...networks.filter((network) => network.attachment.ifName === ifName),
    ...networks.filter((network) => network.attachment.ifName !== ifName),
  ];
}

/**
 * Multus drops the scratch file then: programs it runs have no better way to say that what they should delete is gone.
 */
function isMissingFile(message: string): boolean {
  return message.includes("no such file or directory");
}

function warnIfNotReady(file: string, handles: Handles): void {
  if (file !== "" && !isThere(file))
    handles.log.warn(`readinessindicatorfile ${file} is missing; DEL goes on without it`);
}
