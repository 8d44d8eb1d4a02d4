import { CniError, messageOf } from "../../cni/index.ts";
import type { HttpAnswer, HttpStream } from "../../http/index.ts";
import { Connection, ConnectionError } from "../../http/index.ts";
import type { World } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Access } from "../client/access.ts";
import { problemIn, toAnswer } from "../client/answer.ts";
import { askedWaitMs } from "../client/api.ts";
import { peerOf } from "../client/connections.ts";
import { parseWatchEvent } from "./event.ts";
import { Lines } from "./lines.ts";
import type { Listed, Watched } from "./watched.ts";

export interface WatchTimes {
  /** A watch that says nothing for so long is broken; bookmarks come every minute. */
  readonly silenceMs: number;
  /** Until an answer begins. */
  readonly answerMs: number;
  /** Between two watches: a random time up to this, doubled after each failure, up to the other. */
  readonly backoffMs: number;
  readonly backoffMaxMs: number;
  /** The API ends a watch after this time, and up to as much again. */
  readonly lifeMs: number;
}

export const watchTimes: WatchTimes = {
  silenceMs: 150_000, answerMs: 10_000, backoffMs: 1_000, backoffMaxMs: 60_000, lifeMs: 300_000,
};

export interface WatchOptions {
  /** For people: `pods of node "worker-1"`. */
  readonly subject: string;
  readonly path: string;
  /** Which of the objects; absent: all. */
  readonly fieldSelector?: string;
  /** Asked anew for each watch: kubeconfigs change. */
  readonly access: () => Promise<Access>;
  readonly watched: Watched;
  readonly userAgent: string;
  readonly world: World;
  readonly times: WatchTimes;
  /** What people are told after the reason why it cannot be watched: `calls ask the API meanwhile`. */
  readonly meanwhile: string;
  log(line: string): void;
  /** Told after each object that came, changed or went, with its `namespace/name`; "" after all have been listed. */
  changed?(key: string): void;
  /**
   * All that there is, asked for wherever a watch cannot go on; absent: the watch tells of it, in no order, and which
   * of it is gone nobody knows. A watch that fails is not gone on with then, so that each try lists.
   */
  list?(): Promise<Listed>;
  /** What of an object is kept; absent: all. */
  kept?(object: JsonObject): JsonObject;
}

/** After so many failures in a row the API may have other versions than the one to go on from. */
const failuresMax = 3;

/** How one watch ended. */
interface End {
  /** Undefined: as watches end. */
  readonly problem?: string;
  /** At least until the next. */
  readonly waitMs?: number;
  /** The API did not know us. */
  readonly isRefused?: boolean;
  readonly hasHeard?: boolean;
}

/** One watch after the other until it is closed, each going on where the last one was. */
export class Watch {
  readonly #options: WatchOptions;
  #isClosed = false;
  #begun = 0;
  #told: string | undefined;
  #stop: () => void = () => undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    void this.#run();
  }

  /** How often it was begun anew. */
  get reconnects(): number { return Math.max(0, this.#begun - 1); }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  async #run(): Promise<void> {
    const { watched, world, times, list, meanwhile } = this.#options;
    for (let failures = 0, isRefused = false; !this.#isClosed;) {
      this.#begun++;
      const end = await this.#once(isRefused);
      watched.closed();
      if (this.#isClosed) return;
      isRefused = end.isRefused === true;
      failures = end.problem === undefined && end.hasHeard === true ? 0 : failures + 1;
      if (failures >= (list === undefined ? failuresMax : 1)) watched.forget();
      if (end.problem !== undefined) this.#tell(`cannot be watched: ${end.problem}; ${meanwhile}`);
      const backoffMs = Math.min(times.backoffMaxMs, times.backoffMs * 2 ** failures);
      await this.#pause(Math.max(end.waitMs ?? 0, world.random() * backoffMs));
    }
  }

  async #once(refused: boolean): Promise<End> {
    const { access, times, watched, list, changed } = this.#options;
    let connection: Connection | undefined;
    try {
      if (list !== undefined && !watched.isWhole) {
        watched.seed(await list());
        changed?.("");
      }
      if (this.#isClosed) return {};
      const reached = await access();
      const credentials = await reached.credentials({ refused, timeoutMs: times.answerMs });
      connection = new Connection(peerOf(reached, credentials.certificate));
      this.#stop = () => connection?.close();
      if (this.#isClosed) return {};
      const answer = await connection.open({
        method: "GET", path: this.#path(), timeoutMs: times.answerMs, headers: this.#headers(credentials.authorization),
      });
      return "chunks" in answer ? await this.#follow(answer) : this.#refusal(answer);
    } catch (error) {
      if (error instanceof ConnectionError && error.code === "EMSGSIZE") watched.forget();
      if (error instanceof ConnectionError || error instanceof CniError) return { problem: error.message };
      return { problem: `it broke off: ${messageOf(error)}` };
    } finally {
      connection?.close();
    }
  }

  async #follow(stream: HttpStream): Promise<End> {
    const { watched, times, world, changed, kept } = this.#options, lines = new Lines();
    let isSilent = false, hasHeard = false;
    const silence = setTimeout(() => {
      isSilent = true;
      stream.close();
    }, times.silenceMs);
    this.#stop = () => stream.close();
    watched.opened(world.monotonicMs());
    try {
      for await (const chunk of stream.chunks) {
        silence.refresh();
        watched.heard(world.monotonicMs());
        for (const line of lines.add(chunk)) {
          const event = parseWatchEvent(line, kept);
          watched.apply(event);
          if (event.kind === "expired") return { problem: "what has changed meanwhile is forgotten", hasHeard };
          if (event.kind === "failed") {
            // Whatever it was about is not known any more.
            watched.forget();
            return { problem: event.problem };
          }
          hasHeard = true;
          this.#tell("are watched");
          if (event.kind !== "bookmark") changed?.(event.key);
        }
      }
    } catch (error) {
      if (!isSilent) throw error;
      return { problem: `nothing has come for ${times.silenceMs} ms` };
    } finally {
      clearTimeout(silence);
    }
    return { hasHeard };
  }

  #refusal(answer: HttpAnswer): End {
    const { watched, world } = this.#options;
    if (answer.status === 410) watched.forget();
    return {
      problem: problemIn(toAnswer(answer)), isRefused: answer.status === 401,
      waitMs: askedWaitMs(answer.retryAfter, world),
    };
  }

  #path(): string {
    const { path, fieldSelector, times, watched, world } = this.#options;
    const lifeSeconds = Math.round(times.lifeMs * (1 + world.random()) / 1000);
    const query = new URLSearchParams({
      watch: "true", allowWatchBookmarks: "true", resourceVersion: watched.begin(),
      timeoutSeconds: String(Math.max(1, lifeSeconds)),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    });
    return `${path}?${query}`;
  }

  #headers(authorization: string | undefined): Record<string, string> {
    const { userAgent } = this.#options;
    return {
      accept: "application/json", "user-agent": userAgent, ...(authorization === undefined ? {} : { authorization }),
    };
  }

  /** Once, however often it is so. */
  #tell(what: string): void {
    if (this.#told === what) return;
    this.#told = what;
    this.#options.log(`${this.#options.subject} ${what}`);
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#stop = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
