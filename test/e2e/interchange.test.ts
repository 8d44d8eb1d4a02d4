// The executables against the reference's: what one adds the other checks and deletes, and nobody could tell whose it
// was.
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { builtDist } from "../helpers/dist.ts";
import { kernelSuite } from "../helpers/netns.ts";
import type { Answer, NetworkConf, World } from "../helpers/runtime.ts";
import { alike, changes, leftovers, makeWorld, referencePlugins, runChain, state } from "../helpers/runtime.ts";

interface Row {
  readonly title: string;
  /** Releases of the reference this can be compared with; all unless given. */
  readonly only?: string;
  readonly conf: (world: World) => NetworkConf["plugins"];
  readonly prepare?: (world: World) => void;
  readonly args?: string;
  /** Links of the container that were there before. */
  readonly leaves?: readonly string[];
  /** Versions instead of the newest the reference's release knows. */
  readonly versions?: readonly string[];
  /**
   * Commands of a release that are known to fail on what its own ADD made: CHECK of a network without IPAM, of routes
   * without gateway, and of mappings of one family; DEL of masquerading by nftables where iptables 1.8 is installed
   * too.
   */
  readonly broken?: Readonly<Record<string, "CHECK" | "DEL">>;
}

const bridge = { type: "bridge", bridge: "br0" };
const subnet4 = { subnet: "10.20.0.0/24" }, subnet6 = { subnet: "fd00:20::/64" };
const hostLocal = (world: World, ...ranges: readonly object[]): object => ({ type: "host-local",
  dataDir: join(world.directory, "networks"), ranges: ranges.map((range) => [range]) });
