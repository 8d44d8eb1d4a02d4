/**
 * A Kubernetes API server for tests: pods, events and NetworkAttachmentDefinitions over HTTPS on loopback, in a thread
 * of its own, so that a test may block in spawnSync meanwhile. It listens in the network namespace of the thread that
 * starts it, where `lo` must be up. Needs openssl.
 *
 *     const api = await startApiServer();
 *     await api.putPod({ namespace: "blue", name: "web", annotations: { ... } });
 *     spawnSync("polynic", [], { input: JSON.stringify({ kubeconfig: api.kubeconfig, ... }) });
 *     assert.is((await api.getPod({ namespace: "blue", name: "web" }))?.metadata.annotations[...], ...);
 *     await api.stop();
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Certificates } from "./api-server-certificates.ts";
import { certificates } from "./api-server-certificates.ts";
import type { Fault } from "./api-server-faults.ts";
import type { Json } from "./api-server-store.ts";
import type { BlockCalls } from "./shared/block-calls.ts";
import { blockCalls } from "./shared/block-calls.ts";
import type { WatchCalls } from "./shared/watches.ts";
import { watchCalls } from "./shared/watches.ts";
import type { NodeCalls } from "./shared/node-calls.ts";
import { nodeCalls } from "./shared/node-calls.ts";

export type { Fault, FaultKind } from "./api-server-faults.ts";

export interface ApiServerOptions {
  /** An address of loopback; 127.0.0.1 when absent. */
  readonly host?: "127.0.0.1" | "::1";
  /** false: the cluster lacks the custom resource definition. */
  readonly definitions?: boolean;
  /** Every answer takes so long. */
  readonly latencyMs?: number;
  /** `user:password` that is accepted beside the token. */
  readonly basic?: string;
}

export interface Key {
  readonly namespace: string;
  readonly name: string;
}

export interface PodSeed extends Key {
  readonly uid?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly spec?: Json;
  readonly status?: Json;
}

