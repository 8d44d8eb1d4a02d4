/** A move from whereabouts and back in a test: a cluster, a store that nodes share, and commands. */
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBlocks } from "../../../src/call/index.ts";
import type { NodeStores } from "../../../src/ipam/index.ts";
import { addressAt } from "../../../src/ipam/index.ts";
import { formatAddress } from "../../../src/net/index.ts";
import type { PluginConf } from "../../../src/plugins/index.ts";
import type { ApiServer } from "../api-server.ts";
import { typedHereWithJson } from "../typed.ts";
import type { Etcd } from "./etcd.ts";
import { addAll, delOf, handlesOf, requestOf } from "./ipam-calls.ts";

export interface MoveContext {
  api: ApiServer;
  etcd?: Etcd;
  type: "kubernetes" | "etcd";
  stores: NodeStores;
  directory: string;
  warnings: string[];
}

/** Of the network that there is in each test. */
export const range = "10.1.0.0/24";
export const ipam = { type: "whereabouts", range };
export const confOf = (own: object = ipam, name = "lan"): PluginConf =>
  ({ cniVersion: "1.0.0", name, type: "macvlan", ipam: own });
const argsOf = (pod: string, uid = `uid-${pod}`) =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${pod};K8S_POD_UID=${uid}`;

export async function move(context: MoveContext, way: "import" | "export", ...words: readonly string[]) {
  return await typedHereWithJson("ipam", way, "whereabouts", "--conf-dir", context.directory, ...words);
}

export async function add(
  context: MoveContext, node: string, pod: string, container: string, conf = confOf(),
): Promise<string> {
  const request = requestOf(conf, container, { ifName: "net1", args: argsOf(pod) });
  const [address = ""] = await addAll(handlesOf(context, node, context.stores), request);
  return address.replace(/\/.*/, "");
}

export async function del(context: MoveContext, node: string, container: string, conf = confOf()): Promise<void> {
  await delOf(handlesOf(context, node, context.stores), requestOf(conf, container, { ifName: "net1" }));
}

/** `10.1.0.1 shop/web-0 c1 node`, and what is held. */
export async function ours(context: MoveContext, scope = "whereabouts"): Promise<readonly string[]> {
  const engine = await openBlocks({ type: context.type, trusted: true, servers: undefined },
    { stores: context.stores, env: {} });
  return (await engine.readAll(scope)).flatMap((block) => [...block.entries].map(([offset, entry]) => {
    const address = formatAddress(addressAt(block, offset));
    if (entry.state !== "active") return `${address} ${entry.state} ${"key" in entry ? entry.key : ""}`.trim();
    const { pod, containerId, node, network = "-", claim } = entry.owner;
    return [address, `${pod?.namespace}/${pod?.name}`, containerId, node, network, ...(claim ? [claim] : [])].join(" ");
  })).sort();
}

let scopes = 0;

/** A cluster with nothing of whereabouts but a network, and a machine whose configuration says how it is reached. */
export async function fresh(context: MoveContext): Promise<void> {
  const { api } = context;
  for (const plural of ["ippools", "overlappingrangeipreservations", "nodeslicepools", "pods", "leaseblocks",
    "ipamclaims", "network-attachment-definitions"])
    for (const { metadata: { namespace = "", name } } of await api.list(plural))
      await api.remove(plural, namespace, name);
  await api.putDefinition({ namespace: "shop", name: "lan", config: { ...confOf() } });
  context.warnings = [];
  context.directory = mkdtempSync(join(tmpdir(), "polynic-move-"));
  const etcdServers = { endpoints: context.etcd?.endpoints ?? [], prefix: `/move/${++scopes}` };
  context.stores = { kubernetes: { kubeconfig: api.kubeconfig }, whereabouts: context.type, etcd: etcdServers };
  writeFileSync(join(context.directory, "10-pods.conf"), JSON.stringify({ cniVersion: "1.0.0", name: "pods",
    type: "polynic", kubeconfig: api.kubeconfig, leaseStores: context.stores, clusterNetwork: "default" }));
}
