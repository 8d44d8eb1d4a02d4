/** The annotations that are about networks, spelled as their specifications do. */
export const annotation = {
  /** Of a pod: the networks it asks for. */
  networks: "k8s.v1.cni.cncf.io/networks",
  /** Of a pod, and Multus's own: the network that stands in for the node's default one. */
  defaultNetwork: "v1.multus-cni.io/default-network",
  /** Of a pod: what it has got (multi-network specification 1.3, section 5). */
  networkStatus: "k8s.v1.cni.cncf.io/network-status",
  /** Of a NetworkAttachmentDefinition: the device plugin's resource its devices come from. */
  resourceName: "k8s.v1.cni.cncf.io/resourceName",
} as const;
