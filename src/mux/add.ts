import { problemOf, toCniError, withContext, withUndoProblems, undoSteps } from "../call/index.ts";
import type { Result, WireResult } from "../cni/index.ts";
import { CniError, code, toWireResult } from "../cni/index.ts";
import { giveWay } from "../os/index.ts";
import type { Handles } from "../plugins/index.ts";
import type { Multiplexer, Scratch, ScratchKey } from "../store/index.ts";
import { refuseLongResultName, removeResult, removeScratch, saveScratch } from "../store/index.ts";
import type { Begun } from "./attachment/begun.ts";
import { multiplexerOf, remember } from "./attachment/cached.ts";
import type { ChainStep } from "./attachment/chain.ts";
import { addContext, addNetwork, planSteps } from "./attachment/chain.ts";
import { knownAttachment } from "./attachment/known.ts";
import { withPods } from "./cluster.ts";
import type { MuxCommand } from "./command.ts";
import { withHandles } from "./command.ts";
import type { ArgPairs } from "./networks/args.ts";
import { requireArgs } from "./networks/args.ts";
import type { Delegate } from "./networks/delegate.ts";
import { toScratch } from "./networks/delegate.ts";
import { refuseNameClash, withFreeNames } from "./networks/naming.ts";
import type { NetworkAttachment } from "./networks/network-attachment.ts";
import { describe, logged, planAttachments, resultKey } from "./networks/network-attachment.ts";
import type { FindInCluster } from "./networks/resolve.ts";
import { resolveDelegates } from "./networks/resolve.ts";
import { UnusableNetwork } from "./networks/unusable-network.ts";
import { placeholder } from "./placeholder.ts";
import type { PodAttachment, Pods } from "./pods.ts";
import { waitUntilReady } from "./readiness.ts";

/**
 * Attaches the container to every network, one after the other, and answers with one result of them all, or the default
 * network's own.
 *
 * Every network is looked at before the first one is touched, and the scratch file is there before the first one is
 * made, so that a DEL after a kill knows what there may be. The first failure takes back everything, newest first.
 * Where there is a cluster, a pod's own wishes count, and what became of them is published before the runtime is told.
 */
export async function add(command: MuxCommand): Promise<WireResult> {
  const { conf, attachment } = command;
  return await withHandles(command, attachment.netns, async (handles) => {
    const args = requireArgs(attachment.args);
    await waitUntilReady(conf.readinessFile, handles.sleep);
    return await withPods(command, handles.log, { adding: true }, async (pods) => {
      try {
        return await addPod(command, pods, { handles, args, mayAssume: true });
      } catch (error) {
        if (pods?.isOutdated(error) !== true) throw error;
        handles.log.verbose(() => `${toCniError(error).message}; container ${attachment.containerId} is added anew`);
        return await addPod(command, pods, { handles, args, mayAssume: false });
      }
    });
  });
}

/** @param how.mayAssume  see `Pods.attach`; what was attached meanwhile is taken back before that is told */
async function addPod(
  command: MuxCommand,
  pods: Pods | undefined,
  { handles, args, mayAssume }: Pick<Adding, "handles" | "args"> & { readonly mayAssume: boolean },
): Promise<WireResult> {
  const { conf, attachment } = command;
  const pod = await pods?.attach(args, { mayAssume });
  if (pod === "gone") {
    handles.log.warn(
      `the pod of container ${attachment.containerId} is gone from the API: nothing is attached, and the runtime ` +
        "is told so by a placeholder",
    );
    return toWireResult(placeholder(attachment), conf.cniVersion);
  }
  return await attach(command, { handles, args, pod, find: pods?.find, isOutdated: pods?.isOutdated });
}

interface Adding {
  readonly handles: Handles;
  readonly args: ArgPairs;
  /** Undefined for a container that is no pod. */
  readonly pod: PodAttachment | undefined;
  readonly find: FindInCluster | undefined;
  readonly isOutdated: Pods["isOutdated"] | undefined;
}

