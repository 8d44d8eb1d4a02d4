/**
 * A node in a box as a cluster knows it: links to stand on, containerd, and the cluster's API; and a look at its pods.
 */
import { readFileSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { ApiServer, Key } from "./api-server.ts";
import { podMounts } from "./box-traces.ts";
import type { Box } from "./box.ts";
import type { Containerd } from "./containerd.ts";
import type { PodRequest } from "./cri.ts";
import { waitLimitMs } from "./limits.ts";
import type { TestNetns } from "./netns.ts";
import { ipJson, run } from "./netns.ts";

/** The two ends of a cable: what stands on one can speak to nobody but what stands on the other. */
export const uplinks = ["uplink0", "uplink1"];

export function makeUplinks(): void {
  const [one = "", other = ""] = uplinks;
  run("ip", "link", "add", one, "type", "veth", "peer", "name", other);
  for (const name of uplinks) run("ip", "link", "set", name, "up");
}

/** `10.0.0.2/24` for each address of an interface but the link-local ones. */
export function addressesOf(netns: TestNetns, ifName: string): readonly string[] {
  const own = ipJson(`addr show dev ${ifName}`,
    netns).flatMap(({ addr_info }) => addr_info.filter(({ scope }: any) => scope === "global"));
  return own.map(({ local, prefixlen }) => `${local}/${prefixlen}`).sort();
}

export function linksOf(netns: TestNetns): readonly string[] {
  return ipJson("link show", netns).map(({ ifname }) => ifname).sort();
}

/** `10.0.0.1 eth0` for each default route. */
export function defaultRoutesOf(netns: TestNetns, family: 4 | 6 = 4): readonly string[] {
  return ipJson(`-${family} route show default`, netns).map(({ gateway, dev }) => `${gateway} ${dev}`);
}

/** What a server answers to the node itself, once it listens. */
export async function fetchText(url: string): Promise<string> {
  const limit = Date.now() + waitLimitMs;
  for (;;) {
    try {
      return await (await fetch(url, { signal: AbortSignal.timeout(waitLimitMs / 10) })).text();
    } catch (error) {
      if (Date.now() > limit) throw new Error(`Cannot fetch ${url}`, { cause: error });
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A pod as its author writes it. */
export interface PodSpec extends PodRequest {
  /** The annotation that names its networks: its text, or what it is JSON of. */
  readonly networks?: string | readonly object[];
}

/** A pod whose sandbox is there. */
export interface RunningPod extends Key {
  readonly id: string;
  readonly netns: TestNetns;
  readonly request: PodRequest;
}

export const networksKey = "k8s.v1.cni.cncf.io/networks", statusKey = "k8s.v1.cni.cncf.io/network-status";

/** Writes the pod into the API and asks containerd for it, as a kubelet does that has learnt of it. */
export async function runPod(node: { readonly api: ApiServer; readonly containerd: Containerd },
  spec: PodSpec): Promise<RunningPod> {
  const request = await announcePod(node.api, spec);
  const id = await madeByKubelet(node.containerd, request);
  return { namespace: namespaceOf(spec), name: spec.name, id, request, netns: await node.containerd.netnsOf(id) };
}

/** A kubelet asks again where the API has not answered in time, as on a machine that is very busy. */
async function madeByKubelet({ cri }: Pick<Containerd, "cri">, request: PodRequest, tries = 10): Promise<string> {
  try {
    return await cri.runPod(request);
  } catch (error) {
    const isLate = error instanceof Error && error.message.includes("there was no whole answer within");
    if (!isLate || tries === 1) throw error;
    return await madeByKubelet({ cri }, request, tries - 1);
  }
}

/** @returns what a kubelet asks a runtime for */
export async function announcePod(api: ApiServer, { networks, ...spec }: PodSpec): Promise<PodRequest> {
  const selected = networks === undefined ? {} : { [networksKey]: typeof networks === "string" ? networks
    : JSON.stringify(networks) };
  const request = { uid: `uid-of-${spec.name}`, ...spec, annotations: { ...spec.annotations, ...selected } };
  await api.putPod({ namespace: namespaceOf(spec), name: spec.name, uid: request.uid,
    annotations: request.annotations });
  return request;
}

function namespaceOf({ namespace = "default" }: PodRequest): string {
  return namespace;
}

/**
 * The entries of the pod's network-status; undefined when it has none. It is `any` because a test looks at the few
 * fields it means.
 */
export async function networkStatusOf(api: ApiServer, key: Key): Promise<any[] | undefined> {
  const text = (await api.getPod(key))?.["metadata"].annotations?.[statusKey];
  return text === undefined ? undefined : JSON.parse(text);
}

/** `Normal AddedInterface: Add eth0 ...` for each event of the pod, in the order they came. */
export async function eventsOf(api: ApiServer, { namespace, name }: Key): Promise<readonly string[]> {
  const events = (await api.events()).filter(({ involvedObject }) => involvedObject.namespace === namespace
    && involvedObject.name === name);
  return events.map(({ type, reason, message }) => `${type} ${reason}: ${message}`);
}

/** The executable's processes that run a command for a pod right now. */
export function commandsFor(podName: string, verb: string): readonly number[] {
  return processIds().filter((pid) => {
    const environment = wordsOf(pid, "environ");
    const args = environment.find((pair) => pair.startsWith(argsPrefix))?.slice(argsPrefix.length).split(";") ?? [];
    return environment.includes(`CNI_COMMAND=${verb}`) && args.includes(`K8S_POD_NAME=${podName}`);
  });
}

/**
 * What a reboot leaves: the files below /var/lib and what containerd has there. Processes, namespaces, links and rules
 * of pods are gone; containerd learns of it when it starts.
 */
export async function reboot({ box,
  containerd }: { readonly box: Box; readonly containerd: Containerd }): Promise<void> {
  await containerd.stop();
  for (const pid of shims(box)) process.kill(pid, "SIGKILL");
  await box.endCgroups();
  for (const mount of podMounts()) run("umount", "--lazy", mount);
  for (const name of readdirSync("/run/netns")) rmSync(join("/run/netns", name));
  for (const name of readdirSync("/run/containerd")) rmSync(join("/run/containerd", name), { recursive: true });
  for (const { ifname } of ipJson("link show type bridge")) run("ip", "link", "delete", ifname);
  run("nft", "flush", "ruleset");
  await containerd.start();
}

/** The processes that containerd leaves in charge of its pods. */
function shims({ directory }: Box): readonly number[] {
  return processIds().filter((pid) => {
    const [program = "", ...args] = wordsOf(pid, "cmdline");
    return program.endsWith("containerd-shim-runc-v2") && args.some((arg) => arg.startsWith(directory));
  });
}

const argsPrefix = "CNI_ARGS=";

function processIds(): readonly number[] {
  return readdirSync("/proc").filter((entry) => /^[0-9]+$/.test(entry)).map(Number);
}

/** Empty for a process that has ended meanwhile. */
function wordsOf(pid: number, file: "environ" | "cmdline"): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
  } catch {
    return [];
  }
}
