/** The thread of an API server for tests, see api-server.ts: HTTPS, who may do what, faults, watches. */
import { createServer } from "node:https";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { parentPort, workerData } from "node:worker_threads";
import type { Certificates } from "./api-server-certificates.ts";
import type { Fault } from "./api-server-faults.ts";
import { Faults, reasons } from "./api-server-faults.ts";
import type { Json, Place, Reply, Resource } from "./api-server-store.ts";
import { failure, ObjectStore, pageOf, resources, selected } from "./api-server-store.ts";
import { Watches } from "./shared/watches.ts";
import type { ApiServerOptions, LoggedRequest, Rule } from "./api-server.ts";

/** Handed over by api-server.ts. */
const { certificates, host, token: firstToken, options } = workerData as {
  certificates: Certificates; host: string; token: string; options: ApiServerOptions;
};
if (parentPort === null) throw new Error("api-server-worker.ts is started by api-server.ts, in a thread of its own");
const control = parentPort;

const store = new ObjectStore();
const faults = new Faults();
const denied: Rule[] = [];
/** Kinds whose definition is not installed. */
const unserved = new Set<string>();
const log: (LoggedRequest & { body?: string })[] = [];
const sockets = new Map<Socket, number>();
const watches = new Watches(store);
let socketCount = 0;
let token = firstToken;
let definitionsServed = options.definitions ?? true;
let latencyMs = options.latencyMs ?? 0;
let port = 0;

const server = createServer({
  key: certificates.server.key, cert: certificates.server.chain, ca: certificates.authority,
  requestCert: true, rejectUnauthorized: false, keepAliveTimeout: 60_000,
}, (request, response) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => void serve(request, response, Buffer.concat(chunks).toString()));
  request.on("error", () => {});
});
server.on("connection", (socket: Socket) => {
  sockets.set(socket, ++socketCount);
  socket.on("close", () => sockets.delete(socket));
  socket.on("error", () => {});
});
server.on("tlsClientError", () => {});

/** What the test's thread may call, by name. */
const calls: Readonly<Record<string, (...args: any[]) => unknown>> = {
  put: (plural: string, object: Json) => store.put(resourceNamed(plural), object),
  get: (plural: string, namespace: string, name: string) => store.find(resourceNamed(plural), namespace, name),
  list: (plural: string) => store.list(resourceNamed(plural)),
  remove: (plural: string, namespace: string, name: string) => void store.remove({ resource: resourceNamed(plural),
    namespace, name, subresource: "" }),
  compact: () => store.compact(),
  holdWatches: (plural: string) => watches.hold(plural),
  releaseWatches: () => watches.release(),
  bookmark: () => watches.bookmark(),
  sayToWatches: (text: string) => watches.say(text),
  endWatches: () => watches.end(),
  countWatches: (plural: string) => watches.count(plural),
  serve: (plural: string, served: boolean) => void (served ? unserved.delete(plural) : unserved.add(plural)),
  fault: (fault: Fault) => fault.kind === "refuse" ? refuse(fault) : faults.add(fault),
  heal: async () => {
    faults.clear();
    await listen();
  },
  deny: (rule: Rule) => void denied.push(rule),
  allow: () => void (denied.length = 0),
  token: (next: string) => void (token = next),
  definitions: (served: boolean) => void (definitionsServed = served),
  latency: (ms: number) => void (latencyMs = ms),
  requests: () => log,
  connections: () => socketCount,
  dropIdle: () => server.closeIdleConnections(),
  stop: () => refuse({ kind: "refuse" }),
};

control.on("message", async ({ id, name, args }: { id: number; name: string; args: unknown[] }) => {
  try {
    const value = await calls[name]?.(...args);
    control.postMessage({ id, value });
  } catch (error) {
    control.postMessage({ id, error: error instanceof Error ? error.stack : String(error) });
  }
});

await listen();
control.postMessage({ id: 0, value: port });

async function listen(): Promise<void> {
  if (server.listening) return;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port }, () => resolve());
  });
  const address = server.address();
  if (address !== null && typeof address === "object") port = address.port;
}