const uplink = ({ host }: World): void => {
  host.exec("ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "uplink1");
  for (const name of ["uplink0", "uplink1"]) host.exec("ip", "link", "set", name, "up");
};
const mappings = {
  runtimeConfig: { portMappings: [
    { hostPort: 8080, containerPort: 80, protocol: "tcp" },
      { hostPort: 8081, containerPort: 81, protocol: "tcp", hostIP: "10.1.2.3" },
    { hostPort: 5353, containerPort: 53, protocol: "udp" },
  ] },
};
const routes = [{ dst: "10.99.0.0/16" }, { dst: "10.98.0.0/16", gw: "10.20.0.9" }];

const rows: readonly Row[] = [
  { title: "bridge", conf: (world) => [{ ...bridge, ipam: hostLocal(world, subnet4) }], versions: ["0.4.0", "1.0.0"] },
  { title: "bridge without IPAM", conf: () => [bridge], broken: { "1.1": "CHECK", "1.9": "CHECK" } },
  { title: "bridge, gateway and routes", conf: (world) => [{ ...bridge, isGateway: true, mtu: 1400, hairpinMode: true,
    ipam: { ...hostLocal(world, subnet4), routes } }], broken: { "1.1": "CHECK" } },
  { title: "bridge, default gateway, dual stack", conf: (world) => [{ ...bridge, isDefaultGateway: true,
    ipam: hostLocal(world, subnet4, subnet6) }] },
  { title: "bridge, promiscuous, with DNS", conf: (world) => [{ ...bridge, promiscMode: true,
    dns: { nameservers: ["10.0.0.53"], search: ["pods"] }, ipam: hostLocal(world, subnet4) }] },
  { title: "bridge, masquerade by iptables", conf: (world) => [{ ...bridge, isDefaultGateway: true, ipMasq: true,
    ipMasqBackend: "iptables", ipam: hostLocal(world, subnet4, subnet6) }] },
  { title: "bridge, masquerade by nftables", only: "1.9", conf: (world) => [{ ...bridge, isDefaultGateway: true,
    ipMasq: true, ipMasqBackend: "nftables", ipam: hostLocal(world, subnet4, subnet6) }], broken: { "1.9": "DEL" } },
  { title: "bridge, MAC spoof check", conf: (world) => [{ ...bridge, macspoofchk: true, ipam: hostLocal(world,
    subnet4) }] },
  { title: "bridge, requested MAC and address", conf: (world) => [{ ...bridge, ipam: hostLocal(world, subnet4) }],
    args: "IgnoreUnknown=1;MAC=02:11:22:33:44:55;IP=10.20.0.77" },
  { title: "bridge, static", conf: () => [{ ...bridge, isGateway: true, ipam: { type: "static",
    addresses: [{ address: "10.20.0.5/24", gateway: "10.20.0.1" }, { address: "fd00:20::5/64" }], routes } }],
    broken: { "1.1": "CHECK" } },
  { title: "macvlan", prepare: uplink, conf: (world) => [{ type: "macvlan", master: "uplink0", ipam: hostLocal(world,
    subnet4, subnet6) }], versions: ["0.4.0", "1.0.0"] },
  { title: "macvlan, private, without IPAM", prepare: uplink,
    conf: () => [{ type: "macvlan", master: "uplink0", mode: "private", mtu: 1300, ipam: {} }] },
  { title: "host-device", prepare: uplink, conf: () => [{ type: "host-device", device: "uplink0" }] },
  { title: "host-device, host-local", prepare: uplink, conf: (world) => [{ type: "host-device", device: "uplink0",
    ipam: hostLocal(world, subnet4) }] },
  { title: "loopback", conf: () => [{ type: "loopback" }] },
  { title: "host-local", conf: (world) => [{ type: "host-local", ipam: { ...hostLocal(world, subnet4, subnet6),
    routes } }] },
  { title: "static", conf: () => [{ type: "static", ipam: { type: "static",
    addresses: [{ address: "10.20.0.5/24", gateway: "10.20.0.1" }], routes } }] },
  { title: "portmap by iptables", conf: (world) => [{ ...bridge, isDefaultGateway: true, ipam: hostLocal(world, subnet4,
    subnet6) }, { type: "portmap", ...mappings }], broken: { "1.1": "CHECK" } },
  { title: "portmap by iptables, without snat", conf: (world) => [{ ...bridge, ipam: hostLocal(world, subnet4) },
    { type: "portmap", snat: false, conditionsV4: ["!", "-d", "192.0.2.0/24"], ...mappings }],
    broken: { "1.1": "CHECK" } },
  { title: "portmap by nftables", only: "1.9", conf: (world) => [{ ...bridge, isDefaultGateway: true,
    ipam: hostLocal(world, subnet4, subnet6) }, { type: "portmap", backend: "nftables", ...mappings }] },
  { title: "bridge, IPv6 switched off in the container", only: "1.9",
    conf: (world) => [{ ...bridge, isGateway: true, ipam: hostLocal(world, subnet4, subnet6) }],
    prepare: ({ container }) => void container.exec("sh", "-c",
      "for c in all default lo; do echo 1 > /proc/sys/net/ipv6/conf/$c/disable_ipv6; done") },
  { title: "bridge with another address, replaced", only: "1.9",
    conf: (world) => [{ ...bridge, isGateway: true, forceAddress: true, ipam: hostLocal(world, subnet4) }],
    prepare: ({ host }) => void host.exec("sh", "-c",
      "ip link add br0 address 02:00:00:00:00:01 type bridge && ip addr add 10.20.0.200/24 dev br0 && ip addr add " +
        "172.16.0.1/16 dev br0") },
  { title: "bridge, isolated port, duplicate address detection", only: "1.9",
    conf: (world) => [{ ...bridge, portIsolation: true, enabledad: true, ipam: hostLocal(world, subnet4, subnet6) }] },
  { title: "bridge, container's interface down", only: "1.9",
    conf: () => [{ ...bridge, disableContainerInterface: true }], broken: { "1.9": "CHECK" } },
  { title: "bridge, IPv6 only, default gateway", only: "1.9",
    conf: (world) => [{ ...bridge, isDefaultGateway: true, ipMasq: true, ipMasqBackend: "iptables",
    ipam: hostLocal(world, subnet6) }] },
  { title: "bridge, routes with metric and table", only: "1.9",
    conf: (world) => [{ ...bridge, ipam: { ...hostLocal(world, subnet4),
    routes: [{ dst: "10.97.0.0/16", gw: "10.20.0.8", priority: 77 }, { dst: "10.96.0.0/16", table: 100 }] } }],
    broken: { "1.9": "CHECK" } },
  { title: "macvlan on the default route's link", only: "1.9",
    conf: (world) => [{ type: "macvlan", mode: "vepa", bcqueuelen: 500, mac: "02:00:00:00:00:42",
    dns: { domain: "pods" }, ipam: hostLocal(world, subnet4) }],
    prepare: (world) => (uplink(world), void world.host.exec("sh", "-c",
      "ip addr add 192.0.2.2/24 dev uplink0 && ip route add default via 192.0.2.1")) },
  { title: "macvlan on a link of the container", only: "1.9",
    conf: (world) => [{ type: "macvlan", master: "inner0", linkInContainer: true, ipam: hostLocal(world, subnet4) }],
    prepare: ({ container }) => void container.exec("sh", "-c",
      "ip link add inner0 type veth peer name inner1 && ip link set inner0 up && ip link set inner1 up"),
      leaves: ["inner1", "inner0"] },
  { title: "host-device by MAC", only: "1.9", conf: () => [{ type: "host-device", hwaddr: "02:00:00:00:00:77",
    ipam: { type: "static", addresses: [{ address: "fd00:20::5/64", gateway: "fd00:20::1" }],
    routes: [{ dst: "::/0" }] } }],
    prepare: (world) => (uplink(world), void world.host.exec("ip", "link", "set", "uplink0", "address",
      "02:00:00:00:00:77")) },
  { title: "host-local, sets of several ranges, resolv.conf and requested addresses", only: "1.9",
    conf: ({ directory }) => [{ type: "host-local",
    args: { cni: { ips: ["10.21.0.9"] } }, runtimeConfig: { ips: ["fd00:20::77/64"],
      ipRanges: [[{ subnet: "10.22.0.0/28", rangeStart: "10.22.0.5", rangeEnd: "10.22.0.6", gateway: "10.22.0.14" }]] },
    ipam: { type: "host-local", dataDir: join(directory, "networks"), resolvConf: join(directory, "resolv.conf"),
      routes,
      ranges: [[{ subnet: "10.20.0.0/30" }, { subnet: "10.21.0.0/24" }], [subnet6]] } }],
    prepare: ({ directory }) => writeFileSync(join(directory, "resolv.conf"),
      "# comment\nnameserver 10.0.0.53\nnameserver fd00::53\ndomain pods\nsearch a b\noptions ndots:5 edns0\n") },
  { title: "portmap by iptables, another mark, every source", only: "1.9",
    conf: (world) => [{ ...bridge, isGateway: true, ipam: hostLocal(world, subnet4) },
    { type: "portmap", backend: "iptables", markMasqBit: 5, masqAll: true, ...mappings }] },
  { title: "portmap by iptables, a mark chain of others", only: "1.9",
    conf: (world) => [{ ...bridge, ipam: hostLocal(world, subnet4) },
    { type: "portmap", backend: "iptables", externalSetMarkChain: "KUBE-MARK-MASQ", ...mappings }],
    prepare: ({ host }) => void host.exec("iptables", "-t", "nat", "-N", "KUBE-MARK-MASQ") },
  { title: "portmap by nftables, conditions, without snat", only: "1.9",
    conf: (world) => [{ ...bridge, ipam: hostLocal(world, subnet4) },
    { type: "portmap", backend: "nftables", snat: false, conditionsV4: ["ip", "saddr", "!=", "192.0.2.0/24"],
    ...mappings }] },
];

for (const { release, directory } of referencePlugins()) {
  const interchange = kernelSuite(`interchange with the reference plugins ${release}`, import.meta.url,
    { needs: ["nft_nat", "macvlan", "ipv6"] });
  const ours = (): string => join(builtDist(), "bin");

  for (const row of rows.filter(({ only }) => only === undefined || only === release)) {
    for (const cniVersion of row.versions ?? [release === "1.1" ? "1.0.0" : "1.1.0"]) {
      interchange(`${row.title} (${cniVersion})`, () => swap(row, cniVersion,
        { release, ours: ours(), theirs: directory }));
    }
  }

  interchange("their bridge with our host-local, ours with theirs", () => {
    const world = makeWorld();
    try {
      const network: NetworkConf = { cniVersion: "1.0.0", name: "net1",
        plugins: [{ ...bridge, ipam: hostLocal(world, subnet4) }] };
      // Only the executable's own directory is ours or theirs; what it delegates to is found through CNI_PATH.
      const theirBridge = { file: join(directory, "bridge") };
      const added = fine(runChain(world, "ADD", network, () => [ours()], theirBridge));
      fine(runChain(world, "CHECK", network, () => [ours()], { ...theirBridge, prevResult: added.json }));
      fine(runChain(world, "DEL", network, () => [ours()], { ...theirBridge, prevResult: added.json }));
      assert.equal(leftovers(world), []);

      const multiplexed: NetworkConf = { ...network, name: "pods", plugins: [{
        type: "polynic", cniDir: join(world.directory, "cni"), execute: ["host-local"],
          delegates: [{ ...network.plugins[0], cniVersion: "1.0.0", name: "net1" }],
      }] };
      const path = { file: join(ours(), "polynic") };
      const again = fine(runChain(world, "ADD", multiplexed, () => [directory], path));
      assert.is(again.json.ips[0].address, "10.20.0.3/24", "it goes on where the other has stopped");
      fine(runChain(world, "CHECK", multiplexed, () => [directory], path));
      fine(runChain(world, "DEL", multiplexed, () => [directory], path));
      assert.equal(leftovers(world), []);
    } finally {
      world.remove();
    }
  });
  interchange.run();
}

if (!referencePlugins().some(({ release }) => release === "1.9")) {
  process.stderr.write("\nSKIPPED interchange with the reference plugins 1.9: build/reference-plugins is not there\n");
}
if (statSync("/usr/lib/cni/bridge", { throwIfNoEntry: false }) === undefined) {
  process.stderr.write("\nSKIPPED interchange with the packaged reference plugins: install " +
    "containernetworking-plugins\n");
}

/** One world each: they add, we add; all is the same; then each checks and deletes what the other made. */
function swap(row: Row, cniVersion: string, { release,
  ...directories }: { readonly release: string; readonly ours: string; readonly theirs: string }): void {
  const ours = () => [directories.ours], theirs = () => [directories.theirs];
  const worlds = { theirs: makeWorld(), ours: makeWorld() };
  try {
    for (const world of Object.values(worlds)) row.prepare?.(world);

    const network = (world: World): NetworkConf => ({ cniVersion, name: "net1", plugins: row.conf(world) });
    const options = row.args === undefined ? {} : { args: row.args };
    const added = {
      theirs: fine(runChain(worlds.theirs, "ADD", network(worlds.theirs), theirs, options)),
      ours: fine(runChain(worlds.ours, "ADD", network(worlds.ours), ours, options)),
    };
    assert.equal(result(added.ours, worlds.ours), result(added.theirs, worlds.theirs));
    assert.equal(differences(worlds), [], "after ADD");

    fine(runChain(worlds.theirs, "CHECK", network(worlds.theirs), ours, { ...options, prevResult: added.theirs.json }));
    if (row.broken?.[release] !== "CHECK") fine(runChain(worlds.ours, "CHECK", network(worlds.ours), theirs,
      { ...options, prevResult: added.ours.json }));

    fine(runChain(worlds.theirs, "DEL", network(worlds.theirs), ours, { ...options, prevResult: added.theirs.json }));
    const deleted = runChain(worlds.ours, "DEL", network(worlds.ours), theirs,
      { ...options, prevResult: added.ours.json });
    if (row.broken?.[release] !== "DEL") fine(deleted);
    assert.equal(differences(worlds), [], "after DEL");
    for (const world of Object.values(worlds)) assert.equal(leftovers(world),
      (row.leaves ?? []).map((name) => `link ${name} in the container`));
    fine(runChain(worlds.theirs, "DEL", network(worlds.theirs), ours, options));
  } finally {
    for (const world of Object.values(worlds)) world.remove();
  }
}

interface Worlds {
  readonly theirs: World;
  readonly ours: World;
}

/** What one can tell the two worlds apart by. */
function differences({ theirs, ours }: Worlds): readonly string[] {
  const comparable = (lines: readonly string[]): readonly string[] => lines
    .filter((line) => !sinceThen.test(line) && !ownMark.test(line))
    .map((line) => line.replace(/^(\/files\S+ )"644 /, '$1"600 '));
  return changes(comparable(state(theirs)), comparable(state(ours)));
}

/** By it a bridge is known as made by us, whose VLAN filtering is then ours to switch on. */
const ownMark = /^\/host\/links\/[^/]+\/ifalias "made by polynic"$/;

/**
 * What newer releases do, and we with them, but 1.1 does not: reservations only root can read, a transmit queue at the
 * container's end of a veth, these sysctls, no alias left on a device that is back on the host, no table made by a DEL.
 */
const sinceThen = new RegExp([
  "^/container/links/eth0/txqlen ", "ipv6/conf/eth0/(keep_addr_on_down|ndisc_notify):",
  "^/host/links/uplink0/ifalias ", "^/host/firewall: table ip6 nat \\{",
].join("|"));

/** Without an empty `dns`, which older releases print and newer ones leave out. */
function result({ stdout }: Answer, world: World): unknown {
  const { dns, ...rest } = JSON.parse(alike(stdout, world));
  return Object.keys(dns ?? {}).length === 0 ? rest : { ...rest, dns };
}

function fine(answer: Answer): Answer {
  assert.is(answer.status, 0, `${answer.stdout}${answer.stderr}`);
  return answer;
}
