import { CniError, code } from "../../cni/index.ts";
import type { Connection } from "../../http/index.ts";
import { ConnectionError } from "../../http/index.ts";
import type { World } from "../../os/index.ts";
import type { JsonObject } from "../../schema/index.ts";
import type { Access, Credentials } from "./access.ts";
import type { Answer, Errand } from "./answer.ts";
import { isPassing, problemIn, refusal, toAnswer } from "./answer.ts";
import { Budget } from "./budget.ts";
import { Connections } from "./connections.ts";

/**
 * The API answers within milliseconds; one that hangs is left for another try, or another server behind the same name.
 */
export const tryTimeoutMs = 5_000;
/** The deadline ends them earlier; this is for a world whose clock stands still. */
const triesMax = 30;
/** Between tries: a random time up to this, doubled each try, up to the other. */
const backoffMs = 100, backoffMaxMs = 4_000;

export interface ApiRequest extends Errand {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly body?: JsonObject;
  /** Less than what the command has left. */
  readonly limitMs?: number;
}

export interface ApiSettings {
  readonly access: () => Promise<Access>;
  readonly budget: Budget;
  /** Of the budget, kept for requests that have a limit of their own: there must be time to tell what went wrong. */
  readonly reserveMs: number;
  readonly tryTimeoutMs: number;
  readonly userAgent: string;
  readonly world: World;
  /** Those that others use as well; absent: its own, which it closes. */
  readonly connections?: Connections | undefined;
}

/** Requests to the cluster's API, each tried until there is an answer that means something, or time is up. */
export class Api {
  readonly #settings: ApiSettings;
  #access: Promise<Access> | undefined;
  readonly #own = new Connections();
  #closed = false;

  constructor(settings: ApiSettings) {
    this.#settings = settings;
  }

  /**
   * The API's answer, of whatever status: refusals and conflicts are answers.
   *
   * @throws CniError 11 when there was none in time, 7 for a broken kubeconfig, 120 for a server we cannot trust
   */
  async send(request: ApiRequest): Promise<Answer> {
    const { budget, reserveMs, world } = this.#settings;
    return budget.count(() => {
      const own = new Budget(
        request.limitMs === undefined ? budget.leftMs() - reserveMs : Math.min(request.limitMs, budget.leftMs()),
        world,
      );
      return own.count(() =>
        this.#sendUntilAnswered(request, own, request.limitMs === undefined ? budget.limitMs - reserveMs : own.limitMs),
      );
    });
  }

  /** @throws CniError 7 for a broken kubeconfig, or a file of credentials that is not there */
  async requireUsable(): Promise<void> {
    const { ownCredentials } = await this.#reach();
    ownCredentials();
  }

