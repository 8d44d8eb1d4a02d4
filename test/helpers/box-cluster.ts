/** A cluster of one node: its API, a containerd in a box, and networks for its pods as definitions in the API. */
import type { ApiServer } from "./api-server.ts";
import { startApiServer } from "./api-server.ts";
import type { PodSpec, RunningPod } from "./box-node.ts";
import { announcePod, makeUplinks, runPod, uplinks } from "./box-node.ts";
import { nothingLeft } from "./box-traces.ts";
import type { Box } from "./box.ts";
import { enterBox } from "./box.ts";
import type { Containerd, ContainerdBuild } from "./containerd.ts";
import { containerdPrograms, startContainerd } from "./containerd.ts";
import type { PodRequest } from "./cri.ts";
import { ourPlugins } from "./three-networks.ts";

/** What a suite needs that joins the cluster. */
export const clusterNeeds = { programs: { ...containerdPrograms, openssl: "openssl" },
  needs: ["nft_nat", "macvlan", "ipv6"] } as const;

export interface BoxCluster {
  readonly box: Box;
  readonly containerd: Containerd;
  readonly api: ApiServer;
  /** Gives new pods the node's network list; `more` is laid over the multiplexer's own configuration. */
  useNode(more?: object, cniVersion?: string): Promise<void>;
  /** A pod that the API knows and containerd has made. */
  started(spec: PodSpec): Promise<RunningPod>;
  /** The runtime's message about a pod that must not come to be; `request` is laid over what it is asked for. */
  refused(spec: PodSpec, request?: Partial<PodRequest>): Promise<string>;
  /** Stops and removes these pods, after which nothing may be left on the node. */
  removeLast(...pods: readonly { readonly id: string }[]): Promise<void>;
  nothingLeft(message?: string): Promise<void>;
  /** Takes everything away that a test which failed halfway has left. */
  tidy(): Promise<void>;
  leave(): Promise<void>;
}

export const hostLocal = (subnet: string, more: object = {}): object => ({ type: "host-local", ranges: [[{ subnet }]],
  ...more });

/** The node's own network for every pod. */
export const primary = {
  cniVersion: "1.0.0", name: "primary", plugins: [
    { type: "bridge", bridge: "cni0", isDefaultGateway: true, ipMasq: true, ipam: hostLocal("10.90.0.0/16") },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

export const macvlan = { type: "macvlan", master: "uplink0", mode: "bridge" };

/** NetworkAttachmentDefinitions of the namespace "default", by name. */
const definitions: Readonly<Record<string, object>> = {
  storage: { cniVersion: "1.1.0", type: "bridge", bridge: "br-storage", isGateway: true,
    ipam: hostLocal("10.91.0.0/16", { routes: [{ dst: "172.20.0.0/16" }] }) },
  lan: { cniVersion: "0.4.0", ...macvlan, ipam: hostLocal("192.168.90.0/24") },
  old: { cniVersion: "0.3.1", ...macvlan, ipam: hostLocal("192.168.93.0/24") },
  six: { cniVersion: "1.0.0", type: "bridge", bridge: "br-six", isGateway: true,
    ipam: { type: "host-local", ranges: [[{ subnet: "10.97.0.0/16" }], [{ subnet: "fd00:97::/64" }]] } },
  ports: { cniVersion: "1.0.0", plugins: [
    { type: "bridge", bridge: "br-ports", isGateway: true, capabilities: { ips: true },
      ipam: hostLocal("10.92.0.0/16") },
    { type: "portmap", capabilities: { portMappings: true } },
  ] },
  tuned: { cniVersion: "0.4.0", plugins: [
    { ...macvlan, capabilities: { ips: true }, ipam: { type: "static" } },
    { type: "tuning", sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
  ] },
};

/** A cluster whose node runs that build of containerd; for a suite's `before`, once. */
export async function joinCluster(build?: ContainerdBuild): Promise<BoxCluster> {
  const box = enterBox([ourPlugins()]);
  makeUplinks();
  const containerd = await startContainerd(box, build);
  const api = await startApiServer();
  for (const [name, config] of Object.entries(definitions)) await api.putDefinition({ namespace: "default", name,
    config });
  const { cri } = containerd;
  const removeAll = async (): Promise<void> => {
    for (const id of await cri.listPods()) await containerd.remove(id);
  };
  return {
    box, containerd, api,
    useNode: (more = {}, cniVersion = "1.0.0") => containerd.useNetwork({ cniVersion, name: "node", plugins: [
      { type: "polynic", capabilities: { portMappings: true }, kubeconfig: api.kubeconfig, delegates: [primary],
        ...more },
    ] }),
    started: (spec) => runPod({ api, containerd }, spec),
    async refused(spec, request = {}) {
      const asked = await announcePod(api, spec);
      return await cri.runPod({ ...asked,
        ...request }).then((id) => { throw new Error(`pod ${spec.name} was made: ${id}`); },
        (error: Error) => error.message);
    },
    async removeLast(...pods) {
      for (const { id } of pods) await containerd.remove(id);
      await nothingLeft({ links: uplinks });
    },
    nothingLeft: (message) => nothingLeft({ links: uplinks }, message),
    async tidy() {
      await api.heal();
      await removeAll();
    },
    async leave() {
      await api.stop();
      await containerd.stop();
      await box.leave();
    },
  };
}
