import { openWarm } from "../call/index.ts";
import { messageOf } from "../cni/index.ts";
import type { CollectRequest } from "./cluster/collecting.ts";
import { keepCollecting } from "./cluster/collecting.ts";
import { Daemon } from "./daemon.ts";
import { serveHealth } from "./health.ts";
import type { LogFormat } from "./journal.ts";
import { openJournal } from "./journal.ts";
import { defaultLimits } from "./limits.ts";
import type { Listening } from "./listen.ts";
import { listen } from "./listen.ts";
import type { Metrics } from "./metrics.ts";
import { multusServer } from "./multus.ts";
import { observedServe } from "./observed.ts";
import { Queue } from "./queue.ts";
import type { ReachOptions, ReachRequest } from "./reach/index.ts";
import { keepReach } from "./reach/index.ts";
import type { ReconcileOptions } from "./reconcile.ts";
import { reconcile } from "./reconcile.ts";
import type { WatchParts, WatchSettings } from "./cluster/watch.ts";

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
  const { path, idleMs, health, multus, watch, reach, collect, env, remains, logFormat, write } = options;
  const { log, served } = openJournal(logFormat, write);
  const queue = new Queue(defaultLimits);
  const clusters = await watched(watch, { env, queue, log, warm: () => warm });
  const warm = openWarm({ clusters });
  let told: { close(): void } | undefined, multusListening: Listening | undefined, metrics: Metrics | undefined;
  const serveWarm = observedServe(warm, (facts) => {
    metrics?.served(facts);
    served(facts);
  });
  const stopping = new AbortController(), repaired = { attachments: 0, addresses: 0, setAside: 0, failures: 0 };
  try {
    const daemon = new Daemon({ path, env, idleMs, log, queue, limits: defaultLimits, serve: serveWarm });
    if (health !== undefined) {
      const { openMetrics } = await import("./metrics.ts");
      metrics = openMetrics({ daemon, repaired, watched: clusters?.facts });
      told = await serveHealth(health, {
        get isReady() { return daemon.isReady; },
        get running() { return daemon.running; },
        get waiting() { return daemon.waiting; },
        metrics: metrics.page,
      });
    }
    if (multus !== undefined) {
      const { readMs } = defaultLimits;
      // What systemd passes on is our own shims'.
      multusListening = await listen(multusServer({ queue, readMs, serve: serveWarm, log }), { path: multus, env: {} });
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
    told?.close();
    metrics?.close();
    multusListening?.close();
    clusters?.close();
    reach?.close();
    warm.close();
  }
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
