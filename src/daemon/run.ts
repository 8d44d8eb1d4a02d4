import { openWarm } from "../call/index.ts";
import { messageOf } from "../cni/index.ts";
import type { CollectRequest } from "./cluster/collecting.ts";
import { keepCollecting } from "./cluster/collecting.ts";
import type { WatchParts, WatchSettings } from "./cluster/watch.ts";
import { Daemon } from "./daemon.ts";
import { defaultLimits } from "./limits.ts";
import type { Listening } from "./listen.ts";
import { listen } from "./listen.ts";
import { serveHealth } from "./monitor/health.ts";
import { watchHeldUp } from "./monitor/held-up.ts";
import type { LogFormat } from "./monitor/journal.ts";
import { openJournal } from "./monitor/journal.ts";
import type { Metrics, MetricsSources } from "./monitor/metrics.ts";
import { observedServe } from "./monitor/observed.ts";
import { multusServer } from "./multus.ts";
import { Queue } from "./queue.ts";
import type { ReachOptions, ReachRequest } from "./reach/index.ts";
import { keepReach } from "./reach/index.ts";
import type { ReconcileOptions } from "./reconcile.ts";
import { reconcile } from "./reconcile.ts";

export interface RunOptions {
  readonly path: string;
  readonly idleMs: number;
  /** Where /healthz and /readyz are answered; absent: nowhere. */
  readonly health: string | undefined;
  /** Where Multus's shim is served as well; absent: nowhere. */
  readonly multus: string | undefined;
  /** What is watched of clusters; absent: calls ask their API. */
  readonly watch: WatchSettings | undefined;
  /** Routes to other nodes' pods that are kept while it runs; absent: none. */
  readonly reach: ReachRequest | undefined;
  /** Addresses that are freed now and then while it runs; absent: none. */
  readonly collect: CollectRequest | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is looked through at its start; asked once it listens. */
  remains(): Pick<ReconcileOptions, "stateDirs" | "dataDirs" | "path" | "isKept" | "settingsOf">;
  readonly logFormat: LogFormat;
  /** Takes a line, without its end. */
  write(line: string): void;
}

/**
 * A daemon from its start to its end, by SIGTERM, SIGINT or because nobody asks any more. A second signal does not wait
 * for what runs.
 *
 * @throws CniError when it cannot listen
 */
export async function runDaemon(options: RunOptions): Promise<void> {
  const { path, idleMs, multus, watch, reach, collect, env, remains, logFormat, write } = options;
  const { log, served } = openJournal(logFormat, write);
  const queue = new Queue(defaultLimits);
  const clusters = await watched(watch, { env, queue, log, warm: () => warm });
  const warm = openWarm({ clusters });
  const closing: (() => void)[] = [() => warm.close(), () => reach?.close(), () => clusters?.close()];
  let metrics: Metrics | undefined;
  const serve = observedServe(warm, (facts) => {
    metrics?.served(facts);
    served(facts);
  });
  const stopping = new AbortController(), repaired = { attachments: 0, addresses: 0, setAside: 0, failures: 0 };
  try {
    const daemon = new Daemon({ path, env, idleMs, log, queue, limits: defaultLimits, serve });
    metrics = await told(options.health, { daemon, repaired, watched: clusters?.facts }, closing);
    closing.push(watchHeldUp({ log, daemon, measured: (seconds) => metrics?.heldUp(seconds) }));
    let multusListening: Listening | undefined;
    if (multus !== undefined) {
      // What systemd passes on is our own shims'.
      const server = multusServer({ queue, limits: defaultLimits, serve, log, isReady: () => daemon.isReady });
      multusListening = await listen(server, { path: multus, env: {} });
      closing.push(multusListening.close);
      log(`serving Multus's shim at ${multusListening.where}`);
    }
    let signals = 0;
    const stop = (signal: NodeJS.Signals): void => {
      if (++signals > 1) process.exit(1);
      log(`stopping by ${signal}, ${daemon.running} calls are under way`);
      multusListening?.close();
      stopping.abort();
      void daemon.stop();
    };
    // Last, since whoever finds the socket takes everything else for there.
    await daemon.listen();
    process.on("SIGTERM", stop).on("SIGINT", stop);
    log(`serving at ${daemon.where}`);
    clusters?.start();
    const repairing = repair(() => reconcile({
      ...remains(), env, warm, queue, log, isStopping: () => signals > 0,
    }, repaired), log).then(() => log("looked for what is left of containers that are gone"));
    const reaching = keepRoutes(reach, { host: warm.host, log }, stopping.signal);
    const collecting = collect && keepCollecting({ ...collect, log, random: Math.random }, stopping.signal);
    await daemon.stopped;
    await Promise.all([repairing, reaching, collecting]);
    log("stopped");
  } finally {
    for (const close of closing.toReversed()) close();
  }
}

/** Answers for monitors at an address, where there is one. */
async function told(
  address: string | undefined, sources: MetricsSources & { readonly daemon: Daemon }, closing: (() => void)[],
): Promise<Metrics | undefined> {
  if (address === undefined) return undefined;
  const { daemon } = sources, { openMetrics } = await import("./monitor/metrics.ts");
  const metrics = openMetrics(sources);
  closing.push(metrics.close);
  const { close } = await serveHealth(address, {
    get isReady() { return daemon.isReady; },
    get running() { return daemon.running; },
    get waiting() { return daemon.waiting; },
    metrics: metrics.page,
  });
  closing.push(close);
  return metrics;
}

/** Never rejects. */
async function keepRoutes(
  reach: ReachRequest | undefined, { host, log }: Pick<ReachOptions, "host" | "log">, signal: AbortSignal,
): Promise<void> {
  if (reach !== undefined) await keepReach({ ...reach, host, log: (line) => log(`reach: ${line}`) }, signal);
}

/** Undefined where nothing is to be watched. */
async function watched(settings: WatchSettings | undefined, parts: WatchParts) {
  return settings === undefined ? undefined : (await import("./cluster/watch.ts")).openWatch(settings, parts);
}

/** Never rejects: a daemon that cannot repair serves all the same. */
async function repair(work: () => Promise<void>, log: (line: string) => void): Promise<void> {
  try {
    await work();
  } catch (error) {
    log(`cannot look for what is left of containers that are gone: ${messageOf(error)}`);
  }
}