async function attach(command: MuxCommand, adding: Adding): Promise<WireResult> {
  const { handles, args, pod, find, isOutdated } = adding;
  const { conf, attachment: runtime } = command;
  const begun: Begun[] = [];
  try {
    const delegates = pod === undefined ? await resolveDelegates(conf, find) : await pod.delegates();
    return await command.exclusively(runtime.containerId, async () => {
      const named = freelyNamed(delegates, command, handles);
      const attachments = planAttachments(named, runtime, conf, args, { adding: true });
      const planned = await planAll(attachments, handles);
      refuseTakenInterfaces(attachments, handles);
      const multiplexer = multiplexerOf(command);
      const noted = {
        multiplexer: { ...multiplexer, runtimeConfig: conf.runtimeConfig },
        delegates: attachments.map(({ delegate }) => toScratch(delegate)),
      };
      const earlier = saveScratch(conf.cniDir, runtime, noted);
      try {
        for (const one of planned) {
          await begin(one, begun, { handles, pod, conf, multiplexer });
          await giveWay();
        }
        const version = conf.answerVersion || (attachments[0]?.delegate.network.cniVersion ?? conf.cniVersion);
        const result = toWireResult(await answer(begun, command, handles), version);
        await pod?.attached(begun);
        return result;
      } catch (error) {
        throw await takeBack({ begun, earlier, error }, command);
      }
    });
  } catch (error) {
    if (isOutdated?.(error) === true) throw error;
    await pod?.confirm();
    const last = begun.at(-1);
    // Once every network is there, none of them is to blame.
    const isDone = last?.isCached === true;
    await pod?.failed(error, {
      begun: isDone ? undefined : last,
      isDefault: begun.length === 1,
      isPublished: isDone,
      isRunning: error instanceof TakenInterface,
    });
    throw error;
  }
}

/** One network from its plugins to the cache; how far it came stands in `begun`. */
export async function begin(
  { attachment, steps }: PlannedAttachment,
  begun: Begun[],
  {
    handles,
    pod,
    conf: { cniDir, strict },
    multiplexer,
  }: Beginning,
): Promise<void> {
  const one: Begun = { attachment, undo: undoSteps(), notices: [] };
  begun.push(one);
  const withoutEffect = (problem: string): void => {
    if (strict) throw new CniError(code.invalidConfig, problem);
    handles.log.warn(`${describe(attachment)}: ${problem}`);
    one.notices.push(problem);
  };
  pod?.prepare(attachment, one.undo);
  const { claim } = attachment.delegate, kept = (): void => { one.isKept = true; };
  one.answered = await addNetwork(attachment, steps,
    { handles, undo: one.undo, withoutEffect, ...(claim === undefined ? {} : { claim: { ...claim, kept } }) });
  one.result = pod === undefined ? one.answered : pod.complete(attachment, one.answered, handles);
  cacheResult(cniDir, attachment, one.result, multiplexer);
  one.isCached = true;
  const { result } = one, { displayName, network } = attachment.delegate;
  handles.log.verbose(() => `Add: ${logged(attachment, `${displayName}(${network.name})`)} ${JSON.stringify(result)}`);
}

interface Beginning extends Pick<Adding, "handles">, Pick<MuxCommand, "conf"> {
  readonly pod: Pick<PodAttachment, "prepare" | "complete"> | undefined;
  readonly multiplexer: Multiplexer;
}

/** A network's attachment and what its ADD will run. */
interface PlannedAttachment {
  readonly attachment: NetworkAttachment;
  readonly steps: readonly ChainStep[];
}

/**
 * The steps of every network, after all that can be known before anything is touched: names, that every plugin is
 * there, speaks its network's version and accepts its configuration.
 */
export async function planAll(
  attachments: readonly NetworkAttachment[],
  handles: Handles,
): Promise<readonly PlannedAttachment[]> {
  refuseNameClash(attachments.map(({ delegate }) => delegate), attachments.map(({ ifName }) => ifName));
  const planned: PlannedAttachment[] = [];
  for (const attachment of attachments) {
    try {
      refuseLongResultName(resultKey(attachment));
      planned.push({ attachment, steps: await planSteps(attachment, handles) });
    } catch (error) {
      throw new UnusableNetwork(attachment.delegate.displayName, "refused", error);
    }
  }
  return planned;
}

/**
 * Interfaces of the container that are not this attachment's own are no reason to refuse it: a runtime may have several
 * multiplexed networks for one container. Its own are, which `refuseTakenInterfaces` then tells.
 */
