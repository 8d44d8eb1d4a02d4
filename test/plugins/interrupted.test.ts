// What DEL lists may be interrupted (EINTR), as where containers come and go: it fails then, or takes all away all the
// same. What is left never turns into success, at the second DEL no more than at the first.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { Result } from "../../src/cni/index.ts";
import { builtIn } from "../../src/plugins/index.ts";
import { interruptions, kernelState } from "../helpers/failing-handles.ts";
import type { Driven } from "../helpers/handles.ts";
import { add, del, reservations } from "../helpers/handles.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { attempt, ipJson, kernelSuite, makeNetns, run } from "../helpers/netns.ts";

const kernel = kernelSuite("interrupted DEL", import.meta.url, { needs: ["nft_nat", "macvlan"] });
const other = kernelSuite("interrupted DEL, other kinds", import.meta.url, { needs: ["vrf"] });

const ipam = { type: "test", addresses: [{ address: "10.1.2.3/24", gateway: "10.1.2.1" }] };
const prevResult: Result = { interfaces: [{ name: "host0" }, { name: "eth0", sandbox: "/n" }], routes: [], dns: {},
  ips: [{ address: "10.1.2.3/24", gateway: "10.1.2.1", interface: 1 }] };
const masqueraded = { ipMasq: true, ipMasqBackend: "nftables", ipam };
const mapped = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "udp" }] };

let netns: TestNetns, directory: string;
function prepare(): void {
  netns = makeNetns();
  directory = mkdtempSync(join(tmpdir(), "polynic-interrupted-"));
  run("ip", "link", "add", "up0", "type", "veth", "peer", "far0");
  run("ip", "address", "add", "192.0.2.1/24", "dev", "up0");
  run("ip", "link", "set", "up0", "up");
}
/** What a plugin before a chained one has made. */
function prepareChained(): void {
  run("ip", "link", "add", "host0", "type", "veth", "peer", "eth0", "netns", netns.name);
  netns.exec("ip", "address", "add", "10.1.2.3/24", "dev", "eth0");
  netns.exec("ip", "link", "set", "eth0", "up");
}
function cleanUp(): void {
  netns.remove();
  for (const one of ipJson("link show")) if (one.ifname !== "lo") attempt("ip", "link", "delete", one.ifname);
  attempt("nft", "flush", "ruleset");
  rmSync(directory, { recursive: true });
  reservations.clear();
}
for (const suite of [kernel, other]) {
  suite.before.each(prepare);
  suite.after.each(cleanUp);
}

/** Each with the number of lists that it has at least; those of deleting a link are not interrupted here. */
const rows: readonly (readonly [suite: typeof kernel, type: string, conf: () => object, lists: number])[] = [
  [kernel, "bridge", () => ({ isGateway: true, ...masqueraded }), 2],
  [kernel, "ptp", () => masqueraded, 1],
  [kernel, "macvlan", () => ({ master: "up0", ipam }), 0],
  [kernel, "tap", () => ({ ipam }), 0],
  [kernel, "vxlan", () => ({ vni: 7, master: "up0", peers: ["192.0.2.2"], ipam }), 2],
  [kernel, "host-device", () => ({ device: "far0", ipam }), 0],
  [kernel, "portmap", () => ({ backend: "nftables", runtimeConfig: mapped }), 3],
  [kernel, "firewall", () => ({ backend: "nftables" }), 1],
  [kernel, "sbr", () => ({ table: 100 }), 2],
  [kernel, "tuning", () => ({ mtu: 1400, dataDir: directory }), 0],
  [other, "vrf", () => ({ vrfname: "red", table: 10 }), 1],
];
for (const [suite, type, conf, lists] of rows) {
  suite(`${type} fails or takes everything away, whatever is interrupted`, async () => {
    const plugin = builtIn.get(type);
    assert.ok(plugin);
    const isChained = plugin.isChained === true;
    if (isChained) prepareChained();
    // The result a chained DEL is given is ADD's, which hands on what it was given.
    const one: Driven = { plugin, netns: netns.path, conf: { ...conf() }, ...(isChained ? { prevResult } : {}) };
    // What all containers share is made by the first, and stays.
    await add(one);
    await del(one);
    const count = await interruptions(one, () => [kernelState(netns), [...reservations]]);
    assert.ok(count >= lists, `only ${count} lists were interrupted`);
  });
}
kernel.run();
other.run();
