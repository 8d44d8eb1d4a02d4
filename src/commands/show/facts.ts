/** What a node says of itself, as it was found: the only thing that pictures are made of. Plain data. */

export interface NodeFacts {
  /** The machine's name. */
  readonly node: string;
  readonly host: NamespaceFacts;
  readonly containers: readonly ContainerFacts[];
  /** Firewall rules of ours. */
  readonly rules: readonly RuleFacts[];
}

/** A network namespace, as the kernel tells of it. */
export interface NamespaceFacts {
  readonly links: readonly LinkFacts[];
}

export interface LinkFacts {
  /** ifindex. */
  readonly index: number;
  readonly name: string;
  /** IFLA_INFO_KIND; "" for a physical link. */
  readonly kind: string;
  /** What of the kind's settings people tell links apart by: `mode bridge`, `id 100`, `table 10`. */
  readonly detail: string;
  readonly up: boolean;
  readonly mtu: number;
  readonly mac?: string;
  /** ifindex of the bridge or vrf it is a port of. */
  readonly master?: number;
  /** ifindex of the lower link or peer. */
  readonly parent?: number;
  /** Where `parent` is: the namespace itself, the host, or another. */
  readonly parentIn?: "here" | "host" | "elsewhere";
  /** As `10.1.0.2/24`. */
  readonly addresses: readonly string[];
}

export interface ContainerFacts {
  readonly containerId: string;
  /** What people call it. */
  readonly name: string;
  /** "" when nobody knows any more. */
  readonly netns: string;
  /** Undefined when its namespace is gone. */
  readonly inside: NamespaceFacts | undefined;
  readonly networks: readonly NetworkFacts[];
  /** What rules of it name as their owner. */
  readonly ruleOwners: readonly string[];
}

/** A network it was attached to, as it is remembered. */
export interface NetworkFacts {
  readonly name: string;
  readonly ifName: string;
  /** Types of its plugins in order. */
  readonly plugins: readonly string[];
  /** What its ADD answered; empty when none completed. */
  readonly addresses: readonly string[];
  readonly ipam: IpamFacts | undefined;
  readonly ports: readonly PortFacts[];
  /** An ADD has ended well. */
  readonly isComplete: boolean;
}

export interface IpamFacts {
  /** The plugin's type: `host-local`, `dhcp`. */
  readonly type: string;
  /** What addresses are kept apart in, for an IPAM that reserves: the network's name. */
  readonly scope?: string;
  /** Where reservations are, as a directory. */
  readonly store?: string;
  readonly ranges: readonly RangeFacts[];
}

export interface RangeFacts {
  readonly subnet: string;
  /** `10.1.0.10-10.1.0.99` */
  readonly range: string;
}

export interface PortFacts {
  readonly hostPort: number;
  readonly containerPort: number;
  readonly protocol: string;
  /** "" for all of the host's. */
  readonly hostAddress: string;
}

export interface RuleFacts {
  readonly tool: "nftables" | "iptables";
  /** `inet cni_plugins_masquerade`, `nat` */
  readonly table: string;
  readonly chain: string;
  /** As the tool prints it. */
  readonly text: string;
  /** What says whose it is: a container's id, that with its interface, or a hash of both. */
  readonly owner: string;
}
