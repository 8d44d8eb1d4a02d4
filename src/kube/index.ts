/**
 * What the cluster knows of a pod: its API is asked for pods and NetworkAttachmentDefinitions and told the pod's
 * network-status and events. Loaded late: only nodes of a cluster need it.
 */
export { openCluster } from "./cluster.ts";
export type { Cluster, ClusterOptions } from "./cluster.ts";
export { openConnections } from "./client/connections.ts";
export type { Connections } from "./client/connections.ts";
export { openInventory } from "./inventory.ts";
export type { Inventory, Resource } from "./inventory.ts";
export { openKubeBlocks } from "./leases/blocks.ts";
export { openNodes } from "./nodes/nodes.ts";
export type { ClusterNode } from "./nodes/node.ts";
export type { ClusterNodes } from "./nodes/nodes.ts";
export { toldOnce } from "./nodes/told-once.ts";
export { devicesOfPod } from "./kubelet/devices.ts";
export { keepClusters } from "./watch/kept-clusters.ts";
export type { KeptCluster, KeptClusters, WatchFacts, WatchedClusters } from "./watch/kept-clusters.ts";
export type { PodEvent } from "./objects/event.ts";
export type { IpamClaim } from "./objects/ipam-claim.ts";
export { asksTheSame } from "./objects/pod.ts";
export type { Pod, PodKey } from "./objects/pod.ts";
export { parseYamlDocuments } from "./client/yaml-documents.ts";
export type { YamlDocument, YamlPosition, YamlStep } from "./client/yaml-documents.ts";