/** Connections are refused from now on, and those there are end. */
async function refuse({ ms }: Fault): Promise<void> {
  const closed = new Promise<void>((resolve) => server.listening ? server.close(() => resolve()) : resolve());
  for (const socket of sockets.keys()) socket.destroy();
  await closed;
  if (ms !== undefined) setTimeout(() => void listen(), ms);
}

async function serve(request: IncomingMessage, response: ServerResponse, body: string): Promise<void> {
  const { method = "", url = "" } = request;
  const { pathname, searchParams } = new URL(url, "https://host");
  // Every TLS connection of a server has the plain one below it, which is the one that was counted.
  const entry = { method, path: pathname, query: searchParams.toString(),
    connection: [...sockets.entries()].find(([raw]) => raw.remotePort === request.socket.remotePort)?.[1] ?? 0,
    userAgent: request.headers["user-agent"] ?? "", contentType: request.headers["content-type"] ?? "",
      authorization: request.headers.authorization ?? "",
    headers: { ...request.headers } as Record<string, string>, body, status: 0 };
  log.push(entry);
  response.on("close", () => (entry.status = response.headersSent ? response.statusCode : 0));
  const fault = faults.take(method, url);
  const waitMs = fault?.kind === "slow" ? fault.ms ?? 0 : latencyMs;
  if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
  if (fault !== undefined && fault.kind !== "slow" && fail(fault,
    { request, response, work: () => answerTo(request, pathname, searchParams, body) })) return;
  if (method === "GET" && ["1", "true"].includes(searchParams.get("watch") ?? "")) return watch(request, response,
    pathname, searchParams);
  const reply = answerTo(request, pathname, searchParams, body);
  if (typeof reply === "string") send(response, 404, reply, "text/plain; charset=utf-8");
  else send(response, reply.status, JSON.stringify(reply.body), "application/json");
}

/** Lets the fault happen. */
function fail(fault: Fault, { request, response,
  work }: { request: IncomingMessage; response: ServerResponse; work: () => Reply | string }): boolean {
  const { kind, status, retryAfter } = fault;
  if (retryAfter !== undefined) response.setHeader("retry-after", retryAfter);
  const reason = reasons[kind];
  if (reason !== undefined) {
    send(response, Number(kind), JSON.stringify(failure(Number(kind), reason, `a fault of the test: ${reason}`).body),
      "application/json");
  } else if (kind === "reset" || kind === "lost") {
    if (kind === "lost") work();
    resetConnection(request.socket);
  } else if (kind === "html") {
    send(response, status ?? 404,
      fault.body ?? "<html>\n<head><title>404 Not Found</title></head>\n<body>nginx</body></html>", "text/html");
  } else if (kind === "answer") {
    send(response, status ?? 200, fault.body ?? "", fault.contentType ?? "application/json");
  } else if (kind === "upgrade") {
    request.socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  } else if (kind === "truncated" || kind === "endless") {
    const reply = work();
    const text = typeof reply === "string" ? reply : JSON.stringify(reply.body);
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) });
    response.write(text.slice(0, text.length / 2), () => {
      if (kind === "truncated") request.socket.destroy();
    });
  }
  return true;
}

function resetConnection(socket: Socket): void {
  // resetAndDestroy is for plain sockets: a TLS one is closed in order.
  const raw = [...sockets.keys()].find(({ remotePort }) => remotePort === socket.remotePort);
  if (raw === undefined) socket.destroy();
  else raw.resetAndDestroy();
}

