/** What the kill sweep kills: every plugin by itself or in the shortest chain it works in, and the usual chains. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "../runtime.ts";
import { makeUplink, threeNetworks } from "../three-networks.ts";
import { dhcpSubject } from "./dhcp.ts";
import type { Subject } from "./sweep.ts";

const subnet = "10.60.0.0/24", subnet6 = "fd00:60::/64";

function hostLocal({ directory }: World, ...subnets: readonly string[]): object {
  return { type: "host-local", dataDir: join(directory, "networks"), ranges: subnets.map((subnet) => [{ subnet }]) };
}

const ptp = (world: World): Plugin => ({ type: "ptp", ipam: hostLocal(world, subnet) });
const bridge = (world: World): Plugin =>
  ({ type: "bridge", bridge: "killed0", isDefaultGateway: true, ipam: hostLocal(world, subnet, subnet6) });
const mapped = { runtimeConfig: { portMappings: [
  { hostPort: 8080, containerPort: 80, protocol: "tcp" }, { hostPort: 5353, containerPort: 53, protocol: "udp" },
] } };
const shaped = { type: "bandwidth", ingressRate: 8e6, ingressBurst: 8e5, egressRate: 8e6, egressBurst: 8e5 };
const tuned = ({ directory }: World): Plugin => ({
  type: "tuning", dataDir: join(directory, "tuning"), mac: "02:00:00:00:00:77", mtu: 1400, promisc: true,
  allmulti: true, txQLen: 500, sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" },
});

type Plugin = { readonly type: string } & Readonly<Record<string, unknown>>;

/** Those that make an interface, and those that give addresses. */
export const interfaces: readonly Subject[] = [
  { title: "ptp, masquerading with iptables",
    plugins: (world) => [{ ...ptp(world), ipMasq: true, ipMasqBackend: "iptables" }] },
  { title: "ptp, masquerading with nftables",
    plugins: (world) => [{ ...ptp(world), ipMasq: true, ipMasqBackend: "nftables" }] },
  { title: "bridge, masquerading with iptables",
    plugins: (world) => [{ ...bridge(world), ipMasq: true, ipMasqBackend: "iptables" }] },
  { title: "bridge, masquerading with nftables",
    plugins: (world) => [{ ...bridge(world), ipMasq: true, ipMasqBackend: "nftables", macspoofchk: true }] },
  { title: "macvlan", prepare: makeUplink,
    plugins: (world) => [{ type: "macvlan", master: "uplink0", ipam: hostLocal(world, subnet) }] },
  { title: "host-device", prepare: makeUplink, again: withUplinkDown,
    anew: /uplink0\/(?:qdisc|flags)|uplink0 (?:self|root)/,
    plugins: (world) => [{ type: "host-device", device: "uplink0", ipam: hostLocal(world, subnet) }] },
  { title: "vxlan", prepare: withUnderlay, plugins: (world) => [
    { type: "vxlan", vni: 7, master: "uplink0", peers: ["192.0.2.9"], ipam: hostLocal(world, subnet) },
  ] },
  { title: "tap", plugins: (world) => [{ type: "tap", ipam: hostLocal(world, subnet) }] },
  { title: "tap of an owner, without IPAM", plugins: () => [{ type: "tap", owner: 0, group: 0, multiQueue: true }] },
  { title: "static", plugins: () => [
    { type: "bridge", bridge: "killed0", ipam: { type: "static", addresses: [{ address: "10.60.0.5/24" }] } },
  ] },
  { title: "host-local alone", plugins: (world) => [{ type: "host-local", ipam: hostLocal(world, subnet, subnet6) }] },
  { title: "loopback", plugins: () => [{ type: "loopback" }] },
  { title: "flannel", prepare: withSubnet, plugins: (world) => [{
    type: "flannel", subnetFile: join(world.directory, "subnet.env"), dataDir: join(world.directory, "flannel"),
    ipam: { type: "host-local", dataDir: join(world.directory, "networks") },
    delegate: { bridge: "killed0", isDefaultGateway: true },
  }] },
];

