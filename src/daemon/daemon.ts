import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { version } from "../program/index.ts";
import type { Answer, ServedCall } from "../service/index.ts";
import type { Desk } from "./connection.ts";
import { Connection } from "./connection.ts";
import { ownIdentity, whyElsewhere } from "./identity.ts";
import type { Limits } from "./limits.ts";
import type { Listening } from "./listen.ts";
import { listen } from "./listen.ts";
import type { ShimCall } from "./message.ts";
import { isAllowedPeer } from "./peer.ts";
import type { Queue } from "./queue.ts";

export interface DaemonOptions {
  /** Where shims look for it; a socket that systemd passes on comes before. */
  readonly path: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly limits: Limits;
  /** May be shared with others who take calls in; stopping waits for all of it. */
  readonly queue: Queue;
  /** Ends by itself once nobody has asked for so long; 0 for never. */
  readonly idleMs: number;
  /** Never rejects. */
  serve(call: ServedCall): Promise<Answer>;
  log(line: string): void;
}

/** For answers on their way to callers that read slowly. */
const farewellMs = 2000;

/** Listens at a socket and has what shims hand to it served, each container's calls in turn. */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #queue: Queue;
  readonly #desk: Desk;
  /** In the order they came. */
  readonly #connections = new Set<Connection>();
  readonly #stopped = Promise.withResolvers<void>();
  readonly #allClosed = Promise.withResolvers<void>();
  readonly #server: Server = createServer((socket) => this.#accept(socket));
  #heartbeat: NodeJS.Timeout | undefined;
  #listening: Listening | undefined;
  #heldBytes = 0;
  #stopping: Promise<void> | undefined;
  #idle: NodeJS.Timeout | undefined;

  constructor(options: DaemonOptions) {
    const { limits, queue, serve, log } = options;
    this.#options = options;
    this.#queue = queue;
    this.#desk = {
      limits, queue, serve, log,
      whyNot: this.#whyNot(),
      hold: (bytes) => {
        if (this.#heldBytes + bytes > limits.heldBytes) return false;
        this.#heldBytes += bytes;
        return true;
      },
      release: (bytes) => { this.#heldBytes -= bytes; },
      gone: (connection) => this.#gone(connection),
    };
  }

  /** @throws CniError when it cannot */
  async listen(): Promise<void> {
    this.#listening = await listen(this.#server, this.#options);
    const tellAlive = () => { for (const one of this.#connections) one.tellAlive(); };
    this.#heartbeat = setInterval(tellAlive, this.#options.limits.aliveMs);
    this.#watchIdle();
  }

  /** For people. */
  get where(): string { return this.#listening?.where ?? "nowhere"; }
  /** It accepts calls: it listens, is not stopping, and there is room for one more. */
  get isReady(): boolean {
    return this.#listening !== undefined && this.#stopping === undefined && !this.#queue.isFull;
  }
  get running(): number { return this.#queue.running; }
  get waiting(): number { return this.#queue.waiting; }
  get connections(): number { return this.#connections.size; }
  /** Resolves when it has stopped, asked to or not. */
  get stopped(): Promise<void> { return this.#stopped.promise; }

  /** Accepts nothing more, leaves what waits to the one-shot form, and resolves once all that has begun is done. */
  stop(): Promise<void> {
    return (this.#stopping ??= this.#stop());
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#idle);
    this.#listening?.close();
    this.#server.close();
    if (this.#connections.size === 0) this.#allClosed.resolve();
    for (const connection of this.#connections) connection.decline("the daemon is stopping");
    await this.#queue.whenIdle();
    clearInterval(this.#heartbeat);
    await Promise.race([this.#allClosed.promise, delay(farewellMs, undefined, { ref: false })]);
    this.#stopped.resolve();
  }

  #whyNot(): Desk["whyNot"] {
    const own = ownIdentity();
    return (call) =>
      this.#stopping === undefined ? whyOther(call) ?? whyElsewhere(call, own) : "the daemon is stopping";
  }

  #accept(socket: Socket): void {
    if (!isAllowedPeer(socket, this.#options.log)) {
      socket.destroy();
      return;
    }
    clearTimeout(this.#idle);
    this.#connections.add(new Connection(socket, this.#desk));
    this.#dropOldest();
  }

  /** Who connects and says nothing must not keep others out. */
  #dropOldest(): void {
    const { unfinished: most } = this.#options.limits;
    if (this.#connections.size <= most) return;
    const unfinished = [...this.#connections].filter(({ isUnfinished }) => isUnfinished);
    if (unfinished.length > most) unfinished[0]?.drop();
  }

  #gone(connection: Connection): void {
    this.#connections.delete(connection);
    if (this.#connections.size > 0) return;
    if (this.#stopping === undefined) this.#watchIdle();
    else this.#allClosed.resolve();
  }

  #watchIdle(): void {
    const { idleMs, log } = this.#options;
    clearTimeout(this.#idle);
    if (idleMs === 0) return;
    this.#idle = setTimeout(() => {
      log(`nobody has asked for ${idleMs} ms`);
      void this.stop();
    }, idleMs);
  }
}

/** Another version's shim may mean something else. */
function whyOther({ programVersion }: ShimCall): string | undefined {
  return programVersion === version ? undefined : `it is by version ${programVersion}, the daemon is ${version}`;
}
