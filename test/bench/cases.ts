// What is measured: networks as plugin lists, the same for polynic and for the reference plugins.

/** One network: a name and its chain. */
export interface Network {
  readonly name: string;
  readonly plugins: readonly Readonly<Record<string, unknown>>[];
}

export interface Case {
  readonly title: string;
  readonly networks: readonly Network[];
  /** What the runtime passes to the first network. */
  readonly runtimeConfig?: Readonly<Record<string, unknown>>;
  /** Needs plugins that know `ipMasqBackend` and portmap's `backend`. */
  readonly nftables?: boolean;
}

export const cniVersion = "1.0.0";
/** The lower link of the macvlan networks, made by the benchmark. */
export const uplink = "uplink0";

const portMappings = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] };

export const oneBridge: Case = { title: bridgesTitle(1), networks: plainBridges(1) };
export const eightBridges: Case = { title: bridgesTitle(8), networks: plainBridges(8) };
export const threePlain: Case = {
  title: "3 networks (2 bridge, macvlan)", networks: [bridge(0), bridge(1), macvlan(2)],
};
export const firewalled = {
  iptables: masqueradedAndMapped("iptables"),
  nftables: masqueradedAndMapped("nftables"),
} as const satisfies Readonly<Record<string, Case>>;

export const cases: readonly Case[] = [
  oneBridge, threePlain, eightBridges, firewalled.iptables, firewalled.nftables,
];

/** The chain podman makes for a network of its own, with a published port; of those plugins that are there. */
export function podmanChain(isThere: (type: string) => boolean): Case {
  const plugins = [
    { type: "bridge", bridge: "podman0", isGateway: true, ipMasq: true, hairpinMode: true, ipam: ipam(30) },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall", backend: "iptables" },
    { type: "tuning" },
  ].filter(({ type }) => isThere(type));
  return {
    title: `podman's chain (${plugins.map(({ type }) => type).join(", ")})`,
    runtimeConfig: portMappings,
    networks: [{ name: "podman", plugins }],
  };
}

export function bridgesTitle(count: number): string {
  return `${count} network${count === 1 ? "" : "s"} (bridge)`;
}

export function plainBridges(count: number): readonly Network[] {
  return Array.from({ length: count }, (_, index) => bridge(index));
}

function bridge(index: number): Network {
  return { name: `bench${index}`, plugins: [{ type: "bridge", bridge: `bench${index}`, ipam: ipam(index) }] };
}

function macvlan(index: number): Network {
  return { name: `bench${index}`, plugins: [{ type: "macvlan", master: uplink, ipam: ipam(index) }] };
}

function masqueradedAndMapped(backend: "iptables" | "nftables"): Case {
  // Older reference plugins know the iptables backend only and refuse nothing, so the keys are left out there.
  const ours = backend === "nftables";
  return {
    title: `bridge + ipMasq + portmap, ${backend}`,
    nftables: ours,
    runtimeConfig: portMappings,
    networks: [{
      name: "masq",
      plugins: [
        { type: "bridge", bridge: "masq0", isDefaultGateway: true, ipMasq: true,
          ...(ours ? { ipMasqBackend: backend } : {}), ipam: ipam(20) },
        { type: "portmap", ...(ours ? { backend } : {}), capabilities: { portMappings: true } },
      ],
    }],
  };
}

function ipam(index: number): Readonly<Record<string, unknown>> {
  return { type: "host-local", ranges: [[{ subnet: `10.${100 + index}.0.0/24` }]] };
}
