/** What a daemon gives at most; tests give less. */
export interface Limits {
  /** Calls worked on at once. */
  readonly running: number;
  /** Calls that wait for their turn; one more is told to try again later. */
  readonly waiting: number;
  /** Connections that have not sent a whole call yet; of more than these the oldest is dropped. */
  readonly unfinished: number;
  /** Of all calls held at once: those being read, waiting and worked on. */
  readonly heldBytes: number;
  /** From a connection to its whole call. */
  readonly readMs: number;
  /** One call at work; its caller is then told to try again later, while the work goes on to its end. */
  readonly workMs: number;
  /** The same until it is given up: work without an end must not keep its container's next call waiting for ever. */
  readonly lostMs: number;
  /** Between two signs of life to those who wait; a shim waits for three of them, see shim.c. */
  readonly aliveMs: number;
}

export const defaultLimits: Limits = {
  // What a call waits for is the kernel, files and programs: more at once than processors, and fewer than would fill
  // the memory with plugin executables.
  running: 32,
  waiting: 2000,
  unfinished: 1000,
  heldBytes: 64 * 1024 * 1024,
  readMs: 10_000,
  // Runtimes give up on a sandbox after two to four minutes, and one plugin executable may take four.
  workMs: 300_000,
  // Three such executables. Whatever is still at it then, the container's lock keeps apart from the next call.
  lostMs: 720_000,
  aliveMs: 1000,
};
