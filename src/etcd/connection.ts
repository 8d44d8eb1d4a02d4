import { Agent as PlainAgent, request as requestPlain } from "node:http";
import { Agent, request as requestTls } from "node:https";
import { messageOf } from "../cni/index.ts";

/** What a client shows and trusts, PEM; empty for a server without TLS. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

/** A page of entries is some MiB; more than this is no answer to what we ask. */
const bodyBytesMax = 64 * 1024 * 1024;

/** A failure below HTTP. `code` is Node's or OpenSSL's: ECONNREFUSED, ETIMEDOUT, CERT_HAS_EXPIRED. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Connections to one member, kept open between requests; those in rest keep no process from ending. */
export class Connection {
  readonly endpoint: string;
  readonly #url: URL;
  readonly #agent: Agent | PlainAgent;

  constructor(endpoint: string, tls: Tls) {
    this.endpoint = endpoint;
    this.#url = new URL(endpoint);
    this.#agent = this.#url.protocol === "https:" ? new Agent({ ...kept, ...tls }) : new PlainAgent(kept);
  }

  /** Drops what is open, requests under way too. */
  close(): void {
    this.#agent.destroy();
  }

  /**
   * One request, tried once.
   *
   * @param timeoutMs  from the first byte to the last, connecting included
   * @throws ConnectionError when there is no whole answer
   */
  post(path: string, body: string, timeoutMs: number): Promise<{ readonly status: number; readonly body: string }> {
    return new Promise((resolve, reject) => {
      const { hostname, port, protocol } = this.#url, isTls = protocol === "https:";
      const headers = { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) };
      const host = hostname.replace(/^\[|\]$/g, "");
      const options = { method: "POST", agent: this.#agent, host, port: port || (isTls ? "443" : "80"), path, headers };
      const call = isTls ? requestTls(options) : requestPlain(options);
      const timer = setTimeout(() => {
        call.destroy(new ConnectionError("ETIMEDOUT", `there was no whole answer within ${timeoutMs} ms`));
      }, timeoutMs);
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        reject(toConnectionError(error));
      };
      call.on("error", fail);
      call.on("close", () => fail(new ConnectionError("ECONNRESET", "the connection ended without an answer")));
      call.on("response", (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          if ((bytes += chunk.length) > bodyBytesMax)
            call.destroy(new ConnectionError("EMSGSIZE", `the answer is longer than ${bodyBytesMax} bytes`));
        });
        response.on("error", fail);
        response.on("end", () => {
          clearTimeout(timer);
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() });
        });
      });
      call.end(body);
    });
  }
}

const kept = { keepAlive: true, maxSockets: 4 };

function toConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Where several addresses of one name were tried, Node says why only in the parts.
  const parts = error instanceof AggregateError ? error.errors.map(String).join(", ") : "";
  return new ConnectionError(code, parts === "" ? messageOf(error) : parts, error);
}
