import type { Socket } from "node:net";
import { insideVariable } from "../exec/index.ts";
import type { Answer } from "../service/index.ts";
import type { Limits } from "./limits.ts";
import type { ShimCall } from "./message.ts";
import { aliveLine, answerBytes, begunLine, CallReader, declinedLine, MessageError } from "./message.ts";
import type { Place, Queue } from "./queue.ts";
import { inTime, notServed } from "./refusal.ts";

/** What connections share. */
export interface Desk {
  readonly limits: Limits;
  readonly queue: Queue;
  /** Why this call is not served here and now; undefined when it is. */
  whyNot(call: ShimCall): string | undefined;
  /** False when those bytes are more than may be held, and then they are not. */
  hold(bytes: number): boolean;
  release(bytes: number): void;
  /** Never rejects. */
  serve(call: ShimCall): Promise<Answer>;
  log(line: string): void;
  /** The connection is closed and nothing is under way for it any more. */
  gone(connection: Connection): void;
}

/** One shim's connection, from its first byte to the end of the work it asked for. */
export class Connection {
  readonly #socket: Socket;
  readonly #desk: Desk;
  readonly #reader = new CallReader();
  readonly #limit: NodeJS.Timeout;
  #state: "reading" | "waiting" | "begun" | "answered" = "reading";
  #heldBytes = 0;
  #isClosed = false;
  #isGone = false;
  #place: Place | undefined;

  constructor(socket: Socket, desk: Desk) {
    this.#socket = socket;
    this.#desk = desk;
    this.#limit = setTimeout(() => this.#end("no whole call came in time"), desk.limits.readMs);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    // What follows it is the close.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#close());
  }

  /** No whole call has come yet. */
  get isUnfinished(): boolean { return this.#state === "reading"; }

  /** Ends it; a shim whose call has not begun turns to the one-shot form. */
  drop(): void {
    this.#socket.destroy();
  }

  /** Tells a caller that waits that we are there. */
  tellAlive(): void {
    if (this.#state === "waiting" || this.#isBegun()) this.#socket.write(aliveLine);
  }

  /** Leaves a call that has not begun to the one-shot form; without effect on one that has. */
  decline(why: string): void {
    if (this.#isBegun() || this.#state === "answered") return;
    this.#place?.leave();
    this.#state = "answered";
    this.#socket.end(declinedLine(why));
  }

  #receive(chunk: Buffer): void {
    if (!this.isUnfinished) return this.#end("more came after a whole call");
    if (!this.#desk.hold(chunk.length)) return this.#refuse("the calls it holds are as large as they may be");
    this.#heldBytes += chunk.length;
    try {
      const call = this.#reader.add(chunk);
      if (call !== undefined) this.#take(call);
    } catch (error) {
      if (!(error instanceof MessageError)) throw error;
      this.#end(error.message);
    }
  }

  #take(call: ShimCall): void {
    clearTimeout(this.#limit);
    this.#state = "waiting";
    const { queue, whyNot } = this.#desk;
    const why = whyNot(call);
    if (why !== undefined) return this.decline(why);
    const work = () => this.#work(call);
    if (call.env[insideVariable] === undefined) {
      this.#place = queue.add(containerOf(call), work);
      if (this.#place === undefined) this.#refuse(`${queue.waiting} calls wait already`);
      return;
    }
    // A plugin that we run asks on behalf of a call that is at work: to wait for that one's end would be for ever.
    if (!queue.addAside(work)) this.decline("as many such calls are at work as may be");
  }

  async #work(call: ShimCall): Promise<void> {
    if (this.#isClosed || !(await this.#begin())) return this.#letGo();
    const work = this.#desk.serve(call);
    const answer = await inTime(work, this.#desk.limits.workMs);
    if (!this.#isClosed) this.#answer(answer);
    await work;
    if (this.#isClosed) this.#letGo();
  }

  /** The line that decides: once it is written the call is ours, and if it cannot be written it never is. */
  #begin(): Promise<boolean> {
    this.#state = "begun";
    return new Promise((resolve) => {
      this.#socket.write(begunLine, (error) => {
        if (error) this.#state = "answered";
        resolve(!error);
      });
    });
  }

  #answer(answer: Answer): void {
    this.#state = "answered";
    this.#socket.end(answerBytes(answer));
  }

  #refuse(why: string): void {
    clearTimeout(this.#limit);
    this.#socket.write(begunLine);
    this.#answer(notServed(why));
  }

  #end(why: string): void {
    this.#desk.log(`connection ended: ${why}`);
    this.#socket.destroy();
  }

  #close(): void {
    this.#isClosed = true;
    clearTimeout(this.#limit);
    this.#place?.leave();
    if (!this.#isBegun()) this.#letGo();
  }

  #isBegun(): boolean { return this.#state === "begun"; }

  #letGo(): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.#desk.release(this.#heldBytes);
    this.#desk.gone(this);
  }
}

/** Calls about no container wait for nobody but those of their kind. */
function containerOf({ env }: ShimCall): string {
  return env["CNI_CONTAINERID"] || `no container: ${env["CNI_COMMAND"] ?? ""}`;
}