/** Those that work on what another has made, and the usual chains. */
export const chains: readonly Subject[] = [
  { title: "tuning", plugins: (world) => [ptp(world), tuned(world)] },
  { title: "bandwidth", plugins: (world) => [ptp(world), shaped] },
  { title: "firewall with iptables", plugins: (world) => [ptp(world), { type: "firewall", backend: "iptables" }] },
  { title: "firewall with nftables", plugins: (world) => [ptp(world), { type: "firewall", backend: "nftables" }] },
  { title: "firewall with an ingress policy", plugins: (world) => [
    bridge(world), { type: "firewall", backend: "iptables", ingressPolicy: "same-bridge" },
  ] },
  { title: "sbr", plugins: (world) => [ptp(world), { type: "sbr" }] },
  { title: "portmap with iptables",
    plugins: (world) => [ptp(world), { type: "portmap", backend: "iptables", ...mapped }] },
  { title: "portmap with nftables",
    plugins: (world) => [ptp(world), { type: "portmap", backend: "nftables", ...mapped }] },
  { title: "podman's chain", plugins: (world) => [
    { ...bridge(world), ipMasq: true }, { type: "portmap", ...mapped }, { type: "firewall" }, { type: "tuning" },
  ] },
  { title: "a Kubernetes node's chain", plugins: (world) => [
    { ...bridge(world), ipMasq: true, hairpinMode: true }, { type: "portmap", snat: true, ...mapped }, shaped,
  ] },
  { title: "all that can be chained", plugins: (world) => [
    bridge(world), { type: "portmap", ...mapped }, shaped, { type: "firewall", backend: "iptables" }, tuned(world),
    { type: "sbr" },
  ] },
];

/** Those whose link types this machine's kernel may lack. */
export const others: readonly Subject[] = [
  { title: "vlan", prepare: makeUplink,
    plugins: (world) => [{ type: "vlan", master: "uplink0", vlanId: 7, ipam: hostLocal(world, subnet) }] },
  { title: "ipvlan", prepare: makeUplink,
    plugins: (world) => [{ type: "ipvlan", master: "uplink0", ipam: hostLocal(world, subnet) }] },
  { title: "dummy", plugins: (world) => [{ type: "dummy", ipam: hostLocal(world, subnet) }] },
  // The kernel's rule for VRFs is made with a namespace's first one, and stays.
  { title: "vrf", anew: /^\/container(?:\/rules\/|:.* lookup )/,
    plugins: (world) => [{ ...ptp(world) }, { type: "vrf", vrfname: "killed" }] },
];

/** The multiplexer, with plugins built in and with plugins in processes of their own. */
export const multiplexed: readonly Subject[] = [
  { title: "three networks", prepare: makeUplink, plugins: (world) => [multiplexer(threeNetworks(world))] },
  { title: "three networks, executed", prepare: makeUplink,
    plugins: (world) => [multiplexer(threeNetworks(world, { execute: true }))] },
  { title: "three networks with iptables", prepare: makeUplink, plugins: (world) => [
    multiplexer(JSON.parse(JSON.stringify(threeNetworks(world)).replaceAll("nftables", "iptables"))),
  ] },
  { title: "a network of many plugins", plugins: (world) => [multiplexer({
    cniDir: join(world.directory, "cni"), delegates: [{ cniVersion: "1.1.0", name: "front", plugins: [
      { ...bridge(world), ipMasq: true }, { type: "portmap", ...mapped }, shaped,
      { type: "firewall", backend: "iptables" }, tuned(world), { type: "sbr" },
    ] }],
  })] },
];

function multiplexer(conf: object): Plugin {
  return { type: "polynic", ...conf };
}

/** As flanneld leaves it. */
function withSubnet({ directory }: World): void {
  writeFileSync(join(directory, "subnet.env"),
    `FLANNEL_NETWORK=10.60.0.0/16\nFLANNEL_SUBNET=10.60.0.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=false\n`);
}

/** As its DEL leaves it, wherever it was. */
function withUplinkDown(world: World): void {
  world.host.exec("sh", "-c", "ip link del uplink1 2>/dev/null; true");
  makeUplink(world);
  world.host.exec("ip", "link", "set", "uplink0", "down");
}

/** Another node is beyond it. */
function withUnderlay(world: World): void {
  makeUplink(world);
  world.host.exec("ip", "addr", "add", "192.0.2.1/24", "dev", "uplink0");
}

/** Those whose address is kept by our daemon. */
export const leased: readonly Subject[] = [
  dhcpSubject("bridge with dhcp", { type: "bridge", bridge: "killed0" }),
  dhcpSubject("macvlan with dhcp", { type: "macvlan", master: "killed0" }),
];
