import type { ContainerFacts, LinkFacts, NetworkFacts, NodeFacts } from "../../../src/commands/show/facts.ts";

export function link(index: number, name: string, more: Partial<LinkFacts> = {}): LinkFacts {
  return { index, name, kind: "", detail: "", up: true, mtu: 1500, addresses: [], ...more };
}

export function network(name: string, ifName: string, more: Partial<NetworkFacts> = {}): NetworkFacts {
  return {
    name, ifName, plugins: ["bridge"], addresses: [], ipam: undefined, ports: [], isComplete: true, ...more,
  };
}

export function container(name: string, more: Partial<ContainerFacts> = {}): ContainerFacts {
  const containerId = `id-${name}`;
  return { containerId, name, netns: `/run/netns/${name}`, inside: undefined, networks: [], ruleOwners: [containerId],
    ...more };
}

/** Bridge cni0 with pods, eth0 with a VLAN that a macvlan hangs on. */
export function exampleNode(pods: number): NodeFacts {
  const numbers = Array.from({ length: pods }, (_, i) => i + 2);
  const ipam = { type: "host-local", scope: "shop", store: "/var/lib/cni/networks/shop",
    ranges: [{ subnet: "10.88.0.0/16", range: "10.88.0.1-10.88.255.254" }] };
  return {
    node: "worker-1",
    host: { links: [
      link(1, "lo"), link(2, "eth0", { addresses: ["192.168.1.20/24", "fe80::1/64"], mac: "02:00:00:00:00:01" }),
      link(3, "eth0.100", { kind: "vlan", detail: "id 100", parent: 2, parentIn: "here" }),
      link(4, "cni0", { kind: "bridge", addresses: ["10.88.0.1/16"] }),
      link(5, "eth1", { master: 4 }),
      ...numbers.map((n) => link(100 + n, `veth${n}`, { kind: "veth", master: 4, parent: 2, parentIn: "elsewhere" })),
    ] },
    containers: numbers.map((n) => container(`shop/web-${n - 2}`, {
      inside: { links: [
        link(1, "lo"),
        link(2, "eth0", { kind: "veth", parent: 100 + n, parentIn: "host", mac: "02:00:00:00:01:01",
          addresses: [`10.88.0.${n}/16`] }),
        ...(n % 3 === 2 ? [link(3, "net1", { kind: "macvlan", detail: "mode bridge", parent: 3, parentIn: "host",
          addresses: [`192.168.100.${n}/24`] })] : []),
      ] },
      networks: [
        network("shop", "eth0", { addresses: [`10.88.0.${n}/16`], ipam, plugins: ["bridge", "portmap"],
          ports: n === 2 ? [{ hostPort: 8080, containerPort: 80, protocol: "tcp", hostAddress: "" }] : [] }),
        ...(n % 3 === 2 ? [network("lan", "net1", { addresses: [`192.168.100.${n}/24`],
          ipam: { type: "dhcp", ranges: [] }, plugins: ["macvlan"] })] : []),
      ],
    })),
    rules: numbers.slice(0, 1).map((n) => ({ tool: "nftables", table: "inet cni_plugins_masquerade",
      chain: "masq_checks", owner: "id-shop/web-0",
      text: `ip saddr 10.88.0.${n} ip daddr != 10.88.0.0/16 masquerade comment "x"` } as const)),
  };
}
