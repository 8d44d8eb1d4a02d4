/** Which store keeps a network's addresses: what the `ipam` section of its configuration says. */
export type StoreChoice = FilesChoice | EtcdChoice | KubernetesChoice;

/** Files of this node, interchangeable with the reference's. */
export interface FilesChoice {
  readonly type: "files";
  /** Holds one directory for every network. */
  readonly dataDir: string;
  /** The configuration is the node's own: then it may be any directory. */
  readonly trusted: boolean;
}

/** Keys of an etcd, which nodes share. */
export interface EtcdChoice {
  readonly type: "etcd";
  /** The configuration is the node's own: then it may name servers. */
  readonly trusted: boolean;
  /** undefined: those of the node's configuration. */
  readonly servers: EtcdServers | undefined;
}

/** Objects of a cluster, which its nodes share. */
export interface KubernetesChoice {
  readonly type: "kubernetes";
  /** The configuration is the node's own: then it may name a kubeconfig. */
  readonly trusted: boolean;
  /** undefined: that of the node's configuration. */
  readonly servers: KubernetesServer | undefined;
}

export interface KubernetesServer {
  /** A file's path; "" for the service account of the pod we run in. */
  readonly kubeconfig: string;
}

export interface EtcdServers {
  /** `http://10.0.0.1:2379`, at least one: members of one cluster, tried in turn. */
  readonly endpoints: readonly string[];
  /** Before all keys; absent for the usual one. */
  readonly prefix?: string;
  /** Paths of PEM files. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
}

/** The servers that the node's configuration names: networks that are not the node's own use no others. */
export interface NodeStores {
  readonly etcd?: EtcdServers;
  readonly kubernetes?: KubernetesServer;
  /** Of networks with ipam.type whereabouts that name none; absent: the executable of that name serves them. */
  readonly whereabouts?: "etcd" | "kubernetes";
}
