// Plugins beside the reference's: what one has attached the other checks and deletes, and nothing is left.
import { join } from "node:path";
import type { Exchanged } from "../../helpers/exchange/exchange.ts";
import { exchange, exchanges } from "../../helpers/exchange/exchange.ts";
import type { TestNetns } from "../../helpers/netns.ts";
import { kernelSuite } from "../../helpers/netns.ts";
import type { NetworkConf, World } from "../../helpers/runtime.ts";

/** One address a range, so that all get the same. */
const hostLocal = ({ directory }: World, ...more: readonly object[]): object => ({
  type: "host-local", dataDir: join(directory, "networks"), ranges: [
    [{ subnet: "10.20.0.0/24", rangeStart: "10.20.0.2", rangeEnd: "10.20.0.2" }], ...more.map((range) => [range]),
  ],
});
const subnet6 = { subnet: "fd00:20::/64", rangeStart: "fd00:20::2", rangeEnd: "fd00:20::2" };
const ptp = (world: World): { readonly type: string; readonly ipam: object } =>
  ({ type: "ptp", ipam: { ...hostLocal(world), routes: [{ dst: "0.0.0.0/0" }] } });
const tuned = { type: "tuning", mac: "02:00:00:00:00:77", mtu: 1400, promisc: true, allmulti: true };
/** What the older release does not know. */
const newer = { txQLen: 500, sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } };

const rows: readonly Exchanged[] = [
  { title: "ptp, both families, masquerading",
    plugins: (world) => [{ ...ptp(world), ipMasq: true, mtu: 1400, ipam: hostLocal(world, subnet6) }] },
  { title: "tap", only: "1.9", plugins: (world) => [{ type: "tap", mtu: 1400, ipam: hostLocal(world) }] },
  { title: "tap of an owner, several queues, layer 2", only: "1.9",
    plugins: () => [{ type: "tap", owner: 7, group: 8, multiQueue: true }] },
  // Whose note it is, GC needs to know.
  { title: "tuning", apart: /tuning\/pod-1_eth0\.json/, plugins: (world, release) => [ptp(world),
    { ...tuned, dataDir: join(world.directory, "tuning"), ...(release === "1.9" ? newer : {}) }] },
  { title: "bandwidth", apart: /links\/bwp[0-9a-f]+\/ifalias/, plugins: (world) => [ptp(world),
    { type: "bandwidth", ingressRate: 8e6, ingressBurst: 8e5, egressRate: 16e6, egressBurst: 8e5 }] },
  { title: "firewall", plugins: (world) => [ptp(world), { type: "firewall", backend: "iptables" }] },
  // The older release looks for the gateway in the network that ptp has taken away.
  { title: "sbr", only: "1.9", brokenCheck: ["ptp"], plugins: (world) => [ptp(world), { type: "sbr" }] },
  { title: "sbr with a table", only: "1.9", plugins: (world) => [ptp(world), { type: "sbr", table: 500 }] },
];

const routed = (world: World): object => ({ ...hostLocal(world, subnet6), routes: [{ dst: "0.0.0.0/0" }] });
const uplink = (netns: (world: World) => TestNetns) => (world: World): void => {
  const { exec } = netns(world);
  exec("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up0-far");
  for (const name of ["up0", "up0-far"]) exec("ip", "link", "set", name, "up");
};
const onHost = { prepare: uplink(({ host }) => host) };
const inContainer = { only: "1.9", prepare: uplink(({ container }) => container) } as const;
const vlan = { type: "vlan", master: "up0", vlanId: 1234 };
const ipvlan = { type: "ipvlan", master: "up0" };
/**
 * Of routes that vrf has taken out of the main table the plugin before it knows nothing. The older release makes its
 * VRFs without a queue.
 */
const moved = { brokenCheck: ["ptp", "macvlan"], apart: /links\/blue\/txqlen / };
/** The older release loses routes that the kernel does not make by itself, the newer one those of ptp's IPv6. */
const macvlan = (world: World): NetworkConf["plugins"][number] =>
  ({ type: "macvlan", master: "up0", ipam: hostLocal(world, subnet6) });

/** Of kinds of link that this kernel may lack. */
const vlans: readonly Exchanged[] = [
  { title: "vlan, both families", ...onHost, plugins: (world) => [{ ...vlan, ipam: routed(world) }] },
  { title: "vlan with an MTU and DNS", ...onHost,
    plugins: (world) => [{ ...vlan, mtu: 1400, dns: { nameservers: ["10.0.0.53"] }, ipam: hostLocal(world) }] },
  { title: "vlan on a link of the container", ...inContainer,
    plugins: (world) => [{ ...vlan, linkInContainer: true, ipam: hostLocal(world) }] },
];
const ipvlans: readonly Exchanged[] = [
  ...["l2", "l3", "l3s"].map((mode): Exchanged => ({ title: `ipvlan, mode ${mode}`, ...onHost,
    plugins: (world) => [{ ...ipvlan, mode, mtu: 1400, ipam: hostLocal(world, subnet6) }] })),
  { title: "ipvlan on a link of the container", ...inContainer,
    plugins: (world) => [{ ...ipvlan, linkInContainer: true, ipam: routed(world) }] },
];
const dummiesAndVrfs: readonly Exchanged[] = [
  { title: "dummy", only: "1.9", plugins: (world) => [{ type: "dummy", ipam: hostLocal(world, subnet6) }] },
  { title: "vrf, both families", ...moved, ...onHost,
    plugins: (world) => [macvlan(world), { type: "vrf", vrfname: "blue" }] },
  { title: "vrf with a table", ...moved, ...onHost,
    plugins: (world) => [macvlan(world), { type: "vrf", vrfname: "blue", table: 500 }] },
  { title: "vrf with routes", only: "1.9", ...moved,
    plugins: (world) => [ptp(world), { type: "vrf", vrfname: "blue" }] },
];

/**
 * Each kind of link boots a kernel of its own and takes minutes there: `npm test` has vlan and vrf in one boot, beside
 * the newer release; `npm run test:runtimes` has all.
 */
const isWhole = process.env["POLYNIC_RUNTIMES"] === "long";
const inOneBoot = [vlans, dummiesAndVrfs.slice(1)]
  .flatMap(([first]): readonly Exchanged[] => (first === undefined ? [] : [{ ...first, only: "1.9" }]));

const ofLinks = isWhole ? [
  ["vlan", vlans, ["vlan", "ipv6"]], ["ipvlan", ipvlans, ["ipvlan", "ipv6"]],
  ["dummy and vrf", dummiesAndVrfs, ["dummy", "vrf", "macvlan", "ipv6"]],
] as const : [["links", inOneBoot, ["vlan", "vrf", "macvlan", "ipv6"]]] as const;
for (const [what, all, needs] of [["plugins", rows, ["nft_nat", "ipv6"]], ...ofLinks] as const) {
  for (const { release, directory, rows: present } of exchanges(all)) {
    if (present.length === 0) continue;
    const suite = kernelSuite(`interchange of ${what} with the reference's ${release}`, import.meta.url, { needs });
    for (const row of present) suite(row.title, () => exchange(row, release, directory));
    suite.run();
  }
}
