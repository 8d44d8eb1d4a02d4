import { isLocked, joinErrors, toCniError } from "../call/index.ts";
import { requireContainerId, splitArgPairs } from "../cni/index.ts";
import { errnoOf } from "../os/index.ts";
import type { Handles, Log } from "../plugins/index.ts";
import { removeScratch, saveScratch, tidyNowAndThen } from "../store/index.ts";
import { multiplexerOf } from "./attachment/cached.ts";
import type { FailedDetachment } from "./attachment/detach.ts";
import { detachNetworks, keepForLater } from "./attachment/detach.ts";
import type { KnownNetwork } from "./attachment/known.ts";
import { interfacesOfOthers, knownAttachment, knownOrPlanned } from "./attachment/known.ts";
import { withPods } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import type { ArgPairs } from "./networks/args.ts";
import type { Delegate } from "./networks/delegate.ts";
import { planAttachments } from "./networks/network-attachment.ts";
import { resolveDelegates } from "./networks/resolve.ts";
import type { Pods } from "./pods.ts";
import { isThere } from "./readiness.ts";

/**
 * Takes the container off every network its ADD put it on: last one first, past errors, all of them told together.
 *
 * What to delete is what is known of the container; where nothing is, what the configuration says and, if a cluster
 * still has the pod, what it asks for. A network that could not be deleted stays in the cache, so that a later DEL or
 * GC finishes it, and as long as it stays every DEL says so: the runtime would give its addresses and ports to others.
 * Unknown containers are no failure, whatever becomes of what may have been theirs.
 */
export async function del(command: MuxCommand): Promise<void> {
  const { conf, attachment } = command;
  requireContainerId(attachment.containerId);
  await withHandles(command, attachment.netns, (handles) =>
    command.exclusively(attachment.containerId, async () => {
      warnIfNotReady(conf.readinessFile, handles);
      const known = knownAttachment(attachment, conf);
      if (known?.damage !== undefined) handles.log.warn(`${known.damage.message}; the result cache is used instead`);
      const isKnown = known !== undefined && known.networks.length > 0;
      const networks = isKnown ? known.networks : await guessedNetworks(command, handles);
      const failed = await detachNetworks(networks, handles, conf.cniDir);
      const errors: unknown[] = failed.map(({ error }) => error);
      // Of a damaged scratch file there was an ADD, of the networks that are guessed now as far as anybody can tell.
      const unkept = known === undefined ? [] : keepForLater(conf.cniDir, failed, multiplexerOf(command));
      errors.push(...unkept);
      // What others have locked for too long can be deleted later: nobody is told that it is gone before it is.
      const isBusy = errors.some(isLocked);
      if (!isBusy && unkept.length === 0 && (!conf.retryDeleteOnError || !isWorthRetrying(failed)))
        attempt(() => forget(command), errors);
      tidyNowAndThen(conf.cniDir);
      if (errors.length === 0) return;
      if (isBusy || conf.retryDeleteOnError || known !== undefined) throw joinErrors(errors);
      for (const error of errors) handles.log.warn(toCniError(error).message);
    }),
  );
}

function forget({ conf: { cniDir }, attachment, keeps }: MuxCommand): void {
  if (keeps === undefined) removeScratch(cniDir, attachment);
  else saveScratch(cniDir, attachment, keeps);
}

/**
 * Nothing is written down: most often because all is deleted already, as runtimes say DEL more than once, or because
 * the ADD failed. Then what has the names that would be its networks' is another's.
 */
async function guessedNetworks(command: MuxCommand, { log }: Handles): Promise<readonly KnownNetwork[]> {
  const { conf, attachment } = command;
  const args = splitArgPairs(attachment.args);
  try {
    const delegates = await withPods(
      command,
      log,
      { adding: false },
      async (pods) => (await remembered(pods, args, log)) ?? (await resolveDelegates(conf, pods?.find)),
    );
    const taken = interfacesOfOthers(attachment, conf);
    return planAttachments(delegates, attachment, conf, args)
      .filter(({ ifName }) => !taken.has(ifName))
      .map((planned) => knownOrPlanned(planned, conf));
  } catch (error) {
    log.warn(
      `${toCniError(error).message}; nothing is known of container ${attachment.containerId} otherwise, so nothing ` +
        "is deleted",
    );
    return [];
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

/** What a plugin misses will be missing the next time too: so does Multus decide. */
function isWorthRetrying(failed: readonly FailedDetachment[]): boolean {
  return failed.length > 0 && !failed.some(({ error }) => saysMissing(error));
}

function saysMissing(error: unknown): boolean {
  return errnoOf(error) === "ENOENT" || (error instanceof Error && saysMissing(error.cause));
}

function attempt(work: () => void, errors: unknown[]): void {
  try {
    work();
  } catch (error) {
    errors.push(error);
  }
}

function warnIfNotReady(file: string, handles: Handles): void {
  if (file !== "" && !isThere(file))
    handles.log.warn(`readinessindicatorfile ${file} is missing; DEL goes on without it`);
}
