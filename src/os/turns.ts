/** Whose turn it is among what goes on in one process. */

/** Runs what it is given one after the other, in the order of asking, whether or not what came before failed. */
export function inOrder(): <T>(work: () => T | Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => undefined);
    return mine;
  };
}

/** As long as one piece of work may have the thread to itself: a sign of life to those who wait is due each second. */
const mostMs = 25;

/** When this turn of the event loop was first asked about; undefined in one that has not been. */
let beganMs: number | undefined;

/**
 * Lets everything else of this process have its turn, where the work at hand has had the thread for long. For between
 * two steps of work that may be much and waits for nothing of its own accord; never inside another namespace.
 */
export async function giveWay(now: () => number = nowMs): Promise<void> {
  const ms = now();
  if (beganMs === undefined) {
    beganMs = ms;
    setImmediate(() => { beganMs = undefined; });
  } else if (ms - beganMs >= mostMs) await new Promise<void>((resolve) => setImmediate(resolve));
}

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