export interface DefinitionSeed extends Key {
  /** An object is written as JSON; absent: the definition has no config. */
  readonly config?: string | Json;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Something the role does not permit. */
export interface Rule {
  /** `pods`, `pods/status`, `events`, `network-attachment-definitions` */
  readonly resource: string;
  /** `get`, `update`, `create`, `list`, `watch`; absent: every one. */
  readonly verb?: string;
  readonly namespace?: string;
}

export interface LoggedRequest {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** From 1, in the order they were opened. */
  readonly connection: number;
  readonly userAgent: string;
  readonly contentType: string;
  readonly authorization: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** 0: nothing was answered. */
  readonly status: number;
}

export interface KubeconfigRequest {
  readonly format?: "json" | "yaml";
  /** tokenFile when absent. */
  readonly user?: "tokenFile" | "token" | "certificate" | "certificate files" | "none" | Json;
  /** Laid over the cluster's keys; undefined removes one. */
  readonly cluster?: Json;
}

export interface ApiServer extends BlockCalls, NodeCalls, WatchCalls {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  readonly certificates: Certificates;
  /** A kubeconfig in JSON that names `tokenFile`. */
  readonly kubeconfig: string;
  /** What a pod's service account looks like: token, ca.crt, namespace. */
  readonly serviceAccountDirectory: string;
  readonly tokenFile: string;
  /** KUBERNETES_SERVICE_HOST and _PORT. */
  readonly env: Readonly<Record<string, string>>;
  /** Writes another kubeconfig and returns its path. */
  writeKubeconfig(request: KubeconfigRequest): string;
  /** Creates it or replaces it without asking for its version. */
  putPod(pod: PodSeed): Promise<Json>;
  getPod(key: Key): Promise<Json | undefined>;
  removePod(key: Key): Promise<void>;
  putDefinition(definition: DefinitionSeed): Promise<Json>;
  removeDefinition(key: Key): Promise<void>;
  /** Whether the custom resource definition is installed. */
  serveDefinitions(served: boolean): Promise<void>;
  /** In the order they came. */
  events(): Promise<Json[]>;
  requests(): Promise<LoggedRequest[]>;
  /** Connections there have been in all. */
  connections(): Promise<number>;
  fault(fault: Fault): Promise<void>;
  /** No faults any more, and connections are accepted again. */
  heal(): Promise<void>;
  deny(rule: Rule): Promise<void>;
  allowAll(): Promise<void>;
  /** Only a new token is accepted from now on; the file has it at once, or when `publishToken` is called. */
  renewToken(options?: { readonly publish: boolean }): Promise<void>;
  publishToken(): void;
  setLatency(ms: number): Promise<void>;
  /** Forgets what has changed until now, as far as watches go. */
  compact(): Promise<void>;
  /** Closes connections nothing waits on, as a server does after a while. */
  dropIdleConnections(): Promise<void>;
  stop(): Promise<void>;
}

/** A server that has nothing in it; `stop()` it in the end. */
export async function startApiServer(options: ApiServerOptions = {}): Promise<ApiServer> {
  const host = options.host ?? "127.0.0.1";
  const made = certificates();
  const folder = mkdtempSync(join(tmpdir(), "polynic-api-server-"));
  const serviceAccountDirectory = join(folder, "serviceaccount");
  const tokenFile = join(serviceAccountDirectory, "token");
  let token = newToken();
  const removeFolder = (): void => rmSync(folder, { recursive: true, force: true });
  // A test that fails may not get to stop().
  process.once("exit", removeFolder);
  mkdirSync(serviceAccountDirectory);
  writeFileSync(join(serviceAccountDirectory, "ca.crt"), made.authority);
  writeFileSync(join(serviceAccountDirectory, "namespace"), "kube-system");
  writeFileSync(tokenFile, token);

  const thread = startThread({ certificates: made, host, token, options });
  const port = Number(await thread.ready);
  const url = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  let kubeconfigs = 0;
  const writeKubeconfig = (request: KubeconfigRequest): string => {
    const path = join(folder, `kubeconfig${++kubeconfigs}.${request.format ?? "json"}`);
    const config = kubeconfigFor(request, { url, folder, token, certificates: made });
    writeFileSync(path, request.format === "yaml" ? `# written by a test\n${yaml(config)}` : JSON.stringify(config),
      { mode: 0o600 });
    return path;
  };
  const publishToken = (): void => {
    writeFileSync(`${tokenFile}.new`, token);
    renameSync(`${tokenFile}.new`, tokenFile);
  };

  // Each call's type is that of the function of this name in api-server-worker.ts.
  const call = <T>(name: string, ...args: unknown[]): Promise<T> => thread.call(name, args) as Promise<T>;
  return {
    url, host, port, certificates: made, serviceAccountDirectory, tokenFile, writeKubeconfig, publishToken,
    kubeconfig: writeKubeconfig({}),
    env: { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: String(port) },
    putPod: (pod) => call("put", "pods", podObject(pod)),
    getPod: ({ namespace, name }) => call("get", "pods", namespace, name),
    removePod: ({ namespace, name }) => call("remove", "pods", namespace, name),
    putDefinition: (definition) => call("put", "network-attachment-definitions", definitionObject(definition)),
    removeDefinition: ({ namespace, name }) => call("remove", "network-attachment-definitions", namespace, name),
    serveDefinitions: (served) => call("definitions", served),
    ...blockCalls(call), ...nodeCalls(call), ...watchCalls(call),
    events: () => call("list", "events"),
    requests: () => call("requests"),
    connections: () => call("connections"),
    fault: (fault) => call("fault", fault),
    heal: () => call("heal"),
    deny: (rule) => call("deny", rule),
    allowAll: () => call("allow"),
    async renewToken({ publish } = { publish: true }) {
      token = newToken();
      if (publish) publishToken();
      await call("token", token);
    },
    setLatency: (ms) => call("latency", ms), compact: () => call("compact"),
    dropIdleConnections: () => call("dropIdle"),
    async stop() {
      await call("stop");
      await thread.end();
      process.off("exit", removeFolder);
      removeFolder();
    },
  };
}

interface Thread {
  /** The port. */
  readonly ready: Promise<unknown>;
  end(): Promise<unknown>;
  call(name: string, args: readonly unknown[]): Promise<unknown>;
}

/** A thread that answers numbered calls; it keeps the process only while one is open. */
function startThread(workerData: object): Thread {
  const worker = new Worker(new URL("./api-server-worker.ts", import.meta.url), { workerData });
  const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let last = -1;
  const expectAnswer = (): Promise<unknown> => new Promise((resolve, reject) => {
    open.set(++last, { resolve, reject });
    worker.ref();
  });
  worker.on("message", ({ id, value, error }: { id: number; value?: unknown; error?: string }) => {
    const waiting = open.get(id);
    open.delete(id);
    if (open.size === 0) worker.unref();
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(`The test's API server failed: ${error}`));
  });
  const giveUp = (error: Error): void => {
    for (const { reject } of open.values()) reject(error);
    open.clear();
  };
  worker.on("error", giveUp);
  worker.on("exit", () => giveUp(new Error("The test's API server has stopped")));
  const ready = expectAnswer();
  return {
    ready,
    end: () => worker.terminate(),
    call(name, args) {
      const answer = expectAnswer();
      worker.postMessage({ id: last, name, args });
      return answer;
    },
  };
}

