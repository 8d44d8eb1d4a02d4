// Plugins beside the reference's: what one has attached the other checks and deletes, and nothing is left.
import { join } from "node:path";
import type { Exchanged } from "../../helpers/exchange/exchange.ts";
import { exchange, exchanges } from "../../helpers/exchange/exchange.ts";
import { kernelSuite } from "../../helpers/netns.ts";
import type { World } from "../../helpers/runtime.ts";

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

for (const { release, directory, rows: present } of exchanges(rows)) {
  const suite = kernelSuite(`interchange of plugins with the reference's ${release}`, import.meta.url,
    { needs: ["nft_nat", "ipv6"] });
  for (const row of present) suite(row.title, () => exchange(row, release, directory));
  suite.run();
}
