/** A kubelet's side of the container runtime interface: pods, their containers and their state, over gRPC. */
import { join } from "node:path";
import type { ServiceError } from "@grpc/grpc-js";
import { credentials, loadPackageDefinition } from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";
import { waitLimitMs } from "./limits.ts";

/** A pod as a kubelet asks for it. */
export interface PodRequest {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly portMappings?: readonly { readonly hostPort: number; readonly containerPort: number }[];
  /** Counts the sandboxes of one pod, from 0. */
  readonly attempt?: number;
}

/** A pod sandbox as the runtime reports it. */
export interface PodSandbox {
  readonly ready: boolean;
  /** The primary address first; "" when it has none. */
  readonly ips: readonly string[];
  /** The path of its network namespace; "" when it has none. */
  readonly netns: string;
}

export interface Condition { readonly type: string; readonly status: boolean; readonly reason: string; readonly message: string }

export interface Executed { readonly exitCode: number; readonly stdout: string; readonly stderr: string }

export interface Cri {
  version(): Promise<{ readonly name: string; readonly version: string }>;
  /** RuntimeReady and NetworkReady, by type. */
  conditions(): Promise<Readonly<Record<string, Condition>>>;
  /** The configurations of networks that new pods get, each as the text of its file. */
  networks(): Promise<readonly string[]>;
  /** @returns the sandbox's id, which is the container id of its CNI commands @throws Error with the runtime's message */
  runPod(pod: PodRequest): Promise<string>;
  stopPod(id: string): Promise<void>;
  removePod(id: string): Promise<void>;
  podStatus(id: string): Promise<PodSandbox>;
  /** The ids of all sandboxes, those that failed included. */
  listPods(): Promise<readonly string[]>;
  /** Creates and starts a container of the pod. @returns its id */
  startContainer(id: string, pod: PodRequest,
    container: { readonly image: string; readonly command: readonly string[] }): Promise<string>;
  exec(containerId: string, ...command: readonly string[]): Promise<Executed>;
  close(): void;
}

/** What one message of the protocol has in it; each call below reads the fields its response has in cri.proto. */
type Message = Readonly<Record<string, any>>;

/** NamespaceMode: a namespace of the whole pod, or of each container alone. */
const ofPod = 0, ofContainer = 1;
const sandboxReady = 0;

/** @param cgroupParent  the cgroup that pods go below, absolute */
export function connectCri(socket: string, { cgroupParent,
  logDirectory }: { readonly cgroupParent: string; readonly logDirectory: string }): Cri {
  const client = openClient(socket);
  const call = (method: string, request: object): Promise<Message> => new Promise((resolve, reject) => {
    const method_ = client[method];
    if (method_ === undefined) throw new Error(`Cannot call ${method}: expected a call of cri.proto`);
    method_.call(client, request, { deadline: Date.now() + waitLimitMs },
      (error: ServiceError | null, response: Message) => (
      error === null ? resolve(response) : reject(new Error(`${method}: ${error.details}`))));
  });
  const configOf = (pod: PodRequest): object => podConfig(pod, { cgroupParent, logDirectory });

  return {
    async version() {
      const { runtime_name: name, runtime_version: version } = await call("Version", {});
      return { name, version };
    },
    async conditions() {
      const { status } = await call("Status", {});
      return Object.fromEntries(status.conditions.map((condition: Condition) => [condition.type, condition]));
    },
    async networks() {
      const { info } = await call("Status", { verbose: true });
      return (JSON.parse(info.cniconfig ?? "{}").Networks ?? []).map((network: Message) => network["Config"].Source);
    },
    runPod: async (pod) => (await call("RunPodSandbox", { config: configOf(pod) }))["pod_sandbox_id"],
    stopPod: async (id) => void await call("StopPodSandbox", { pod_sandbox_id: id }),
    removePod: async (id) => void await call("RemovePodSandbox", { pod_sandbox_id: id }),
    podStatus: async (id) => toSandbox(await call("PodSandboxStatus", { pod_sandbox_id: id, verbose: true })),
    listPods: async () => (await call("ListPodSandbox", {}))["items"].map(({ id }: Message) => id),
    async startContainer(id, pod, { image, command }) {
      const config = { metadata: { name: "main", attempt: 0 }, image: { image }, command, log_path: `${pod.name}.log` };
      const created = await call("CreateContainer", { pod_sandbox_id: id, config, sandbox_config: configOf(pod) });
      await call("StartContainer", created);
      return created["container_id"];
    },
    async exec(containerId, ...command) {
      const { exit_code: exitCode, stdout, stderr } = await call("ExecSync",
        { container_id: containerId, cmd: command, timeout: waitLimitMs / 1000 });
      return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
    },
    close: () => client.close(),
  };
}

interface Client {
  readonly [method: string]: ((request: object, options: object,
    done: (error: ServiceError | null, response: Message) => void) => void) | undefined;
}

function openClient(socket: string): Client & { close(): void } {
  const definition = loadSync(join(import.meta.dirname, "cri.proto"),
    { keepCase: true, longs: Number, defaults: true });
  // cri.proto says that this is there, and a service.
  const { runtime } = loadPackageDefinition(definition) as any;
  return new runtime.v1.RuntimeService(`unix:${socket}`, credentials.createInsecure(),
    { "grpc.initial_reconnect_backoff_ms": 50 });
}

function podConfig(pod: PodRequest, { cgroupParent,
  logDirectory }: { readonly cgroupParent: string; readonly logDirectory: string }): object {
  const { name, namespace = "default", uid = `uid-of-${name}`, annotations = {}, portMappings = [], attempt = 0 } = pod;
  return {
    metadata: { name, namespace, uid, attempt }, hostname: name, log_directory: logDirectory, annotations,
    port_mappings: portMappings.map(({ hostPort, containerPort }) => ({ protocol: 0, host_port: hostPort,
      container_port: containerPort, host_ip: "" })),
    linux: { cgroup_parent: cgroupParent, security_context: { namespace_options: { network: ofPod, pid: ofContainer,
      ipc: ofPod } } },
  };
}

function toSandbox({ status, info }: Message): PodSandbox {
  const { state, network } = status;
  // The runtime's own account of the sandbox, where its namespaces are named as in an OCI runtime's configuration.
  const namespaces: readonly Message[] = JSON.parse(info["info"] ?? "{}").runtimeSpec?.linux?.namespaces ?? [];
  return {
    ready: state === sandboxReady,
    ips: network === null ? [] : [network.ip, ...network.additional_ips.map(({ ip }: Message) => ip)],
    netns: namespaces.find(({ type }) => type === "network")?.["path"] ?? "",
  };
}