function newToken(): string {
  return `test-${randomBytes(24).toString("base64url")}`;
}

function podObject({ namespace, name, uid, annotations, labels, spec, status }: PodSeed): Json {
  return {
    metadata: { namespace, name, ...(uid === undefined ? {} : { uid }),
      ...(annotations === undefined ? {} : { annotations }), ...(labels === undefined ? {} : { labels }) },
    spec: spec ?? { nodeName: "test", containers: [{ name: "main", image: "pause" }] },
    status: status ?? { phase: "Pending" },
  };
}

function definitionObject({ namespace, name, config, annotations }: DefinitionSeed): Json {
  const text = typeof config === "object" ? JSON.stringify(config) : config;
  return { metadata: { namespace, name, ...(annotations === undefined ? {} : { annotations }) },
    spec: text === undefined ? {} : { config: text } };
}

function kubeconfigFor(request: KubeconfigRequest,
  server: { url: string; folder: string; token: string; certificates: Certificates }): Json {
  const base64 = (text: string): string => Buffer.from(text).toString("base64");
  const { authority } = server.certificates;
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "local", cluster: JSON.parse(JSON.stringify({ server: server.url,
      "certificate-authority-data": base64(authority), ...request.cluster })) }],
    users: [{ name: "multus", user: userFor(request.user ?? "tokenFile", server) }],
    contexts: [{ name: "multus-context", context: { cluster: "local", user: "multus" } }],
    "current-context": "multus-context",
  };
}

function userFor(user: NonNullable<KubeconfigRequest["user"]>,
  { folder, token, certificates: { client } }: { folder: string; token: string; certificates: Certificates }): Json {
  if (typeof user === "object") return user;
  if (user === "tokenFile") return { tokenFile: "serviceaccount/token" };
  if (user === "token") return { token };
  if (user === "none") return {};
  if (user === "certificate") return { "client-certificate-data": Buffer.from(client.chain).toString("base64"),
    "client-key-data": Buffer.from(client.key).toString("base64") };
  writeFileSync(join(folder, "client.crt"), client.chain);
  writeFileSync(join(folder, "client.key"), client.key, { mode: 0o600 });
  return { "client-certificate": "client.crt", "client-key": join(folder, "client.key") };
}

/** YAML in block style, of objects, lists, texts and flags. */
function yaml(value: unknown, indent = ""): string {
  if (Array.isArray(value)) return value.map((item) => `${indent}- ${yaml(item, `${indent}  `).trimStart()}`).join("");
  if (typeof value !== "object" || value === null) return `${indent}${JSON.stringify(value)}\n`;
  const entries = Object.entries(value);
  if (entries.length === 0) return `${indent}{}\n`;
  return entries.map(([key, inner]) => typeof inner === "object" && inner !== null
    ? `${indent}${key}:\n${yaml(inner, `${indent}  `)}`
    : `${indent}${key}: ${JSON.stringify(inner)}\n`).join("");
}
