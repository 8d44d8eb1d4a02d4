export interface HeldUpOptions {
  /** Told of a second in which nothing could be served for too long. */
  log(line: string): void;
  /** Gets the longest delay of each second. */
  measured(seconds: number): void;
  readonly daemon: { readonly running: number };
  readonly now?: () => number;
}

/** Between two looks: what holds the thread up for longer is seen for certain. */
const lookMs = 100, looksTold = 10;
/** A sign of life is late by then; a shim gives up after six times that. */
const tooLongMs = 500;

/**
 * Watches how long the one thread that serves all calls is held up, by one of them or by a machine that has no time for
 * it; what it returns ends that. Not by `monitorEventLoopDelay`: it is blind from each reset to its next look.
 */
export function watchHeldUp({ log, measured, daemon, now = nowMs }: HeldUpOptions): () => void {
  let beforeMs = now(), longestMs = 0, looks = 0;
  const timer = setInterval(() => {
    const ms = now();
    longestMs = Math.max(longestMs, ms - beforeMs - lookMs);
    beforeMs = ms;
    if (++looks % looksTold !== 0 && longestMs <= tooLongMs) return;
    measured(longestMs / 1000);
    if (longestMs > tooLongMs)
      log(`nothing could be served for ${Math.round(longestMs)} ms, ${daemon.running} calls are at work`);
    longestMs = looks = 0;
  }, lookMs);
  timer.unref();
  return () => clearInterval(timer);
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
