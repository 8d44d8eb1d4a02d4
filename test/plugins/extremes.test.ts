// What a schema lets pass reaches the kernel or is refused with its key: no value of any key ends as a bug of our own.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Result } from "../../src/cni/index.ts";
import { openOwnNamespace } from "../../src/kernel/index.ts";
import type { Subject } from "../helpers/extremes/driving.ts";
import { tryExtremes } from "../helpers/extremes/driving.ts";
import type { Path } from "../helpers/extremes/values.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../helpers/netns.ts";

const kernel = kernelSuite("extreme values", import.meta.url, { needs: ["nft_nat", "macvlan"] });
/** Kinds that most machines' kernels have and this one may not. */
const other = kernelSuite("extreme values, other kinds", import.meta.url, { needs: ["ipvlan", "vlan", "vrf"] });

let directory: string;
for (const suite of [kernel, other]) {
  suite.before(() => { directory = mkdtempSync(join(tmpdir(), "polynic-extremes-")); });
  suite.after(() => rmSync(directory, { recursive: true, force: true }));
}

const routes = [{ dst: "10.9.0.0/16", gw: "10.1.2.1" }];
const leased = { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" }], routes };
const onBridge = { bridge: "br0", isGateway: true, forceAddress: true };
const prevResult: Result = { interfaces: [{ name: "host0" }, { name: "eth0", sandbox: "/n" }], routes: [], dns: {},
  ips: [{ address: "10.1.2.3/24", interface: 1 }] };
const chained = { ifName: "eth0", more: { prevResult } };

/** Each would be a directory, or a file, somewhere on this machine. */
function isPlace(path: Path, value: unknown): boolean {
  return path.at(-1) === "dataDir" && typeof value === "string" && value !== "" && !value.includes("\0");
}

/** A pair that a plugin before the one under test could have made, and links to stand on. */
function prepare(): ReturnType<typeof makeNetns> {
  const netns = makeNetns();
  run("ip", "link", "add", "up0", "type", "veth", "peer", "far0");
  run("ip", "address", "add", "192.0.2.1/24", "dev", "up0");
  run("ip", "link", "set", "up0", "up");
  run("ip", "link", "add", "host0", "type", "veth", "peer", "eth0", "netns", netns.name);
  netns.exec("ip", "address", "add", "10.1.2.3/24", "dev", "eth0");
  netns.exec("ip", "link", "set", "eth0", "up");
  netns.exec("ip", "link", "add", "br1", "type", "bridge");
  return netns;
}

/** Limits go with the link that has them. */
function takeLimitsOff(): void {
  const host = openOwnNamespace(), { index } = host.links.get("host0");
  for (const place of ["root", "ingress"] as const) {
    try {
      host.qdiscs.delete(index, place);
    } catch {
      // There is none.
    }
  }
  host.close();
}

/** What linkInContainer does to a master of the host. */
const inContainer = /^Cannot use master "up0": the container has no link of that name/;

interface Row extends Omit<Subject, "conf"> {
  readonly conf: () => Subject["conf"];
  /** The answer to the configuration itself, which this machine has not what it takes for. */
  readonly usually?: RegExp;
}

const rows: readonly Row[] = [
  { type: "loopback", schema: "plugin-conf", conf: () => ({}) },
  { type: "bridge", schema: "bridge", conf: () => ({ ...onBridge, ipMasq: true, ipMasqBackend: "nftables",
    ipam: leased }) },
  { type: "bridge", schema: "host-local", tells: /requested address|Cannot (add (address|route) |use ranges\[)/,
    conf: () => ({ ...onBridge, runtimeConfig: { ipRanges: [[{ subnet: "10.2.0.0/16" }]] },
      ipam: { type: "host-local", dataDir: directory, ranges: [[{ subnet: "10.1.0.0/16" }]], routes } }) },
  { type: "bridge", schema: "static", tells: /Cannot add (address|route) |it holds no address/,
    conf: () => ({ ...onBridge, ipam: { type: "static", addresses: [{ address: "10.1.2.3/24" }], routes } }) },
  { type: "bridge", schema: "dhcp", usually: /^Cannot reach the DHCP daemon/,
    tells: /^Cannot (reach the DHCP daemon at|find plugin) /, conf: () => ({ bridge: "br0", ipam: { type: "dhcp",
      daemonSocketPath: join(directory, "sock"), provide: [{ option: "12", value: "x" }],
      request: [{ option: "12" }] } }) },
  { type: "bridge", schema: "wasm", tells: /^Cannot find plugin /, conf: () => ({ bridge: "br0",
    ipam: { type: "wasm", module: "lowest", dataDir: directory, ranges: [[{ subnet: "10.1.0.0/16" }]] } }) },
  { type: "ptp", schema: "ptp", conf: () => ({ ipMasq: true, ipMasqBackend: "nftables", ipam: leased }) },
  { type: "macvlan", schema: "macvlan", tells: inContainer, conf: () => ({ master: "up0", ipam: leased }) },
  { type: "tap", schema: "tap", conf: () => ({ bridge: "br1", ipam: leased }) },
  { type: "host-device", schema: "host-device", usually: /^Cannot choose a device/, conf: () => ({ ipam: leased }) },
  { type: "vxlan", schema: "vxlan", tells: /has no IPv6 address to send from/, conf: () => ({ vni: 7, master: "up0",
    peers: ["192.0.2.2"], neighbours: [{ mac: "02:00:00:00:00:07", peer: "192.0.2.3" }], ipam: leased }) },
  { type: "flannel", schema: "flannel", conf: () => {
    const subnetFile = join(directory, "subnet.env"), env = "FLANNEL_NETWORK=10.7.0.0/16\nFLANNEL_SUBNET=10.7.1.1/24\n";
    writeFileSync(subnetFile, `${env}FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n`);
    return { subnetFile, dataDir: join(directory, "flannel"), ipam: { dataDir: directory } };
  } },
  { type: "portmap", schema: "portmap", ...chained, conf: () => ({ backend: "nftables", runtimeConfig: {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } }) },
  { type: "portmap", schema: "portmap", ...chained, tells: /with ip6?tables-restore/,
    isLeftOut: ([key = ""]) => !/^(conditions|externalSetMarkChain)/.test(String(key)), conf: () => ({
      backend: "iptables",
      runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } }) },
  { type: "firewall", schema: "firewall", ...chained,
    conf: () => ({ backend: "nftables", ingressPolicy: "same-bridge" }) },
  { type: "bandwidth", schema: "bandwidth", ...chained, clean: takeLimitsOff, conf: () => ({
    ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 8_000_000, egressBurst: 800_000 }) },
  { type: "tuning", schema: "tuning", ...chained,
    conf: () => ({ dataDir: directory, sysctl: { "net.ipv4.conf.IFNAME.arp_notify": "1" } }) },
  { type: "sbr", schema: "sbr", ...chained, conf: () => ({}) },
];

const otherRows: readonly Row[] = [
  { type: "ipvlan", schema: "ipvlan", tells: inContainer, conf: () => ({ master: "up0", ipam: leased }) },
  { type: "vlan", schema: "vlan", tells: inContainer, conf: () => ({ master: "up0", ipam: leased }) },
  { type: "vrf", schema: "vrf", ...chained, conf: () => ({ vrfname: "red" }) },
];

for (const [index, [suite, row]] of [
  ...rows.map((row) => [kernel, row] as const), ...otherRows.map((row) => [other, row] as const),
].entries()) {
  const { type, schema } = row;
  suite(`${type}${schema === type ? "" : ` with ${schema}`} (${index}): each value is taken, or refused by its key`,
    async () => {
    const netns = prepare(), before = names(netns);
    const { problems, usual, addedCount } = await tryExtremes({ isLeftOut: isPlace, ...row, conf: row.conf() },
      netns.path);
    assert.equal(problems, []);
    if (row.usually === undefined) assert.ok(usual === undefined && addedCount > 0, usual?.message);
    else assert.match(usual?.message ?? "", row.usually);
    assert.equal(names(netns), before);
    netns.remove();
  });
}

function names(netns: ReturnType<typeof makeNetns>): readonly string[] {
  return ipJson("link show", netns).map(({ ifname }) => ifname);
}

for (const suite of [kernel, other]) {
  suite.after.each(() => {
    for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
  });
}
kernel.run();
other.run();
