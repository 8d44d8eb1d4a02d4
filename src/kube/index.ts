/**
 * What the cluster knows of a pod: its API is asked for pods and NetworkAttachmentDefinitions and told the pod's
 * network-status and events. Loaded late: only nodes of a cluster need it.
 */
export { openCluster } from "./cluster.ts";
export type { Cluster, ClusterOptions } from "./cluster.ts";
export { devicesOfPod } from "./devices.ts";
export type { DeviceSources } from "./devices.ts";
export type { PodEvent } from "./event.ts";
export type { Pod, PodKey } from "./pod.ts";
export type { World } from "./world.ts";
export { parseYamlDocuments } from "./yaml-documents.ts";
export type { YamlDocument, YamlPosition, YamlStep } from "./yaml-documents.ts";
