import { CniError, code } from "../cni/index.ts";
import type { Peer } from "../http/index.ts";
import { Connection, ConnectionError } from "../http/index.ts";
import { noRoom } from "../ipam/index.ts";
import type { World } from "../os/index.ts";
import type { JsonObject } from "../schema/index.ts";
import { isJsonObject } from "../schema/index.ts";

/** What etcd is trusted by, and shown. */
export type Tls = Pick<Peer, "trust" | "certificate">;

export interface ClientOptions {
  readonly endpoints: readonly string[];
  /** Absent: a server's certificate is held against this machine's authorities, and none is shown. */
  readonly tls?: Tls;
  readonly world: World;
  /** For one request with all its tries: an election takes one to three seconds. */
  readonly deadlineMs?: number;
  /** For one try: a member that is stopped or cut off does not answer, and another one would. */
  readonly tryTimeoutMs?: number;
}

/** A page of entries is some MiB; more than this is no answer to what we ask. */
const bodyBytesMax = 64 * 1024 * 1024;
/** To one member, at once. */
const socketsMax = 4;
/** Where nobody so much as listens, it is told sooner. */
const refusedMs = 1_500;
/** After each round of all members: a random time up to this, doubled each round, up to the other. */
const backoffMs = 50, backoffMaxMs = 800;

/**
 * etcd's JSON gateway, which every member serves beside gRPC: bytes are base64, 64-bit numbers strings.
 *
 * @see etcd, Documentation/dev-guide/api_grpc_gateway.md
 */
export class EtcdClient {
  readonly #members: readonly Member[];
  readonly #options: Required<Omit<ClientOptions, "endpoints" | "tls">>;
  /** The member that answered last. */
  #at = 0;

  constructor({ endpoints, tls = {}, ...options }: ClientOptions) {
    this.#options = { deadlineMs: 6_000, tryTimeoutMs: 1_500, ...options };
    this.#members = endpoints.map((endpoint) =>
      ({ endpoint, connection: new Connection({ url: endpoint, ...tls, sockets: socketsMax, bodyBytesMax }) }));
  }

  close(): void {
    for (const { connection } of this.#members) connection.close();
  }

  /**
   * The answer of the first member that has one. What was asked may have been done more than once.
   *
   * @param act  follows "Cannot" in messages
   * @throws CniError 11 when there was none in time, or no room in the database; 5 when all refuse
   */
  async post(path: string, request: JsonObject, act: string): Promise<JsonObject> {
    const { world, deadlineMs, tryTimeoutMs } = this.#options, body = JSON.stringify(request);
    const endMs = world.monotonicMs() + deadlineMs, refusedEndMs = world.monotonicMs() + refusedMs;
    const problems = new Map<string, Problem>();
    for (let tries = 1; ; tries++) {
      const member = this.#members[this.#at % this.#members.length];
      if (member === undefined) throw new RangeError("there is an endpoint of etcd: callers look");
      const timeoutMs = Math.max(1, Math.min(tryTimeoutMs, endMs - world.monotonicMs()));
      const outcome = await tryOnce(member, path, body, timeoutMs);
      if ("answer" in outcome) return outcome.answer;
      if (outcome.isForAll) throw refused(act, member.endpoint, outcome);
      problems.set(member.endpoint, outcome);
      this.#at = (this.#at + 1) % this.#members.length;
      if (tries % this.#members.length !== 0) continue;
      const all = [...problems.values()];
      if (all.every(({ isFinal }) => isFinal)) throw refused(act, member.endpoint, outcome);
      const waitMs = world.random() * Math.min(backoffMaxMs, backoffMs * 2 ** (tries / this.#members.length));
      const untilMs = all.every(({ isRefused }) => isRefused) ? refusedEndMs : endMs;
      if (world.monotonicMs() + waitMs >= untilMs) throw unanswered(act, problems, tries);
      await world.sleep(waitMs);
    }
  }
}

interface Member {
  readonly endpoint: string;
  readonly connection: Connection;
}

interface Problem {
  readonly text: string;
  /** Nobody listens there. */
  readonly isRefused?: boolean;
  /** It will be no different next time. */
  readonly isFinal?: boolean;
  /** Nor will another member say anything else. */
  readonly isForAll?: boolean;
  readonly isNoRoom?: boolean;
}

async function tryOnce({ connection }: Member, path: string, body: string, timeoutMs: number) {
  try {
    const { status, body: text } = await connection.send({ method: "POST", path, headers, body, timeoutMs });
    const object = objectIn(text);
    if (status === 200 && object !== undefined) return { answer: object };
    return problemIn(status, object, text);
  } catch (error) {
    if (!(error instanceof ConnectionError)) throw error;
    return { text: error.message, isRefused: error.code === "ECONNREFUSED", isFinal: error.isDistrust };
  }
}

const headers = { "content-type": "application/json" };

/** Numbers of gRPC: google.golang.org/grpc/codes. */
const grpc = { invalidArgument: 3, deadlineExceeded: 4, permissionDenied: 7, resourceExhausted: 8, unknown: 2,
  failedPrecondition: 9, unavailable: 14, unauthenticated: 16 } as const;

function problemIn(status: number, object: JsonObject | undefined, body: string): Problem {
  const number = object?.["code"], message = object?.["message"] ?? object?.["error"];
  if (typeof number !== "number" || typeof message !== "string")
    return { text: `it said ${status} ${JSON.stringify(body.slice(0, 80))}`, isFinal: status >= 400 && status < 500 };
  const text = `it said ${JSON.stringify(message)}`;
  switch (number) {
    case grpc.resourceExhausted:
      // Too many requests at once pass, a full database does not (NOSPACE, until it is compacted and disarmed).
      return message.includes("space exceeded") ? { text, isForAll: true, isNoRoom: true } : { text };
    case grpc.invalidArgument: case grpc.permissionDenied: case grpc.failedPrecondition: case grpc.unauthenticated:
      return { text, isForAll: true };
    default:
      return { text };
  }
}

function objectIn(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function refused(act: string, endpoint: string, { text, isNoRoom }: Problem): CniError {
  if (isNoRoom === true)
    return new CniError(
      code.tryAgainLater,
      `Cannot ${act}: etcd at ${endpoint} takes no writes: ${text}, expected its database to be compacted and its ` +
        "alarm NOSPACE to be disarmed",
      { cause: noRoom },
    );
  return new CniError(code.ioFailure, `Cannot ${act}: etcd at ${endpoint} refuses: ${text}, expected it to accept`);
}

function unanswered(act: string, problems: ReadonlyMap<string, Problem>, tries: number): CniError {
  const told = [...problems].map(([endpoint, { text }]) => `${endpoint}: ${text}`).join("; ");
  return new CniError(
    code.tryAgainLater,
    `Cannot ${act}: etcd has not answered in ${tries} tries (${told}), expected one of its members to`,
  );
}
