import { errnoNumber, inOrder, onPool } from "../os/index.ts";
import { lastOf } from "./answer.ts";
import { NetlinkError } from "./netlink-error.ts";
import type { AnyRequest, NetlinkSocket, Request } from "./socket.ts";

/**
 * Requests that the kernel takes its time for: before it answers it waits until no processor uses any more what they
 * take away (an RCU grace period, 13 to 23 ms for a link), or works off thousands of changes.
 */
export interface SlowRequests {
  /**
   * @param isSeen  whether everybody sees the work as done by now. Where the kernel only clears up after itself from
   *   then on, it is not waited for: it is asked now and then while the kernel works
   */
  execute<H, A>(request: Request<H, A>, isSeen?: () => boolean): Promise<void>;
  /** See NetlinkSocket.executeAll. */
  executeAll(requests: readonly AnyRequest[]): Promise<readonly (NetlinkError | undefined)[]>;
  close(): void;
}

/** On this thread, at once. Right for a process that has nothing else to do. */
export function slowRequestsHere(socket: () => NetlinkSocket): SlowRequests {
  return {
    execute: async (request) => socket().execute(request),
    executeAll: async (requests) => socket().executeAll(requests),
    close() {},
  };
}

/** A kernel that works on one request for so long has lost its way; the next ones go without it. */
const defaultLimitMs = 60_000;

/**
 * On a thread of Node's pool, one after the other, on a socket of their own: its namespace is the one it was opened in,
 * whatever the thread's is. Everything else of the process goes on meanwhile.
 */
export class SlowRequestsAside implements SlowRequests {
  readonly #open: () => NetlinkSocket;
  readonly #limitMs: number;
  readonly #inOrder = inOrder();
  #socket: NetlinkSocket | undefined;
  #waiting = 0;
  #closed = false;

  constructor(open: () => NetlinkSocket, limitMs = defaultLimitMs) {
    this.#open = open;
    this.#limitMs = limitMs;
  }

  async execute<H, A>(request: Request<H, A>, isSeen?: () => boolean): Promise<void> {
    const begun = Promise.withResolvers<void>();
    const answer = this.#inTurn(request.operation, (socket) => {
      begun.resolve();
      return socket.executeAside(request);
    });
    await (isSeen === undefined ? answer : firstOf(answer, begun.promise, isSeen));
  }

  executeAll(requests: readonly AnyRequest[]): Promise<readonly (NetlinkError | undefined)[]> {
    const operation = lastOf(requests);
    return this.#inTurn(operation, (socket) => socket.executeAllAside(requests));
  }

  /** What was asked for before is still done. */
  close(): void {
    this.#closed = true;
    if (this.#waiting === 0) this.#socket?.close();
  }

  async #inTurn<T>(operation: string, work: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
    if (this.#closed) throw new Error(`Cannot ${operation}: the network namespace was closed`);
    // Now, while the handle still knows the namespace.
    this.#socket ??= this.#open();
    this.#waiting++;
    try {
      return await this.#inOrder(() => this.#bounded(operation, work));
    } finally {
      this.#waiting--;
      if (this.#closed && this.#waiting === 0) this.#socket?.close();
    }
  }

  async #bounded<T>(operation: string, work: (socket: NetlinkSocket) => Promise<T>): Promise<T> {
    const socket = (this.#socket ??= this.#open());
    const answer = onPool(() => work(socket));
    const { promise: late, resolve } = Promise.withResolvers<typeof tooLate>();
    const timer = setTimeout(() => resolve(tooLate), this.#limitMs);
    const first = await Promise.race([answer, late]).finally(() => clearTimeout(timer));
    if (first !== tooLate) return first;
    // The answer may come yet, when another one is expected.
    this.#socket = undefined;
    void answer.then(() => undefined, () => undefined).then(() => socket.close());
    throw new NetlinkError(operation, errnoNumber.ETIMEDOUT, `no answer within ${this.#limitMs} ms`);
  }
}

const tooLate = Symbol("too late");

/** Between looks; the first ones find a link gone that nothing else keeps the kernel from deleting. */
const firstLooksMs = [1, 1, 2, 4], laterLooksMs = 8;

/**
 * Whichever comes first: the kernel's answer, or what it does shows already. An answer that comes later is nobody's.
 */
async function firstOf(answer: Promise<void>, begun: Promise<void>, isSeen: () => boolean): Promise<void> {
  let isAnswered = false;
  const ended = answer.finally(() => { isAnswered = true; });
  const seen = begun.then(async () => {
    for (let looks = 0; !isAnswered; looks++) {
      await new Promise<void>((resolve) => setTimeout(resolve, firstLooksMs[looks] ?? laterLooksMs));
      if (!isAnswered && isSeen()) return;
    }
    await ended;
  });
  await Promise.race([ended, seen]);
}
