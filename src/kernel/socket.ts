import {
  findMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  NLMSG_OVERRUN,
  Output,
  readAck,
  writeMessage,
} from "../netlink/index.ts";
import type { Ack, Body, FoundMessage, Reader } from "../netlink/index.ts";
import { errnoNumber } from "../os/index.ts";
import { lastOf, named, namedError, noAnswer, throwRefusal, valueOf } from "./answer.ts";
import { NetlinkError } from "./netlink-error.ts";
import { realTime } from "./time.ts";
import type { Time } from "./time.ts";
import { openTransport, sendQueueBytes } from "./transport.ts";
import type { Transport, TransportOptions } from "./transport.ts";

/** One request: what it is called in errors, and its message. NLM_F_REQUEST is added to the flags. */
export interface Request<H, A> {
  /** The act and its object: `add link "eth0"`. */
  readonly operation: string;
  readonly type: number;
  readonly flags?: number;
  readonly body: Body<H, A>;
  readonly header: Partial<H>;
  readonly attributes: A;
}

/** A request whose types only its own tables know; lists of requests of several kinds hold these. */
export type AnyRequest = Request<unknown, unknown>;

/**
 * A netlink socket: synchronous, one request at a time. The kernel works while `send` runs and its answer lies ready
 * afterwards, so an answer that is not there is an error and nothing here ever waits.
 */
export class NetlinkSocket {
  readonly #transport: Transport;
  readonly #time: Time;
  #sequence = 0;

  constructor(transport: Transport, time: Time = realTime) {
    this.#transport = transport;
    this.#time = time;
  }

  /** In the namespace the calling thread is in at this moment; it remembers that one. */
  static open(protocol: number, options: TransportOptions = {}): NetlinkSocket {
    return new NetlinkSocket(
      named(`open a netlink socket of protocol ${protocol}`, () => openTransport(protocol, options)));
  }

  close(): void {
    this.#transport.close();
  }

  /** Sends one request and returns when the kernel has done it. */
  execute<H, A>(request: Request<H, A>): void {
    this.#receiveAck(request, this.#send([request], NLM_F_ACK));
  }

  /** The same; the kernel works on a thread of the pool. Until it is done nothing else may use this socket. */
  async executeAside<H, A>(request: Request<H, A>): Promise<void> {
    this.#receiveAck(request, await this.#sendAside([request], NLM_F_ACK));
  }