  /** Read once, and anew where that failed: a process that keeps this for long outlives what was wrong. */
  #reach(): Promise<Access> {
    return this.#access ??= this.#settings.access().catch((error: unknown) => {
      this.#access = undefined;
      throw error;
    });
  }

  /** A kubeconfig is written anew with another token, or another authority. */
  async #reachAnew(before: Access): Promise<Access> {
    if (await this.#reach() === before) this.#access = undefined;
    return await this.#reach();
  }

  close(): void {
    this.#closed = true;
    this.#own.close();
  }

  /** @param limitMs  for the message */
  async #sendUntilAnswered(request: ApiRequest, budget: Budget, limitMs: number): Promise<Answer> {
    const { world, tryTimeoutMs } = this.#settings;
    if (budget.leftMs() <= 0) throw tooLate(request, limitMs);
    let access = await this.#reach();
    let refused = false, renewed = false;
    for (let tries = 1; ; tries++) {
      const outcome = await this.#tryOnce(request, {
        access,
        refused,
        timeoutMs: Math.min(tryTimeoutMs, budget.leftMs()),
      });
      if ("problem" in outcome) {
        const waitMs = Math.max(outcome.waitMs, world.random() * Math.min(backoffMaxMs, backoffMs * 2 ** (tries - 1)));
        if (tries === triesMax || waitMs >= budget.leftMs() || this.#closed)
          throw unanswered(request, { access, outcome, tries, limitMs });
        await world.sleep(waitMs);
      } else if (outcome.answer.status !== 401) {
        return outcome.answer;
      } else if (renewed) {
        throw refusal(outcome.answer, request);
      } else {
        // A service account's token is replaced while it is in use: the file has the new one.
        renewed = true;
        access = await this.#reachAnew(access);
      }
      refused = "answer" in outcome;
    }
  }

  async #tryOnce(request: ApiRequest, { access, refused, timeoutMs }: Try): Promise<Outcome> {
    const credentials = await access.credentials({ refused, timeoutMs });
    try {
      const answer = await this.#connectionAs(credentials, access).send({
        method: request.method,
        path: request.path,
        headers: this.#headersFor(request, credentials),
        ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
        timeoutMs,
      });
      const said = toAnswer(answer);
      if (!isPassing(answer.status)) return { answer: said };
      return {
        problem: problemIn(said),
        waitMs: askedWaitMs(answer.retryAfter, this.#settings.world),
      };
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error;
      if (error.code === "EMSGSIZE")
        throw new CniError(
          code.cluster,
          `Cannot ${request.act}: ${error.message}, expected an object of the cluster's API`, { cause: error },
        );
      if (error.isDistrust) {
        this.#access = undefined;
        throw distrusted(request, { access, error });
      }
      return { problem: error.message, waitMs: 0 };
    }
  }

  #connectionAs({ certificate }: Credentials, access: Access): Connection {
    if (this.#closed) throw new ConnectionError("ECANCELED", "the client was closed");
    return (this.#settings.connections ?? this.#own).as(access, certificate);
  }

  #headersFor({ body }: ApiRequest, { authorization }: Credentials): Record<string, string> {
    return {
      accept: "application/json",
      "user-agent": this.#settings.userAgent,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(authorization === undefined ? {} : { authorization }),
    };
  }
}

/** Retry-After is in seconds, or a date; 0 where there is none. */
export function askedWaitMs(retryAfter: string | undefined, world: World): number {
  if (retryAfter === undefined) return 0;
  const ms = /^\d+$/.test(retryAfter) ? Number(retryAfter) * 1000 : Date.parse(retryAfter) - world.wallMs();
  return Number.isFinite(ms) ? Math.max(0, ms) : 0;
}

interface Try {
  readonly access: Access;
  readonly refused: boolean;
  readonly timeoutMs: number;
}

/** An answer, or why there is none that counts. */
type Outcome = { readonly answer: Answer } | Unanswered;

interface Unanswered {
  readonly problem: string;
  /** What the server asked for; 0 when it did not. */
  readonly waitMs: number;
}

/** Earlier requests have taken all the time there was. */
function tooLate({ act }: ApiRequest, limitMs: number): CniError {
  return new CniError(
    code.tryAgainLater,
    `Cannot ${act}: no time is left for another request, expected the cluster's API to answer those before it sooner` +
      (limitMs > 0 ? ` than in ${limitMs} ms` : ""),
  );
}

function unanswered(
  { act }: ApiRequest,
  {
    access,
    outcome,
    tries,
    limitMs,
  }: { readonly access: Access; readonly outcome: Unanswered; readonly tries: number; readonly limitMs: number },
): CniError {
  const count = tries === 1 ? "1 try" : `${tries} tries`;
  return new CniError(
    code.tryAgainLater,
    `Cannot ${act}: ${outcome.problem} (${count}), expected an answer of the cluster's API at ${access.server} ` +
      `within ${limitMs} ms`,
  );
}

function distrusted(
  { act }: ApiRequest,
  { access, error }: { readonly access: Access; readonly error: ConnectionError },
): CniError {
  const reason = `there is no trusted connection to ${access.server}: ${error.message} (${error.code})`;
  return new CniError(
    code.cluster,
    `Cannot ${act}: ${reason}, expected a certificate that the authority of ${access.source} signed for that host`,
    { cause: error },
  );
}
