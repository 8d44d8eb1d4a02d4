// npm run bench:watching [PODS] [ROUNDS]: what a cluster of that many pods, and a node that is full of them, cost a
// daemon that watches: its memory, and the ADD and DEL of one pod more, in turns with a node of a single pod.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { inNetns, openNetns, openOwnNetns } from "../../../src/kernel/netns.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { cniVersion } from "../cases.ts";
import type { Call } from "../runtimes.ts";
import { environmentOf } from "../runtimes.ts";
import { against, ms, ratio, summarize, table, timeMs } from "../statistics.ts";
import { prepareHost } from "../whole-process.ts";
import { processorMs, residentKiB, start, sweep } from "./process.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const bin = join(root, "dist", "bin"), polynic = join(bin, "polynic");
const [clusterPods = 100_000, rounds = 30] = process.argv.slice(2).map(Number);
/** Goals: memory of a large cluster's node beyond that of a small one's; ADD on a full node as a multiple. */
const moreMostMiB = 20, slowerMost = 1.2;
const namespace = "bench", definitions = 10_000, atOnce = 8, putsAtOnce = 500;
const limitMs = 60_000;
const networks = "k8s.v1.cni.cncf.io/networks";
/** As large as a pod's usually is. */
const containers = { containers: Array.from({ length: 3 }, (_, index) => ({ name: `c${index}`, image: "image:1",
  env: Array.from({ length: 10 }, (_, number) => ({ name: `VARIABLE_${number}`, value: "x".repeat(40) })) })) };
/** Definitions: of the pod that is measured, and of all others. */
const bridges: readonly string[] = ["back", "crowd"];
const uidOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, "0")}`;
const socketOf = (node: string): string => `/run/polynic-${node}/polynic.sock`;

interface Kind {
  readonly name: string;
  readonly title: string;
  /** In the cluster, those of the node among them. */
  readonly pods: number;
  readonly own: number;
  readonly definitions: number;
}

interface Node extends Kind {
  readonly api: ApiServer;
  readonly daemon: number;
  readonly watchedMiB: number;
  readonly known: string;
  /** Runs with the node's network namespace for the host's. */
  inside<T>(work: () => T extends PromiseLike<unknown> ? never : T): T;
}

const kinds: readonly Kind[] = [
  { name: "single", title: "1 pod, alone", pods: 1, own: 1, definitions: 2 },
  { name: "large", title: `100 pods of ${clusterPods}`, pods: clusterPods, own: 100, definitions },
  { name: "full", title: "1000 pods", pods: 1000, own: 1000, definitions: 2 },
];

prepareHost();
const host = openOwnNetns();
const nodes: Node[] = [];
for (const kind of kinds) nodes.push(await makeNode(kind));
console.log(report(measure()));
for (const { api } of nodes) await api.stop();

async function makeNode(kind: Kind): Promise<Node> {
  const { name } = kind, netns = `node-${name}`;
  execFileSync("sh", ["-ec", `ip netns add ${netns}; ip -n ${netns} link set lo up`]);
  const there = openNetns(`/run/netns/${netns}`);
  const inside: Node["inside"] = (work) => inNetns(there, host, work);
  const { started } = inside(() => ({ started: startApiServer() })), api = await started;
  await fillCluster(api, kind);
  const words = [`--net=/run/netns/${netns}`, polynic, "daemon", "--socket", socketOf(name), "--watch",
    "--node-name", name, "--health", "127.0.0.1:9877"];
  // Ends with the benchmark's process namespace; nsenter becomes the daemon.
  const child = spawn("nsenter", words, { stdio: "inherit", env: { PATH: process.env["PATH"] } });
  child.unref();
  execFileSync("sh", ["-c", 'until [ -S "$1" ]; do sleep 0.02; done', "sh", socketOf(name)], { timeout: limitMs });
  const node = { ...kind, api, daemon: child.pid ?? 0, inside, watchedMiB: 0, known: "" };
  makeContainer("probe-0");
  for (const command of ["ADD", "DEL"]) run(node, call(node, command, 0));
  while (objects(node, "pods") < kind.own) await sleep(50);
  // All of them come as fast as they can be read, and what is read twice is not kept.
  await sleep(1_000);
  const known = `${objects(node, "pods")} / ${objects(node, "definitions")}`;
  const watched = { ...node, known, watchedMiB: residentKiB(node.daemon) / 1024 };
  await fillNode(watched);
  return watched;
}

/** Pod 0 is the one that is attached again and again. */
async function fillCluster(api: ApiServer, { name, pods, own, definitions: count }: Kind): Promise<void> {
  const put = async (total: number, one: (index: number) => Promise<unknown>): Promise<void> => {
    for (let from = 0; from < total; from += putsAtOnce)
      await Promise.all(Array.from({ length: Math.min(putsAtOnce, total - from) }, (_, index) => one(from + index)));
  };
  await put(pods, (index) => api.putPod({
    namespace, name: `pod-${index}`, uid: uidOf(index), annotations: { [networks]: index === 0 ? "back" : "crowd" },
    spec: { nodeName: index < own ? name : `other-${index % 1000}`, ...containers },
    status: { phase: "Running", podIP: "10.0.0.1" },
  }));
  await put(count, (index) => api.putDefinition({ namespace, name: bridges[index] ?? `more-${index}`,
    config: bridge(name, "back", { second: 140, number: index }) }));
}

/** All pods but the first, for good. */
async function fillNode(node: Node): Promise<void> {
  const numbers = Array.from({ length: node.own - 1 }, (_, index) => index + 1);
  const failures = await sweep(numbers, atOnce, async (number) => {
    const attachment = call(node, "ADD", number, makeContainer(`${node.name}-${number}`));
    await node.inside(() => ({ answer: start(attachment) })).answer;
  });
  const [first] = failures;
  if (first !== undefined) throw new Error(`${failures.length} of ${node.title} cannot be attached: ${first}`);
}

interface Times {
  readonly node: Node;
  readonly addMs: number;
  readonly delMs: number;
  /** Of the daemon, for both. */
  readonly cpuMs: number;
}

/** In turns, so that a machine changing its speed hits all alike. */
function measure(): readonly Times[] {
  const times = new Map(nodes.map((node) =>
    [node, { ADD: [] as number[], DEL: [] as number[], before: processorMs(node.daemon) }]));
  for (let round = 0; round <= rounds; round++) {
    for (const [node, all] of times) {
      for (const command of ["ADD", "DEL"] as const) {
        const tookMs = run(node, call(node, command, 0));
        if (round > 0) all[command].push(tookMs);
      }
    }
  }
  return [...times].map(([node, { ADD, DEL, before }]) => ({
    node, addMs: summarize(ADD).medianMs, delMs: summarize(DEL).medianMs,
    cpuMs: (processorMs(node.daemon) - before) / (rounds + 1),
  }));
}

function run(node: Node, one: Call): number {
  const input = JSON.stringify(one.conf), env = environmentOf(one);
  return node.inside(() => timeMs(() => {
    const { status, stdout } = spawnSync(one.executable, [], { input, env, encoding: "utf8", timeout: limitMs });
    if (status !== 0) throw new Error(`${one.command} on the node of ${node.title} failed: ${stdout}`);
  }));
}

function call({ name, api }: Node, command: string, number: number, netns = "/run/netns/probe-0"): Call {
  const uid = uidOf(number);
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=pod-${number};K8S_POD_UID=${uid}`;
  return {
    executable: polynic, command, attachment: { containerId: `pod-${number}`, netns }, ifName: "eth0", pluginPath: bin,
    env: { POLYNIC_SOCKET: socketOf(name), CNI_ARGS: args },
    conf: { cniVersion, name: "bench", type: "polynic", binDir: bin, cniDir: `/var/lib/cni/${name}/multus`,
      kubeconfig: api.kubeconfig, delegates: [bridge(name, "front", { second: 130, number })] },
  };
}

