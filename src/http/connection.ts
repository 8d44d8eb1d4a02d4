import { Agent as PlainAgent, request as requestPlain } from "node:http";
import { Agent, request as requestTls } from "node:https";
import { getCACertificates } from "node:tls";
import type { IncomingMessage } from "node:http";
import { messageOf } from "../cni/index.ts";

/** The server that connections lead to, and as whom it is spoken to. */
export interface Peer {
  /** `https://10.96.0.1:443`; what follows is put before the path of each request. */
  readonly url: string;
  /** Of a server with TLS. */
  readonly trust?: Trust;
  readonly certificate?: ClientCertificate | undefined;
  /** The proxy all requests go through, as a URL. */
  readonly proxy?: string | undefined;
  /** How many connections are open at once. */
  readonly sockets: number;
  /** More than this is no answer to what is asked. */
  readonly bodyBytesMax: number;
}

export interface Trust {
  /** PEM; undefined: the authorities of this machine. */
  readonly authority: string | undefined;
  readonly skipVerify: boolean;
  /** The name the certificate must hold when it is not the server's host. */
  readonly serverName: string | undefined;
}

/** PEM, both. */
export interface ClientCertificate {
  readonly chain: string;
  readonly key: string;
}

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

  /** One side does not accept the other's certificate, or knows no TLS: it will be no different next time. */
  get isDistrust(): boolean {
    return distrustCodes.some((start) => this.code.startsWith(start));
  }
}

/** How OpenSSL's and Node's codes of such failures begin. */
const distrustCodes = [
  "CERT_", "DEPTH_ZERO", "EPROTO", "ERR_OSSL_", "ERR_SSL_", "ERR_TLS_", "HOSTNAME_MISMATCH", "INVALID_CA",
  "SELF_SIGNED", "UNABLE_TO_",
];

/** Connections to one server as one client, kept open between requests. */
export class Connection {
  readonly #place: Place;
  readonly #bodyBytesMax: number;
  readonly #agent: Agent | PlainAgent;
  #pending = 0;

  constructor(peer: Peer) {
    this.#place = placeOf(peer.url);
    this.#bodyBytesMax = peer.bodyBytesMax;
    const kept = { keepAlive: true, maxSockets: peer.sockets };
    this.#agent = this.#place.isTls ? tlsAgent(peer, kept) : new PlainAgent(kept);
  }

  /**
   * One request, tried once.
   *
   * @throws ConnectionError when there is no whole answer
   */
  send(request: HttpRequest): Promise<HttpAnswer> {
    return this.#ask(request, (response) => this.#readAnswer(response));
  }

  /**
   * The same, with the body of a success as it comes.
   *
   * @throws ConnectionError when there is no head of an answer, or no whole one that is no success
   */
  open(request: HttpRequest): Promise<HttpAnswer | HttpStream> {
    return this.#ask(request, async (response) => {
      if (response.statusCode !== 200) return await this.#readAnswer(response);
      response.socket.setKeepAlive(true, keepAliveMs);
      return { status: 200, chunks: response, close: () => response.destroy() };
    });
  }

  /** No request waits for its answer. */
  get isIdle(): boolean {
    return this.#pending === 0;
  }

  /** Drops all connections, those in use too. */
  close(): void {
    this.#agent.destroy();
  }

  /** Where one that was kept is dead, so may be the others, which cost the next requests a timeout each. */
  #dropIdle(): void {
    for (const sockets of Object.values(this.#agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
  }

  async #readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
    const body = await readBody(response, this.#bodyBytesMax), { statusCode = 0, headers } = response;
    return { status: statusCode, retryAfter: headers["retry-after"], body };
  }

  #ask<T>(request: HttpRequest, read: (response: IncomingMessage) => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const { method, headers, timeoutMs, body } = request;
      const { host, port, folder, isTls } = this.#place;
      const options = {
        method, host, port,
        agent: this.#agent,
        path: folder + request.path,
        headers: { ...headers, ...lengthOf(body) },
      };
      const call = isTls ? requestTls(options) : requestPlain(options);
      this.#pending++;
      call.once("close", () => this.#pending--);
      const timer = setTimeout(() => {
        if (call.reusedSocket) this.#dropIdle();
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
        fail(new ConnectionError("EUPGRADE", `it answered ${statusCode}, to go on in another protocol`));
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
}

interface Place {
  readonly host: string;
  readonly port: string;
  /** What stands before the path of each request. */
  readonly folder: string;
  readonly isTls: boolean;
}

function placeOf(url: string): Place {
  const { hostname, port, pathname, protocol } = new URL(url), isTls = protocol === "https:";
  const defaultPort = isTls ? "443" : "80";
  return {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? defaultPort : port,
    folder: pathname.replace(/\/$/, ""),
    isTls,
  };
}

function tlsAgent({ trust = usualTrust, certificate, proxy }: Peer, kept: object): Agent {
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

const usualTrust: Trust = { authority: undefined, skipVerify: false, serverName: undefined };

function lengthOf(body: string | undefined): Record<string, string> {
  return body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
}

function readBody(response: IncomingMessage, bodyBytesMax: number): Promise<string> {
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

function toConnectionError(error: unknown): ConnectionError {
  if (error instanceof ConnectionError) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  // Where several addresses of one name were tried, Node says why only in the parts.
  const parts = error instanceof AggregateError ? error.errors.map(messageOf).join(", ") : "";
  return new ConnectionError(code, parts === "" ? messageOf(error) : parts, error);
}