function send(response: ServerResponse, status: number, text: string, contentType: string): void {
  response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

/** A text is a plain 404: the API has nothing under this address. */
function answerTo(request: IncomingMessage, path: string, query: URLSearchParams, body: string): Reply | string {
  const { method = "" } = request;
  const user = userOf(request);
  if (user === undefined) return failure(401, "Unauthorized", "Unauthorized");
  const place = placeOf(path);
  if (place === undefined) return "404 page not found\n";
  const refusal = whyForbidden(user, method, place);
  if (refusal !== undefined) return refusal;
  if (method === "GET") return place.name === "" ? list(place, query) : store.get(place);
  if (method === "DELETE") return store.remove(place);
  if (method !== "POST" && method !== "PUT") return failure(405, "MethodNotAllowed",
    "the server does not allow this method on the requested resource");
  const { "content-type": contentType = "" } = request.headers;
  if (!contentType.startsWith("application/json")) {
    return failure(415, "UnsupportedMediaType",
      "the body of the request was in an unknown format - accepted media types include: application/json, " +
        "application/yaml, application/vnd.kubernetes.protobuf");
  }
  const object = parsed(body);
  if (object === undefined) return failure(400, "BadRequest",
    "the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error");
  return method === "POST" ? store.create(place, object) : store.replace(place, object);
}

function list({ resource, namespace }: Place, query: URLSearchParams): Reply {
  const items = store.list(resource, namespace === "" ? undefined : namespace).filter(selected(query));
  const { problem, page, next } = pageOf(items, query, store);
  return problem ?? { status: 200, body: { kind: `${resource.kind}List`, apiVersion: resource.apiVersion,
    metadata: { resourceVersion: store.resourceVersion, ...next }, items: page } };
}

/** Lines of JSON, see watches.ts, if whoever asks may. */
function watch(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): void {
  const user = userOf(request), place = placeOf(path);
  const problem = user === undefined ? failure(401, "Unauthorized", "Unauthorized") : place === undefined ? undefined
    : whyForbidden(user, "WATCH", place);
  if (problem !== undefined) return send(response, problem.status, JSON.stringify(problem.body), "application/json");
  if (place === undefined) return send(response, 404, "404 page not found\n", "text/plain; charset=utf-8");
  watches.open(place, query, response);
}

/** undefined: whoever it is, the API does not know them. */
function userOf(request: IncomingMessage): string | undefined {
  const { authorization } = request.headers;
  // A server made by https.createServer has no other connections.
  const socket = request.socket as TLSSocket;
  if (authorization !== undefined) {
    const basic = options.basic === undefined ? undefined : `Basic ${Buffer.from(options.basic).toString("base64")}`;
    if (authorization === basic) return "basic";
    return authorization === `Bearer ${token}` ? "system:serviceaccount:kube-system:polynic" : undefined;
  }
  return socket.authorized ? String(socket.getPeerCertificate().subject.CN) : "system:anonymous";
}

const verbs: Readonly<Record<string, string>> = { GET: "get", POST: "create", PUT: "update", DELETE: "delete",
  WATCH: "watch", PATCH: "patch" };

function whyForbidden(user: string, method: string, { resource, namespace, name,
  subresource }: Place): Reply | undefined {
  const verb = method === "GET" && name === "" ? "list" : verbs[method] ?? method;
  const what = subresource === "" ? resource.plural : `${resource.plural}/${subresource}`;
  const isDenied = denied.some((rule) => rule.resource === what && (rule.verb === undefined || rule.verb === verb)
    && (rule.namespace === undefined || rule.namespace === namespace));
  if (user !== "system:anonymous" && !isDenied) return undefined;
  const subject = name === "" ? resource.plural : `${resource.plural} "${name}"`;
  return failure(403, "Forbidden",
    `${subject} is forbidden: User "${user}" cannot ${verb} resource "${what}" in API group "${resource.group}" in ` +
      `the namespace "${namespace}"`,
    { ...(name === "" ? {} : { name }), ...(resource.group === "" ? {} : { group: resource.group }),
      kind: resource.plural });
}

const placePattern = new RegExp(
  "^(?:/api/v1|/apis/([^/]+)/(v1(?:alpha1)?))(?:/namespaces/([^/]+))?/([^/]+)(?:/([^/]+))?(?:/(status))?$",
);

function placeOf(path: string): Place | undefined {
  const match = placePattern.exec(path);
  if (match === null) return undefined;
  const [, group = "", version = "v1", namespace = "", plural = "", name = "",
    subresource = ""] = match.map((part) => part === undefined ? part : decodeURIComponent(part));
  const resource = resources.find((one) => one.plural === plural && one.group === group &&
    one.apiVersion.endsWith(version) && !unserved.has(plural));
  if (resource === undefined || (resource.group !== "" && !definitionsServed)) return undefined;
  return { resource, namespace, name, subresource };
}

function resourceNamed(plural: string): Resource {
  const found = resources.find((one) => one.plural === plural);
  if (found === undefined) throw new Error(`The test's API server has no ${plural}`);
  return found;
}

function parsed(text: string): Json | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return value !== null && typeof value === "object" && !Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