function makeContainer(name: string): string {
  const netns = `/run/netns/${name}`;
  execFileSync("sh", ["-ec", `[ -e ${netns} ] || ip netns add ${name}`]);
  return netns;
}

/** The pod that is measured has bridges of its own: what a thousand ports cost the kernel is not the daemon's. */
function bridge(
  node: string, name: string, { second, number }: { readonly second: number; readonly number: number },
): object {
  const ranges = [[{ subnet: `10.${second}.0.0/20` }]];
  return { cniVersion, name, type: "bridge", bridge: `${name}${number === 0 ? 0 : 1}`,
    ipam: { type: "host-local", dataDir: `/var/lib/cni/${node}/networks`, ranges } };
}

/** What the daemon says it knows, asked for where it answers. */
function objects({ inside }: Pick<Node, "inside">, what: string): number {
  const script = "fetch('http://127.0.0.1:9877/metrics').then((r) => r.text()).then(console.log)";
  const page = inside(() => spawnSync(process.execPath, ["-e", script], { encoding: "utf8", timeout: limitMs }).stdout);
  return Number(new RegExp(`^polynic_cache_objects{what="${what}"} (\\d+)`, "m").exec(page)?.[1] ?? 0);
}

function report(all: readonly Times[]): string {
  const [single, large, full] = all;
  if (single === undefined || large === undefined || full === undefined) throw new Error("three nodes were measured");
  const rows = all.map(({ node, addMs, delMs, cpuMs }) => [
    node.title, node.known, node.watchedMiB.toFixed(1), (residentKiB(node.daemon) / 1024).toFixed(1),
    ms(addMs), ratio(addMs, single.addMs), ms(delMs), ratio(delMs, single.delMs), ms(cpuMs),
  ]);
  const more = large.node.watchedMiB - single.node.watchedMiB;
  return [
    `A daemon that watches, in clusters of 1, ${clusterPods} and 1000 pods; one pod more attached ${rounds} times\n`,
    table(["on the node", "pods / definitions known", "MiB, watching", "MiB, in the end", "ADD ms", "of 1 pod",
      "DEL ms", "of 1 pod", "CPU ms of both"], rows), "",
    table(["watching", "", "goal"], [
      ["MiB more in the large cluster", more.toFixed(1), against(more, moreMostMiB)],
      ["ADD on the full node", ratio(full.addMs, single.addMs), against(full.addMs / single.addMs, slowerMost)],
    ]),
  ].join("\n");
}
