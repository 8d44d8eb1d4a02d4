/** The time that repeating a dump takes. */
export interface Time {
  now(): number;
  /** Stops this thread. */
  pause(ms: number): void;
}

export const realTime: Time = {
  now: () => performance.now(),
  pause: (ms) => void Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms),
};
