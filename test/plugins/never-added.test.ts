// DEL of what was never added succeeds in every version that a plugin has, whether or not there is a namespace, and
// touches nothing of the container's or of others'.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { builtIn } from "../../src/plugins/index.ts";
import { kernelState } from "../helpers/failing-handles.ts";
import { del, reservations } from "../helpers/handles.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { kernelSuite, makeNetns, run } from "../helpers/netns.ts";

const kernel = kernelSuite("DEL of what was never added", import.meta.url, { needs: ["nft_nat"] });

let netns: TestNetns, directory: string;
kernel.before(() => {
  netns = makeNetns();
  directory = mkdtempSync(join(tmpdir(), "polynic-never-"));
  run("ip", "link", "add", "up0", "type", "veth", "peer", "far0");
  // Somebody else's, in both namespaces.
  run("ip", "link", "add", "host0", "type", "veth", "peer", "eth1", "netns", netns.name);
  netns.exec("ip", "address", "add", "10.1.2.3/24", "dev", "eth1");
  netns.exec("ip", "link", "set", "eth1", "up");
  netns.exec("ip", "rule", "add", "from", "10.1.2.4", "table", "100");
  reservations.add("another/eth1");
});
kernel.after(() => rmSync(directory, { recursive: true }));

const ipam = { type: "test" };
const confs: Readonly<Record<string, object>> = {
  bandwidth: { ingressRate: 8, ingressBurst: 8, egressRate: 8, egressBurst: 8 }, bridge: { ipMasq: true, ipam },
  dhcp: { ipam: { type: "dhcp", daemonSocketPath: "/run/none.sock" } }, dummy: { ipam }, firewall: {},
  flannel: { ipam }, "host-device": { device: "up0", ipam }, ipvlan: { master: "up0", ipam }, loopback: {},
  macvlan: { master: "up0", ipam }, ptp: { ipMasq: true, ipam }, sbr: {}, static: { ipam: { type: "static" } },
  portmap: { runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "udp" }] } },
  tap: { ipam }, tuning: { mtu: 1400, sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
  vlan: { master: "up0", vlanId: 5, ipam }, vrf: { vrfname: "blue" }, vxlan: { vni: 7, master: "up0", ipam },
};
/** What these keep stands where they are told. */
const keepers: Readonly<Record<string, (conf: object) => object>> = {
  "host-local": () => ({ ipam: { type: "host-local", dataDir: directory, subnet: "10.1.0.0/16" } }),
  tuning: (conf) => ({ ...conf, dataDir: directory }), flannel: (conf) => ({ ...conf, dataDir: directory }),
};

for (const [type, plugin] of builtIn) {
  // A module's own DEL is its own business.
  if (type === "wasm") continue;
  kernel(`${type}, ${plugin.versions.join(", ")}`, async () => {
    const conf = { ...(keepers[type] ?? ((same) => same))(confs[type] ?? {}) };
    const state = (): unknown => [kernelState(netns), [...reservations], readdirSync(directory)], before = state();
    for (const cniVersion of plugin.versions)
      for (const where of [netns.path, "", "/run/netns/none"]) await del({ plugin, conf, netns: where, cniVersion });
    assert.equal(state(), before);
  });
}
kernel.run();