  #receiveAck<H, A>({ operation }: Request<H, A>, sequence: number): void {
    this.#receiveUntil(operation, (message) => {
      if (message.sequence !== sequence || message.type !== NLMSG_ERROR) return undefined;
      throwRefusal(operation, readAck(received.view, message));
      return true;
    });
  }

  /** Sends one request that is answered by one message, and returns that. */
  get<H, A, T>(request: Request<H, A>, reply: Reader<T>): T {
    return valueOf(request, this.#ask(request, reply));
  }

  /**
   * The same, or undefined when the kernel says ENODEV: for what may well be missing, since an error costs more than
   * the question.
   */
  find<H, A, T>(request: Request<H, A>, reply: Reader<T>): T | undefined {
    const answer = this.#ask(request, reply);
    return "errno" in answer && answer.errno === errnoNumber.ENODEV ? undefined : valueOf(request, answer);
  }

  /** The same where the kernel may have nothing to tell: it then says that it has done what was asked, and no more. */
  getAny<H, A, T>(request: Request<H, A>, reply: Reader<T>): T | undefined {
    const { operation } = request;
    const sequence = this.#send([request], NLM_F_ACK);
    let value: T | undefined;
    this.#receiveUntil(operation, (message) => {
      if (message.sequence !== sequence) return undefined;
      if (message.type !== NLMSG_ERROR) {
        value = reply.read(received.view, message.start, message.end);
        return undefined;
      }
      throwRefusal(operation, readAck(received.view, message));
      return true;
    });
    return value;
  }

  /**
   * Everything the kernel lists. `pick` sees each decoded message and may drop it by returning undefined.
   * A dump that changes under our hands is started over, for ten seconds at most: where hundreds of containers come and
   * go at once, every second one does.
   */
  dump<H, A, T, R>(request: Request<H, A>, reply: Reader<T>, pick: (value: T) => R | undefined): R[] {
    const start = this.#time.now();
    for (let tries = 1; ; tries++) {
      const { values, interrupted } = this.#dumpOnce(request, reply, pick);
      if (!interrupted) return values;
      const ms = Math.round(this.#time.now() - start);
      if (ms >= maxDumpMs) {
        const text = `the list changed while it was read, ${tries} times within ${ms} ms`;
        throw new NetlinkError(request.operation, errnoNumber.EINTR, text);
      }
      this.#time.pause(Math.random() * Math.min(tries, maxPauseMs));
    }
  }

  /**
   * Sends several requests as one datagram, which nfnetlink needs for a transaction and rtnetlink works off in order.
   * Waits for an answer to each that has NLM_F_ACK set; the others answer only when they fail, which is noticed too.
   * Answers queue in the receive buffer (1 MiB, about 1000 of them), so a long batch had better set the flag on its
   * last.
   *
   * @returns per request the error the kernel gave, or undefined
   */
  executeAll(requests: readonly AnyRequest[]): readonly (NetlinkError | undefined)[] {
    return this.#receiveErrors(requests, this.#send(requests, 0));
  }

  /** The same; the kernel works on a thread of the pool. Until it is done nothing else may use this socket. */
  async executeAllAside(requests: readonly AnyRequest[]): Promise<readonly (NetlinkError | undefined)[]> {
    return this.#receiveErrors(requests, await this.#sendAside(requests, 0));
  }

  #receiveErrors(requests: readonly AnyRequest[], last: number): readonly (NetlinkError | undefined)[] {
    const first = last - requests.length + 1;
    const errors: (NetlinkError | undefined)[] = requests.map(() => undefined);
    const open = new Set<number>();
    for (const [index, { flags = 0 }] of requests.entries()) if ((flags & NLM_F_ACK) !== 0) open.add(index);

    const operation = lastOf(requests);
    this.#receiveAll(operation, (message) => {
      const index = (message.sequence - first) >>> 0;
      const request = requests[index];
      if (request === undefined || message.type !== NLMSG_ERROR) return;
      open.delete(index);
      const { errno, text, offset } = readAck(received.view, message);
      if (errno !== 0) errors[index] ??= new NetlinkError(request.operation, errno, text, offset);
    });
    // A transaction that fails early leaves the rest unanswered.
    if (open.size > 0 && errors.every((error) => error === undefined)) throw noAnswer(operation);
    return errors;
  }

  #ask<H, A, T>(request: Request<H, A>, reply: Reader<T>): { readonly value: T } | Ack {
    const sequence = this.#send([request], 0);
    return this.#receiveUntil(request.operation, (message) => {
      if (message.sequence !== sequence) return undefined;
      if (message.type === NLMSG_ERROR) return readAck(received.view, message);
      return { value: reply.read(received.view, message.start, message.end) };
    });
  }

  #dumpOnce<H, A, T, R>(request: Request<H, A>, reply: Reader<T>, pick: (value: T) => R | undefined) {
    const { operation } = request;
    const sequence = this.#send([request], NLM_F_DUMP);
    const values: R[] = [];
    let interrupted = false;
    let count = 0;

    this.#receiveWhole(operation, (message) => {
      if (message.sequence !== sequence) return undefined;
      if ((message.flags & NLM_F_DUMP_INTR) !== 0) interrupted = true;
      if (message.type === NLMSG_DONE || message.type === NLMSG_ERROR) {
        throwRefusal(operation, readAck(received.view, message));
        return true;
      }
      if (++count > maxDumpMessages)
        throw new NetlinkError(operation, errnoNumber.EMSGSIZE, `more than ${maxDumpMessages} entries`);
      const value = pick(reply.read(received.view, message.start, message.end));
      if (value !== undefined) values.push(value);
      return undefined;
    });
    return { values, interrupted };
  }

  /** Sends the requests as one datagram and returns the sequence number of the last. */
  #send(requests: readonly AnyRequest[], flags: number): number {
    this.#write(requests, flags);
    named(lastOf(requests), () => this.#transport.send(output.bytes, output.length));
    return this.#sequence;
  }

  /** From a copy: the buffer serves other sockets meanwhile. */
  async #sendAside(requests: readonly AnyRequest[], flags: number): Promise<number> {
    this.#write(requests, flags);
    const sequence = this.#sequence;
    try {
      await this.#transport.sendAside(output.bytes.slice(0, output.length));
    } catch (error) {
      throw namedError(lastOf(requests), error);
    }
    return sequence;
  }

  #write(requests: readonly AnyRequest[], flags: number): void {
    output.clear();
    for (const { type, flags: own = 0, body, header, attributes } of requests) {
      this.#sequence = (this.#sequence + 1) >>> 0;
      const head = { type, flags: NLM_F_REQUEST | flags | own, sequence: this.#sequence };
      writeMessage(output, head, body, { header, attributes });
    }
  }

  /** Hands over received messages until `take` returns a value. */
  #receiveUntil<R>(operation: string, take: (message: FoundMessage) => R | undefined): R {
    for (let datagrams = 0; datagrams < maxDatagrams; datagrams++) {
      const end = this.#receive(operation);
      if (end === undefined) break;
      for (let at = 0; at < end; ) {
        const message = findMessage(received.view, at, end);
        if (message.type === NLMSG_OVERRUN) throw new NetlinkError(operation, errnoNumber.ENOBUFS, "answers were lost");
        const result = message.type === NLMSG_NOOP ? undefined : take(message);
        if (result !== undefined) return result;
        at = message.next;
      }
    }
    throw noAnswer(operation);
  }

  /**
   * As above; an error on the way leaves nothing in the socket, where an unfinished dump would make the next one EBUSY.
   */
  #receiveWhole<R>(operation: string, take: (message: FoundMessage) => R | undefined): R {
    try {
      return this.#receiveUntil(operation, take);
    } catch (error) {
      this.#receiveAll(operation, () => undefined);
      throw error;
    }
  }

  /** Hands over received messages until there are no more. */
  #receiveAll(operation: string, take: (message: FoundMessage) => void): void {
    for (let datagrams = 0; datagrams < maxDatagrams; datagrams++) {
      const end = this.#receive(operation);
      if (end === undefined) return;
      for (let at = 0; at < end; ) {
        const message = findMessage(received.view, at, end);
        take(message);
        at = message.next;
      }
    }
  }

  #receive(operation: string): number | undefined {
    const length = named(operation, () => this.#transport.receive(received.bytes));
    if (length !== undefined && length > received.bytes.length) {
      throw new NetlinkError(
        operation,
        errnoNumber.EMSGSIZE,
        `an answer of ${length} bytes, expected at most ${received.bytes.length}`,
      );
    }
    return length;
  }
}

/** More than a node has of links, addresses, routes or rules; keeps a runaway list from filling the memory. */
const maxDumpMessages = 1_000_000;
const maxDumpMs = 10_000;
const maxPauseMs = 5;
/** A dump's datagram holds at least one message, so this never cuts a permitted one short. */
const maxDatagrams = maxDumpMessages;
/**
 * The kernel fills at most 32 KiB per dump datagram, and a link with hundreds of virtual functions takes less than
 * this.
 */
const receivedBytes = 128 * 1024;

// One pair of buffers serves all sockets: a request is written, sent, answered and decoded without anything in between.
const output = new Output(sendQueueBytes);
const received = makeBuffer(receivedBytes);

function makeBuffer(count: number): { readonly bytes: Uint8Array; readonly view: DataView } {
  const bytes = new Uint8Array(count);
  return { bytes, view: new DataView(bytes.buffer) };
}
