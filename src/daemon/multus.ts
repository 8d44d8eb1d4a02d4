/**
 * What Multus's shim says to Multus's daemon: HTTP on a unix socket, `POST /cni` with the shim's environment and the
 * configuration in base64, `/healthz` or `/readyz` beforehand. `/delegate`, for controllers that attach running pods,
 * is not there.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { Socket } from "node:net";
import { toCniError } from "../call/index.ts";
import { CniError, code, newestVersion, parseJsonObject, parseResult, printError, toWireResult } from "../cni/index.ts";
import type { Answer, ServedCall } from "../service/index.ts";
import type { Limits } from "./limits.ts";
import { isAllowedPeer } from "./peer.ts";
import type { Queue } from "./queue.ts";
import { inTime } from "./refusal.ts";

export interface MultusOptions {
  readonly queue: Queue;
  readonly limits: Pick<Limits, "readMs" | "workMs">;
  /** Whether calls are accepted: shims after 4.3 ask before they send one, and wait for a minute. */
  isReady(): boolean;
  /** Never rejects. */
  serve(call: ServedCall): Promise<Answer>;
  log(line: string): void;
}

/** A configuration of 16 MiB in base64, and an environment. */
const bodyBytesMax = 26 * 1024 * 1024;

export function multusServer(options: MultusOptions): Server {
  const { limits: { readMs }, log } = options;
  const server = createServer({ requestTimeout: readMs, headersTimeout: readMs }, (request, response) => {
    answer(request, response, options).catch((error: unknown) => {
      log(`Multus's shim is not answered: ${String(error)}`);
      response.destroy();
    });
  });
  server.on("connection", (socket: Socket) => {
    if (!isAllowedPeer(socket, log)) socket.destroy();
  });
  return server;
}

async function answer(request: IncomingMessage, response: ServerResponse, options: MultusOptions): Promise<void> {
  const end = (status: number, body = ""): void => {
    response.writeHead(status, { connection: "close" }).end(body);
  };
  const { url, method } = request, isProbe = url === "/healthz" || url === "/readyz";
  if (!isProbe && url !== "/cni") return end(404);
  if (method !== "POST" && !(method === "GET" && isProbe)) return end(405);
  if (isProbe) return end(url === "/healthz" || options.isReady() ? 200 : 500);
  try {
    const call = callIn(await bodyOf(request));
    const { status, stdout } = await served(call, response, options);
    if (status !== 0) return end(400, stdout);
    end(200, call.env["CNI_COMMAND"] === "ADD" ? JSON.stringify({ Result: newestForm(stdout) }) : "");
  } catch (error) {
    end(400, printError(toCniError(error), newestVersion));
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bodyBytesMax)
      throw new CniError(code.ioFailure, `Cannot read the request: it is longer than ${bodyBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function callIn(body: string): ServedCall {
  const { env, config } = parseJsonObject(body, "the request of Multus's shim");
  if (typeof env !== "object" || env === null || typeof config !== "string")
    throw new CniError(code.decodingFailure, "Cannot read the request of Multus's shim: expected env and config");
  const variables = Object.entries(env).filter((entry): entry is [string, string] => typeof entry[1] === "string");
  return {
    name: "multus",
    // What Multus takes for granted.
    env: { CNI_IFNAME: "eth0", ...Object.fromEntries(variables) },
    stdin: Buffer.from(config, "base64").toString(),
  };
}

/** In turn with everything else of that container; a shim that goes away while it waits is not served. */
async function served(
  call: ServedCall, response: ServerResponse, { queue, limits: { workMs }, serve }: MultusOptions,
): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const begin = async (): Promise<void> => {
      const work = serve(call);
      resolve(await inTime(work, workMs));
      await work;
    };
    const place = queue.add(call.env["CNI_CONTAINERID"] || `no container: ${call.env["CNI_COMMAND"] ?? ""}`, begin);
    if (place === undefined)
      reject(new CniError(code.tryAgainLater, `Cannot serve the call: ${queue.waiting} calls wait already`));
    response.once("close", () => place?.leave());
  });
}

/** A result in the form that Multus's shim reads, whatever the configuration's version. */
function newestForm(stdout: string): object {
  return toWireResult(parseResult(JSON.parse(stdout), newestVersion), newestVersion);
}
