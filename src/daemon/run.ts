import { openWarm } from "../call/index.ts";
import { messageOf } from "../cni/index.ts";
import type { ServedCall } from "../service/index.ts";
import { serve } from "../service/index.ts";
import { Daemon } from "./daemon.ts";
import { serveHealth } from "./health.ts";
import { defaultLimits } from "./limits.ts";
import type { Listening } from "./listen.ts";
import { listen } from "./listen.ts";
import { multusServer } from "./multus.ts";
import { Queue } from "./queue.ts";
import type { ReconcileOptions } from "./reconcile.ts";
import { reconcile } from "./reconcile.ts";

export interface RunOptions {
  readonly path: string;
  readonly idleMs: number;
  /** Where /healthz and /readyz are answered; absent: nowhere. */
  readonly health: string | undefined;
  /** Where Multus's shim is served as well; absent: nowhere. */
  readonly multus: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is looked through at its start; asked once it listens. */
  remains(): Pick<ReconcileOptions, "stateDirs" | "dataDirs" | "path" | "isKept">;
  /** Takes a line for people, without its end. */
  log(line: string): void;
}

/**
 * A daemon from its start to its end, by SIGTERM, SIGINT or because nobody asks any more. A second signal does not wait
 * for what runs.
 *
 * @throws CniError when it cannot listen
 */
export async function runDaemon({ path, idleMs, health, multus, env, remains, log }: RunOptions): Promise<void> {
  const warm = openWarm();
  const queue = new Queue(defaultLimits), serveWarm = (call: ServedCall) => serve(call, { warm });
  let told: { close(): void } | undefined, multusListening: Listening | undefined;
  try {
    const daemon = new Daemon({
      path, env, idleMs, log, queue, limits: defaultLimits, serve: serveWarm,
    });
    if (health !== undefined) told = await serveHealth(health, daemon);
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
      void daemon.stop();
    };
    // Last, since whoever finds the socket takes everything else for there.
    await daemon.listen();
    process.on("SIGTERM", stop).on("SIGINT", stop);
    log(`serving at ${daemon.where}`);
    const repaired = { attachments: 0, addresses: 0, setAside: 0, failures: 0 };
    const repairing = repair(() => reconcile({
      ...remains(), env, warm, queue, log, isStopping: () => signals > 0,
    }, repaired), log);
    await daemon.stopped;
    await repairing;
    log("stopped");
  } finally {
    told?.close();
    multusListening?.close();
    warm.close();
  }
}

/** Never rejects: a daemon that cannot repair serves all the same. */
async function repair(work: () => Promise<void>, log: (line: string) => void): Promise<void> {
  try {
    await work();
  } catch (error) {
    log(`cannot look for what is left of containers that are gone: ${messageOf(error)}`);
  }
}
