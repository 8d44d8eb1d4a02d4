import { Agent as PlainAgent, request as requestPlain } from "node:http";
import { Agent, request as requestTls } from "node:https";
import { getCACertificates } from "node:tls";
import type { IncomingMessage } from "node:http";
import { messageOf } from "../../cni/index.ts";
import type { Access, ClientCertificate } from "./access.ts";

/** What an object of the API can be, several times over: etcd takes 1.5 MiB. */
const bodyBytesMax = 8 * 1024 * 1024;
/** Each costs a handshake, 3 ms of this process, and saves the wait for an answer; see docs/dependencies.md. */
const socketsMax = 3;
/** A peer that is silent for so long is asked by the kernel whether it is still there. */
const keepAliveMs = 15_000;

export interface HttpRequest {
  readonly method: string;
  /** With its query, below the server's own path. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** From the first byte to the last, connecting included; of an answer that is a stream, to its head. */
  readonly timeoutMs: number;
}

export interface HttpAnswer {
  readonly status: number;
  /** Seconds or a date, as it was sent. */
  readonly retryAfter: string | undefined;
  readonly body: string;
}

/** An answer whose body is read as it comes, for as long as it comes. */
export interface HttpStream {
  readonly status: 200;
  /** Throws when it breaks off. */
  readonly chunks: AsyncIterable<Buffer>;
  close(): void;
}

/** A failure below HTTP. `code` is Node's or OpenSSL's: ECONNREFUSED, ETIMEDOUT, CERT_HAS_EXPIRED. */
export class ConnectionError extends Error {
  override readonly name = "ConnectionError";
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/** Connections to one server as one client, kept open between requests. */
export class Connection {
  readonly certificate: ClientCertificate | undefined;
  readonly #url: URL;
  readonly #agent: Agent | PlainAgent;

  /** @param sockets  how many are open at once */
  constructor(access: Access, certificate: ClientCertificate | undefined, sockets = socketsMax) {
    this.certificate = certificate;
    this.#url = new URL(access.server);
    const kept = { keepAlive: true, maxSockets: sockets };
    this.#agent = this.#url.protocol === "https:" ? tlsAgent(access, certificate, kept) : new PlainAgent(kept);
  }

  /**
   * One request, tried once.
   *
   * @throws ConnectionError when there is no whole answer
   */
  send(request: HttpRequest): Promise<HttpAnswer> {
    return this.#ask(request, readAnswer);
  }

  /**
   * The same, with the body of a success as it comes.
   *
   * @throws ConnectionError when there is no head of an answer, or no whole one that is no success
   */
  open(request: HttpRequest): Promise<HttpAnswer | HttpStream> {
    return this.#ask(request, async (response) => {
      if (response.statusCode !== 200) return await readAnswer(response);
      response.socket.setKeepAlive(true, keepAliveMs);
      return { status: 200, chunks: response, close: () => response.destroy() };
    });
  }

  /** Drops all connections, those in use too. */
  close(): void {
    this.#agent.destroy();
  }

  #ask<T>(request: HttpRequest, read: (response: IncomingMessage) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { method, headers, timeoutMs, body } = request;
      const options = {
        method,
        agent: this.#agent,
        ...this.#address(request.path),
        headers: { ...headers, ...lengthOf(body) },
      };
      const call = this.#url.protocol === "https:" ? requestTls(options) : requestPlain(options);
      const timer = setTimeout(() => {
        call.destroy(new ConnectionError("ETIMEDOUT", `there was no whole answer within ${timeoutMs} ms`));
      }, timeoutMs);
      const fail = (error: unknown): void => {
        clearTimeout(timer);
        reject(toConnectionError(error));
      };
      call.on("error", fail);
      // Node gives the connection to whoever asked for another protocol, and tells nobody else of the answer.
      call.on("upgrade", ({ statusCode }, socket) => {
        socket.destroy();
        fail(new ConnectionError("EPROTO", `it answered ${statusCode}, to go on in another protocol`));
      });
      let isAnswered = false;
      call.on("close", () => {
        if (!isAnswered) fail(new ConnectionError("ECONNRESET", "the connection ended without an answer"));
      });
      call.on("response", (response) => {
        isAnswered = true;
        read(response).then((answer) => {
          clearTimeout(timer);
          resolve(answer);
        }, (error: unknown) => {
          call.destroy();
          fail(call.errored ?? error);
        });
      });
      call.end(body);
    });
  }

  #address(path: string): { host: string; port: string; path: string } {
    const { hostname, port, pathname, protocol } = this.#url;
    const defaultPort = protocol === "https:" ? "443" : "80";
    return {
      host: hostname.replace(/^\[|\]$/g, ""),
      port: port === "" ? defaultPort : port,
      path: pathname.replace(/\/$/, "") + path,
    };
  }
}

/** A client certificate is renewed now and then, an API server's address hardly ever. */
const connectionsMax = 8;

/** Connections by server and client: a certificate belongs to a connection, so another one needs another. */
export class Connections {
  readonly #sockets: number | undefined;
  /** The one that was opened last stands last. */
  readonly #open = new Map<string, Connection>();

  /** @param sockets  of each, at once */
  constructor(sockets?: number) {
    this.#sockets = sockets;
  }

  as(access: Access, certificate: ClientCertificate | undefined): Connection {
    const { server, trust, proxy } = access, key = JSON.stringify([server, trust, proxy, certificate]);
    const known = this.#open.get(key);
    if (known !== undefined) return known;
    const connection = new Connection(access, certificate, this.#sockets);
    this.#open.set(key, connection);
    const [oldest] = this.#open;
    if (this.#open.size > connectionsMax && oldest !== undefined) this.#drop(oldest[0]);
    return connection;
  }

  close(): void {
    for (const key of this.#open.keys()) this.#drop(key);
  }

  #drop(key: string): void {
    this.#open.get(key)?.close();
    this.#open.delete(key);
  }
}

function tlsAgent({ trust, proxy }: Access, certificate: ClientCertificate | undefined, kept: object): Agent {
  return new Agent({
    ...kept,
    // Reading this machine's own authorities costs 10 ms and more, so they are asked for only where no other is named.
    ca: trust.authority ?? (trust.skipVerify ? [] : getCACertificates("system")),
    rejectUnauthorized: !trust.skipVerify,
    ...(trust.serverName === undefined ? {} : { servername: trust.serverName }),
    ...(certificate === undefined ? {} : { cert: certificate.chain, key: certificate.key }),
    ...(proxy === undefined ? {} : { proxyEnv: { HTTPS_PROXY: proxy } }),
  });
}

function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

function readBody(response: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes > bodyBytesMax)
        reject(new ConnectionError("EMSGSIZE", `the answer is longer than ${bodyBytesMax} bytes`));
    });
    response.on("error", reject);
    response.on("end", () => resolve(Buffer.concat(chunks).toString()));
    response.on("close", () => reject(new ConnectionError("ECONNRESET", "the answer ended too early")));
  });
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const body = await readBody(response), { statusCode = 0, headers } = response;
  return { status: statusCode, retryAfter: headers["retry-after"], body };
}

function toConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Where several addresses of one name were tried, Node says why only in the parts.
  const parts = error instanceof AggregateError ? error.errors.map(messageOf).join(", ") : "";
  return new ConnectionError(code, parts === "" ? messageOf(error) : parts, error);
}
