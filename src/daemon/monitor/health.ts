import type { Server } from "node:http";
import { createServer } from "node:http";
import { CniError, code, messageOf } from "../../cni/index.ts";

/** What is told about a daemon. */
export interface Health {
  /** It accepts calls. */
  readonly isReady: boolean;
  readonly running: number;
  readonly waiting: number;
  /** What `/metrics` answers; absent: it is not there. */
  readonly metrics?: (() => Promise<{ readonly type: string; readonly body: string }>) | undefined;
}

/** From a connection to its whole request, which has no body worth waiting for. */
const requestMs = 5000;
const connectionsMax = 64;

/**
 * Answers `/healthz`, 200 as long as this process answers at all, and `/readyz`, 200 while calls are accepted and 503
 * while it stops or its queue is full, and `/metrics` where there are any.
 *
 * @param address  `127.0.0.1:9877`, `[::1]:9877`
 * @throws CniError 5 when it cannot listen there
 */
export async function serveHealth(address: string, health: Health): Promise<{ readonly port: number; close(): void }> {
  const server = createServer({ requestTimeout: requestMs, headersTimeout: requestMs }, (request, response) => {
    // One that stays open would keep a daemon from ending.
    const end = (status: number, body: string, type = "application/json") =>
      response.writeHead(status, { "content-type": type, connection: "close" }).end(body);
    if (request.url === "/metrics" && request.method === "GET" && health.metrics !== undefined) {
      health.metrics().then(({ type, body }) => end(200, body, type), (error: unknown) => end(500, messageOf(error)));
      return;
    }
    const { status, body } = answerTo(request.method, request.url, health);
    end(status, body);
  });
  server.maxConnections = connectionsMax;
  return await listening(server, address);
}

function answerTo(method: string | undefined, url: string | undefined, health: Health) {
  if (url !== "/healthz" && url !== "/readyz") return { status: 404, body: "" };
  if (method !== "GET" && method !== "HEAD") return { status: 405, body: "" };
  const { isReady, running, waiting } = health;
  const status = url === "/readyz" && !isReady ? 503 : 200;
  return { status, body: `${JSON.stringify({ isReady, running, waiting })}\n` };
}

async function listening(server: Server, address: string): Promise<{ readonly port: number; close(): void }> {
  const { host = "", port = "" } =
    (/^\[(?<host>[0-9a-f:.]+)\]:(?<port>\d+)$/.exec(address) ?? /^(?<host>[0-9.]+):(?<port>\d+)$/.exec(address))
      ?.groups ?? {};
  if (host === "" || Number(port) > 65535)
    throw new CniError(code.ioFailure, `Cannot listen at ${address}: expected an address and a port, 127.0.0.1:9877`);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new CniError(code.ioFailure, `Cannot listen at ${address}: ${messageOf(error)}`, { cause: error })));
    server.listen({ host, port: Number(port) }, resolve);
  });
  const bound = server.address();
  return {
    port: typeof bound === "object" ? (bound?.port ?? 0) : 0,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}
