import { setTimeout as delay } from "node:timers/promises";
import { messageOf } from "../../cni/index.ts";
import type { NodeSubnets } from "../../ipam/index.ts";
import type { Namespace } from "../../kernel/index.ts";
import type { ClusterNode } from "../../kube/index.ts";
import type { Lock } from "../../os/index.ts";
import { LockError, takeLock } from "../../os/index.ts";
import type { ReachSettings } from "./reach.ts";
import { reachNodes } from "./reach.ts";

/** What is to be kept, and who tells of the nodes. */
export interface ReachRequest extends ReachSettings {
  /** All nodes of the cluster, anew whenever something of them has changed; ends by the signal. */
  nodes(signal: AbortSignal): AsyncIterable<readonly ClusterNode[]>;
  /** Told of this node's subnets whenever they are known. */
  known(subnets: NodeSubnets): void;
  /** Held while routes are kept: one process at a time does it. */
  readonly lockPath: string;
  /** Nodes are not asked for any more. */
  close(): void;
}

export interface ReachOptions extends Omit<ReachRequest, "close"> {
  readonly host: Namespace;
  log(line: string): void;
  readonly times?: ReachTimes;
}

export interface ReachTimes {
  /** Between two looks for what somebody else has changed of ours. */
  readonly repairMs: number;
  /** Before another try: something went wrong, no link has the node's address, or another process keeps the routes. */
  readonly retryMs: number;
}

const usualTimes: ReachTimes = { repairMs: 60_000, retryMs: 5_000 };

/**
 * Keeps routes to the other nodes' pods until the signal, and leaves them then: pods go on talking to each other. What
 * goes wrong is told and tried again, and never thrown.
 */
export async function keepReach(options: ReachOptions, signal: AbortSignal): Promise<void> {
  const { lockPath, log, times = usualTimes } = options;
  const told = once(log), lock = await ownLock(lockPath, { told, times, signal });
  if (lock === undefined) return;
  try {
    await follow(options, signal, told);
  } finally {
    lock.close();
  }
}

async function follow(options: ReachOptions, signal: AbortSignal, told: (line: string) => void): Promise<void> {
  const { times = usualTimes } = options;
  const changes = options.nodes(signal)[Symbol.asyncIterator]();
  let next = changes.next(), latest: readonly ClusterNode[] | undefined, waitMs = times.repairMs;
  while (!signal.aborted) {
    const over = new AbortController();
    const change = await Promise.race([next, pause(waitMs, AbortSignal.any([signal, over.signal]))]);
    over.abort();
    if (change !== undefined) {
      if (change.done === true) return;
      latest = change.value;
      next = changes.next();
    }
    if (latest !== undefined && !signal.aborted)
      waitMs = await putRight(options, latest, told) ? times.repairMs : times.retryMs;
  }
}

/** @returns whether nothing is left to do */
async function putRight(
  { host, node, isTunnelOnly, known }: ReachOptions,
  nodes: readonly ClusterNode[],
  told: (line: string) => void,
): Promise<boolean> {
  try {
    const { direct, tunneled, problems, isPassing } = await reachNodes(host, nodes, { node, isTunnelOnly });
    const reached = `reaching ${direct} subnets of other nodes directly and ${tunneled} through the tunnel`;
    told([reached, ...problems].join("; "));
    const own = nodes.find(({ name }) => name === node);
    if (own !== undefined) known({ node, subnets: own.subnets });
    return !isPassing;
  } catch (error) {
    told(`cannot keep the routes to other nodes' pods: ${messageOf(error)}`);
    return false;
  }
}

/** undefined: it was stopped before the lock was free. */
async function ownLock(
  path: string,
  { told, times, signal }: { told: (line: string) => void; readonly times: ReachTimes; readonly signal: AbortSignal },
): Promise<Lock | undefined> {
  while (!signal.aborted) {
    try {
      return await takeLock(path, { timeoutMs: 0, directoryMode: 0o700 });
    } catch (error) {
      told(error instanceof LockError ? "another daemon keeps the routes to other nodes' pods: waiting for its end"
        : `cannot keep the routes to other nodes' pods: ${messageOf(error)}`);
      await pause(times.retryMs, signal);
    }
  }
  return undefined;
}

async function pause(ms: number, signal: AbortSignal): Promise<undefined> {
  await delay(ms, undefined, { signal }).catch(() => {});
  return undefined;
}

/** Takes a line as often as it is another one than before. */
function once(log: (line: string) => void): (line: string) => void {
  let last: string | undefined;
  return (line) => {
    if (line !== last) log(line);
    last = line;
  };
}
