import { openWarm } from "../call/index.ts";
import { serve } from "../service/index.ts";
import { Daemon } from "./daemon.ts";
import { serveHealth } from "./health.ts";
import { defaultLimits } from "./limits.ts";

export interface RunOptions {
  readonly path: string;
  readonly idleMs: number;
  /** Where /healthz and /readyz are answered; absent: nowhere. */
  readonly health: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Takes a line for people, without its end. */
  log(line: string): void;
}

/**
 * A daemon from its start to its end, by SIGTERM, SIGINT or because nobody asks any more. A second signal does not wait
 * for what runs.
 *
 * @throws CniError when it cannot listen
 */
export async function runDaemon({ path, idleMs, health, env, log }: RunOptions): Promise<void> {
  const warm = openWarm();
  let told: { close(): void } | undefined;
  try {
    const daemon = new Daemon({
      path, env, idleMs, log, limits: defaultLimits, serve: (call) => serve(call, { warm }),
    });
    if (health !== undefined) told = await serveHealth(health, daemon);
    // Last, since whoever finds the socket takes everything else for there.
    await daemon.listen();
    log(`serving at ${daemon.where}`);
    let signals = 0;
    const stop = (signal: NodeJS.Signals): void => {
      if (++signals > 1) process.exit(1);
      log(`stopping by ${signal}, ${daemon.running} calls are under way`);
      void daemon.stop();
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
    await daemon.stopped;
    log("stopped");
  } finally {
    told?.close();
    warm.close();
  }
}
