/** A cluster whose only node is a world's host: its API listens there, its pods are asked for as a kubelet would. */
import { join } from "node:path";
import { inNetns, openNetns, openOwnNetns } from "../../../src/kernel/netns.ts";
import type { ApiServer } from "../api-server.ts";
import { startApiServer } from "../api-server.ts";
import type { Call, World } from "../runtime.ts";
import { ourPlugins } from "../three-networks.ts";
import { toDaemon } from "./process.ts";

export const nodeName = "worker-1";

/** An API server in the world's host namespace; the world's daemon and its shims reach it. */
export async function startClusterOf({ host }: World): Promise<ApiServer> {
  const there = openNetns(host.path), here = openOwnNetns();
  let started: Promise<ApiServer> | undefined;
  // The thread that it runs in begins before this returns.
  inNetns(there, here, () => { started = startApiServer(); });
  if (started === undefined) throw new Error("it has been started");
  return await started;
}

/** A network of bridges, whose addresses are in the world's directory. */
export function bridgeNetwork({ directory }: World, name: string, subnet: string, more: object = {}): object {
  return { cniVersion: "1.0.0", name, type: "bridge", bridge: `${name}0`,
    ipam: { type: "host-local", dataDir: join(directory, "networks"), ranges: [[{ subnet }]] }, ...more };
}

export interface PodCall {
  readonly name: string;
  readonly uid: string;
  readonly netns: string;
  /** Laid over the node's configuration. */
  readonly conf?: object;
}

/** The node's configuration: one network for every pod. */
export function nodeConf(world: World, api: ApiServer): object {
  return { cniVersion: "1.0.0", name: "pods", type: "polynic", cniDir: join(world.directory, "cni"),
    binDir: join(world.directory, "plugins"), kubeconfig: api.kubeconfig,
    delegates: [bridgeNetwork(world, "front", "10.60.0.0/24")] };
}

/** A call for a pod of namespace "blue", to the world's daemon; its container has the UID for its id. */
export function podCall(world: World, api: ApiServer, verb: string, { name, uid, netns, conf = {} }: PodCall): Call {
  const args = `IgnoreUnknown=1;K8S_POD_NAMESPACE=blue;K8S_POD_NAME=${name};K8S_POD_INFRA_CONTAINER_ID=${uid};` +
    `K8S_POD_UID=${uid}`;
  return toDaemon(world, { verb, type: "polynic", path: [ourPlugins()], containerId: uid, netns, args,
    conf: { ...nodeConf(world, api), ...conf } });
}
