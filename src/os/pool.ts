/**
 * Calls that may take long, on threads of Node's pool. It has four for everything (files, names, waiting for
 * descriptors), so that long calls get two of them, in the order of asking.
 */
const most = 2;
let running = 0;
const waiting: (() => void)[] = [];

/** Begins `work` as soon as fewer than two of its kind run; it must end by itself. */
export async function onPool<T>(work: () => Promise<T>): Promise<T> {
  if (running === most) await new Promise<void>((resolve) => waiting.push(resolve));
  else running++;
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    // The place is handed on as it is.
    if (next === undefined) running--;
    else next();
  }
}