function freelyNamed(
  delegates: readonly Delegate[],
  { conf, attachment: runtime }: MuxCommand,
  handles: Handles,
): readonly Delegate[] {
  const isThere = (name: string): boolean => {
    try {
      return handles.container.links.find(name) !== undefined;
    } catch {
      return false; // what is wrong with the namespace is told where it is needed
    }
  };
  const first = delegates[0]?.requests.ifName ?? runtime.ifName;
  const named = withFreeNames(delegates, (name) => name === first || isThere(name));
  // What is written down alone was never attached, or has been taken off to be attached again.
  const isOwn = named !== delegates &&
    (isThere(first) || (knownAttachment(runtime, conf)?.networks.some(({ isCached }) => isCached) ?? false));
  return isOwn ? delegates : named;
}

/** A sign that the container is attached already. */
class TakenInterface extends CniError {}

/** A second ADD of a running container must not get as far as undoing the first one's work. */
function refuseTakenInterfaces(attachments: readonly NetworkAttachment[], handles: Handles): void {
  for (const attachment of attachments) {
    const { ifName, netns } = attachment;
    // Every namespace has its loopback from the start.
    if (ifName === "lo") continue;
    try {
      if (handles.container.links.find(ifName) === undefined) continue;
    } catch (error) {
      throw addContext(error, attachment, attachment.delegate.network.plugins[0]?.type ?? "");
    }
    throw new TakenInterface(
      code.invalidConfig,
      `Cannot add ${describe(attachment)}: the container's namespace ${netns} has an interface "${ifName}" already, ` +
        "expected a free name",
    );
  }
}

function cacheResult(cniDir: string, attachment: NetworkAttachment, result: Result, multiplexer: Multiplexer): void {
  try {
    remember(cniDir, attachment, result, multiplexer);
  } catch (error) {
    throw withContext(error, `Cannot add ${describe(attachment)}`);
  }
}

/** One result of all networks, or the default network's own, which is told as its plugins gave it: so does Multus. */
async function answer(begun: readonly Begun[], { conf }: MuxCommand, handles: Handles): Promise<Result> {
  const parts = begun.flatMap(({ attachment, result }) => (result === undefined ? [] : [{ attachment, result }]));
  if (!conf.mergeResults || parts.length < 2)
    return begun[0]?.answered ?? { interfaces: [], ips: [], routes: [], dns: {} };
  return await handles.modules.merge(
    parts.map(({ attachment, result }, index) => ({
      network: attachment.delegate.displayName,
      ifName: attachment.ifName,
      default: index === 0,
      routesClaimed: claimedRoutes(attachment),
      result,
    })),
  );
}

/** Its own default routes where it was asked to have some: they are in its result by then. */
function claimedRoutes({ delegate: { gateways } }: NetworkAttachment): readonly string[] | null {
  return gateways !== undefined && gateways.gateways.length > 0 ? [] : null;
}

/**
 * Undoes every network that was begun and returns the error to answer with: the first one, with what could not be
 * undone in its details. Whatever could not be undone stays written down, in the scratch file and the cache, for the
 * DEL that follows. So does what an ADD before this one wrote down: without a DEL in between, as after the host's
 * restart, its addresses are still reserved.
 */
async function takeBack(
  {
    begun,
    earlier,
    error,
  }: { readonly begun: readonly Begun[]; readonly earlier: Scratch | undefined; readonly error: unknown },
  { conf, attachment: runtime }: MuxCommand,
): Promise<CniError> {
  const problems: string[] = [];
  for (const { attachment, undo, isCached = false } of begun.toReversed()) {
    const failed = await undo.run();
    problems.push(...failed.map((step) => `${describe(attachment)}: ${problemOf(step)}`));
    if (failed.length === 0 && isCached && earlier === undefined)
      attempt(() => removeResult(conf.cniDir, resultKey(attachment)), problems);
  }
  if (problems.length === 0) attempt(() => restoreScratch(conf.cniDir, runtime, earlier), problems);
  return withUndoProblems(error, problems);
}

function restoreScratch(cniDir: string, key: ScratchKey, earlier: Scratch | undefined): void {
  if (earlier === undefined) removeScratch(cniDir, key);
  else saveScratch(cniDir, key, earlier);
}

function attempt(work: () => void, problems: string[]): void {
  try {
    work();
  } catch (error) {
    problems.push(toCniError(error).message);
  }
}
