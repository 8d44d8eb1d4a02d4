// The demo's second act: a pod asks an API server for three networks, and finds there what it got. The server is the
// one that the tests speak to; pod and definitions are conf/cluster.yaml, the node is conf/90-cluster.conflist.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseYamlDocuments } from "../../src/kube/index.ts";
import type { ApiServer } from "../../test/helpers/api-server.ts";
import { startApiServer } from "../../test/helpers/api-server.ts";
import { ipJson, limitMs, ms, note, picture, prove, say, sh } from "./stage.ts";

/** As far as the demo reads what conf/cluster.yaml holds. */
interface Manifest {
  readonly kind: string;
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly spec: { readonly config?: string };
}

interface StatusEntry {
  readonly name: string;
  readonly interface?: string;
  readonly ips?: readonly string[];
}

const netns = "pod", asked = "k8s.v1.cni.cncf.io/networks", told = "k8s.v1.cni.cncf.io/network-status";

export async function showPod({ root, polynic }: { readonly root: string; readonly polynic: string }): Promise<void> {
  sh(
    `ip netns add ${netns}; ip -n ${netns} link set lo up; ip link add eth1 up type veth peer name eth1 netns lan; ` +
      "ip -n lan link set eth1 up",
  );
  const api = await startApiServer();
  try {
    const pod = await apply(join(root, "conf", "cluster.yaml"), api);
    say(`A pod of a cluster asks for three networks (conf/cluster.yaml)`);
    note(pod.metadata.annotations?.[asked]?.trim() ?? "");
    const { plugins: [plugin], ...list } = JSON.parse(readFileSync(join(root, "conf", "90-cluster.conflist"), "utf8"));
    const conf = { ...list, ...plugin, kubeconfig: api.kubeconfig };
    const call = (verb: string): number => cni(verb, { polynic, conf, bin: join(root, "dist", "bin"), pod });
    note(`ADD: ${ms(call("ADD"))}, the API's answers included`);
    say("The pod, as the kernel sees it and as the API tells");
    picture(netns);
    await proveStatus(api, pod);
    prove(
      "its default route goes where the annotation says, no other is left",
      defaultRoutes().join() === "192.168.50.1 lan0",
    );
    await api.fault({ kind: "refuse" });
    note(`DEL: ${ms(call("DEL"))}, while nobody answers at the API's address`);
    prove(`netns ${netns} holds nothing but lo`, ipJson(netns, "link").map(({ ifname }) => ifname).join() === "lo");
  } finally {
    await api.stop();
  }
}

/** Gives the API server what kubectl would; returns the pod. */
async function apply(file: string, api: ApiServer): Promise<Manifest> {
  // conf/cluster.yaml is ours, and a test checks it with polynic lint.
  const manifests = (await parseYamlDocuments(readFileSync(file, "utf8"))).map(({ value }) => value as Manifest);
  for (const { kind, metadata, spec } of manifests) {
    if (kind === "Pod") await api.putPod(metadata);
    else await api.putDefinition({ ...metadata, ...spec });
  }
  const pod = manifests.find(({ kind }) => kind === "Pod");
  if (pod === undefined) throw new Error(`Cannot find a pod in ${file}`);
  return pod;
}

function cni(
  verb: string,
  { polynic, conf, bin, pod: { metadata } }: { polynic: string; conf: object; bin: string; pod: Manifest },
): number {
  const env = {
    CNI_COMMAND: verb,
    CNI_CONTAINERID: "demo-pod",
    CNI_NETNS: `/run/netns/${netns}`,
    CNI_IFNAME: "eth0",
    CNI_PATH: bin,
    PATH: process.env["PATH"] ?? "",
    CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${metadata.namespace};K8S_POD_NAME=${metadata.name}`,
  };
  const start = process.hrtime.bigint();
  const child = spawnSync(polynic, [], { input: JSON.stringify(conf), env, encoding: "utf8", timeout: limitMs });
  if (child.status !== 0) throw new Error(`${verb} of the pod failed: ${child.stdout}${child.stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

async function proveStatus(api: ApiServer, { metadata }: Manifest): Promise<void> {
  const pod = (await api.getPod(metadata)) as {
    readonly metadata: { readonly annotations: Readonly<Record<string, string>> };
  };
  const entries: readonly StatusEntry[] = JSON.parse(pod.metadata.annotations[told] ?? "[]");
  for (const { name, interface: ifName = "", ips = [] } of entries)
    note(`${told.split("/")[1]}: ${name} ${ifName} ${ips.join(" ")}`);
  const inKernel = ipJson(netns, "-4", "addr")
    .filter(({ ifname }) => ifname !== "lo")
    .map(({ ifname, addr_info: [{ local }] }) => `${ifname} ${local}`)
    .sort();
  const published = entries.map(({ interface: ifName, ips = [] }) => `${ifName} ${ips[0]}`).sort();
  prove(
    "network-status names the interfaces and addresses that are there",
    published.length === 4 && published.join() === inKernel.join(),
  );
}

function defaultRoutes(): readonly string[] {
  return ipJson(netns, "route", "show", "default").map(({ gateway, dev }) => `${gateway} ${dev}`);
}
