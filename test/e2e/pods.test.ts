// Pods of a cluster with several networks, from end to end: a pod's annotations in the cluster's API, containerd asked
// for its sandbox, the built executable in between; what the kernel and the API say then; and nothing left after it.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { ApiServer } from "../helpers/api-server.ts";
import { startApiServer } from "../helpers/api-server.ts";
import type { PodSpec, RunningPod } from "../helpers/box-node.ts";
import { addressesOf, announcePod, commandsFor, defaultRoutesOf, eventsOf, fetchText, linksOf, makeUplinks, networkStatusOf, reboot, runPod, uplinks } from "../helpers/box-node.ts";
import { nothingLeft } from "../helpers/box-traces.ts";
import type { Box } from "../helpers/box.ts";
import { boxSuite, enterBox } from "../helpers/box.ts";
import type { Containerd, ContainerdBuild } from "../helpers/containerd.ts";
import { containerdBuilds, containerdPrograms, eventually, image, startContainerd } from "../helpers/containerd.ts";
import { ipJson, run } from "../helpers/netns.ts";
import { random } from "../helpers/random.ts";
import { ourPlugins } from "../helpers/three-networks.ts";

const programs = { ...containerdPrograms, openssl: "openssl" }, needs = ["nft_nat", "macvlan", "ipv6"] as const;
const pods = boxSuite("pods with several networks", import.meta.url, { programs, needs, timeoutMs: 180_000 });
const fixtures = { links: uplinks };

/** The reference plugin for sysctls, a link's MAC and its MTU: an executable among our own plugins. */
const tuning = "/usr/lib/cni/tuning";
const whereTuning = (title: string, handler: () => Promise<void>): void => {
  if (existsSync(tuning)) return pods(title, handler);
  process.stderr.write(`\nSKIPPED "${title}": ${tuning} is not there (package containernetworking-plugins)\n`);
  pods.skip(title, handler);
};

// Each suite has a process of its own.
let box: Box, containerd: Containerd, api: ApiServer;

async function joinCluster(build?: ContainerdBuild): Promise<void> {
  box = enterBox([ourPlugins(), ...(existsSync(tuning) ? [tuning] : [])]);
  makeUplinks();
  containerd = await startContainerd(box, build);
  api = await startApiServer();
  for (const [name, config] of Object.entries(definitions)) await api.putDefinition({ namespace: "default", name, config });
}

async function leaveCluster(): Promise<void> {
  await api.stop();
  await containerd.stop();
  await box.leave();
}

pods.before(() => joinCluster());
pods.after(leaveCluster);
// A test that failed halfway is not to fail the next.
pods.after.each(async () => {
  await api.heal();
  for (const id of await containerd.cri.listPods()) await containerd.remove(id);
});
const hostLocal = (subnet: string, more: object = {}): object => ({ type: "host-local", ranges: [[{ subnet }]], ...more });

const primary = {
  cniVersion: "1.0.0", name: "primary", plugins: [
    { type: "bridge", bridge: "cni0", isDefaultGateway: true, ipMasq: true, ipam: hostLocal("10.90.0.0/16") },
    { type: "portmap", capabilities: { portMappings: true } },
  ],
};

const macvlan = { type: "macvlan", master: "uplink0", mode: "bridge" };

/** NetworkAttachmentDefinitions of the namespace "default", by name. */
const definitions: Readonly<Record<string, object>> = {
  storage: { cniVersion: "1.1.0", type: "bridge", bridge: "br-storage", isGateway: true, ipam: hostLocal("10.91.0.0/16", { routes: [{ dst: "172.20.0.0/16" }] }) },
  lan: { cniVersion: "0.4.0", ...macvlan, ipam: hostLocal("192.168.90.0/24") },
  old: { cniVersion: "0.3.1", ...macvlan, ipam: hostLocal("192.168.93.0/24") },
  six: { cniVersion: "1.0.0", type: "bridge", bridge: "br-six", isGateway: true, ipam: { type: "host-local", ranges: [[{ subnet: "10.97.0.0/16" }], [{ subnet: "fd00:97::/64" }]] } },
  ports: { cniVersion: "1.0.0", plugins: [
    { type: "bridge", bridge: "br-ports", isGateway: true, capabilities: { ips: true }, ipam: hostLocal("10.92.0.0/16") },
    { type: "portmap", capabilities: { portMappings: true } },
  ] },
  tuned: { cniVersion: "0.4.0", plugins: [
    { ...macvlan, capabilities: { ips: true }, ipam: { type: "static" } },
    { type: "tuning", sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
  ] },
};

/** The node's network list; `more` is laid over the multiplexer's own configuration. */
function nodeNetwork(more: object = {}): object {
  return { cniVersion: "1.0.0", name: "node", plugins: [
    { type: "polynic", capabilities: { portMappings: true }, kubeconfig: api.kubeconfig, delegates: [primary], ...more },
  ] };
}

function started(spec: PodSpec): Promise<RunningPod> {
  return runPod({ api, containerd }, spec);
}

/** The runtime's message about a pod that must not come to be. */
async function refused(spec: PodSpec, cri: Partial<PodSpec> = {}): Promise<string> {
  const request = await announcePod(api, spec);
  return await containerd.cri.runPod({ ...request, ...cri }).then((id) => { throw new Error(`pod ${spec.name} was made: ${id}`); }, (error: Error) => error.message);
}

async function everyNetwork(cniVersion: string): Promise<void> {
  await containerd.useNetwork({ ...nodeNetwork(), cniVersion });
  const pod = await started({ name: "three", networks: [
    { name: "storage", "default-route": ["10.91.0.1"] },
    { name: "lan" },
    { name: "ports", ips: ["10.92.0.77"], portMappings: [{ hostPort: 18080, containerPort: 80, protocol: "tcp" }] },
  ] });
  const { netns } = pod;
  assert.equal(linksOf(netns), ["eth0", "lo", "net1", "net2", "net3"]);
  const addresses = ["eth0", "net1", "net2", "net3"].map((ifName) => addressesOf(netns, ifName));
  assert.equal(addresses, [["10.90.0.2/16"], ["10.91.0.2/16"], ["192.168.90.2/24"], ["10.92.0.77/16"]]);
  const kinds = ["eth0", "net1", "net2", "net3"].map((ifName) => ipJson(`link show ${ifName}`, netns)[0].linkinfo.info_kind);
  assert.equal(kinds, ["veth", "veth", "macvlan", "veth"]);
  assert.equal(defaultRoutesOf(netns), ["10.91.0.1 net1"]);
  assert.equal(ipJson("-4 route show 172.20.0.0/16", netns).map(({ gateway, dev }) => `${gateway} ${dev}`), ["10.91.0.1 net1"]);
  assert.equal((await containerd.cri.podStatus(pod.id)).ips, ["10.90.0.2"]);

  const macs = Object.fromEntries(ipJson("link show", netns).map(({ ifname, address }) => [ifname, address]));
  const status = (await networkStatusOf(api, pod))?.map(({ name, interface: ifName, ips, mac, default: isDefault, dns }) => ({ name, ifName, ips, mac, isDefault, dns }));
  assert.equal(status, [
    { name: "primary", ifName: "eth0", ips: ["10.90.0.2"], mac: macs["eth0"], isDefault: true, dns: {} },
    { name: "default/storage", ifName: "net1", ips: ["10.91.0.2"], mac: macs["net1"], isDefault: false, dns: {} },
    { name: "default/lan", ifName: "net2", ips: ["192.168.90.2"], mac: macs["net2"], isDefault: false, dns: {} },
    { name: "default/ports", ifName: "net3", ips: ["10.92.0.77"], mac: macs["net3"], isDefault: false, dns: {} },
  ]);
  // They are recorded side by side.
  assert.equal((await eventsOf(api, pod)).toSorted(), [
    "Normal AddedInterface: Add eth0 [10.90.0.2/16] from primary",
    "Normal AddedInterface: Add net1 [10.91.0.2/16] from default/storage",
    "Normal AddedInterface: Add net2 [192.168.90.2/24] from default/lan",
    "Normal AddedInterface: Add net3 [10.92.0.77/16] from default/ports",
  ]);

  const container = await containerd.cri.startContainer(pod.id, pod.request, { image, command: ["/bin/httpd", "-f", "-p", "80", "-h", "/etc"] });
  assert.match((await containerd.cri.exec(container, "ip", "route")).stdout, /^default via 10\.91\.0\.1 dev net1/m);
  await containerd.cri.exec(container, "sh", "-c", "echo hello > /etc/page");
  assert.is(await fetchText("http://10.92.0.1:18080/page"), "hello\n");

  await containerd.remove(pod.id);
  await nothingLeft(fixtures);
}

pods("have every network of their annotation, which the cluster is told", () => everyNetwork("1.0.0"));

pods("have their default route of each family where they want it", async () => {
  await containerd.useNetwork(nodeNetwork());
  const routes: readonly [gateways: readonly string[], ipv4: readonly string[], ipv6: readonly string[]][] = [
    [["10.97.0.1", "fd00:97::1"], ["10.97.0.1 net1"], ["fd00:97::1 net1"]],
    [["fd00:97::1"], ["10.90.0.1 eth0"], ["fd00:97::1 net1"]],
    [["10.97.0.1"], ["10.97.0.1 net1"], []],
  ];
  for (const [index, [gateways, ipv4, ipv6]] of routes.entries()) {
    const { id, netns } = await started({ name: `routed-${index}`, networks: [{ name: "six", "default-route": gateways }, { name: "lan" }] });
    assert.equal([defaultRoutesOf(netns, 4), defaultRoutesOf(netns, 6)], [ipv4, ipv6]);
    await containerd.remove(id);
  }
  await nothingLeft(fixtures);
});

pods("without the annotation have the cluster's network alone, its route, and an entry for it", async () => {
  await containerd.useNetwork(nodeNetwork());
  const plain = await started({ name: "plain" });
  assert.equal([linksOf(plain.netns), defaultRoutesOf(plain.netns)], [["eth0", "lo"], ["10.90.0.1 eth0"]]);
  assert.equal((await networkStatusOf(api, plain))?.map(({ name, default: isDefault, gateway }) => [name, isDefault, gateway]), [["primary", true, ["10.90.0.1"]]]);
  // A network that asks for no route takes none, in every version that clusters have.
  const sibling = await started({ name: "sibling", networks: "lan, old@wire" });
  assert.equal([linksOf(sibling.netns), defaultRoutesOf(sibling.netns)], [["eth0", "lo", "net1", "wire"], ["10.90.0.1 eth0"]]);
  for (const { id } of [plain, sibling]) await containerd.remove(id);
  await nothingLeft(fixtures);
});

pods("are kept and removed across a restart of everything", async () => {
  await containerd.useNetwork(nodeNetwork());
  const [first, second, third] = [await started({ name: "first", networks: "storage,lan" }), await started({ name: "second", networks: "storage,lan" }), await started({ name: "third", networks: "lan" })];
  await containerd.stop();
  await api.fault({ kind: "refuse" });
  assert.equal([addressesOf(first.netns, "net1"), addressesOf(third.netns, "net1")].map(({ length }) => length), [1, 1]);
  await containerd.start();
  await api.heal();

  const fourth = await started({ name: "fourth", networks: "storage,lan" });
  const all = [first, second, fourth].flatMap(({ netns }) => ["eth0", "net1", "net2"].flatMap((ifName) => addressesOf(netns, ifName)));
  assert.is(new Set(all).size, 9, all.join(" "));

  await containerd.remove(first.id);
  assert.equal(linksOf(second.netns), ["eth0", "lo", "net1", "net2"]);
  // Nobody can say which networks these had but the node itself: the API is away, and then it knows the pod no more.
  await api.fault({ kind: "refuse" });
  const before = Date.now();
  await containerd.cri.stopPod(second.id);
  assert.ok(Date.now() - before < 3_000, `stopping a pod took ${Date.now() - before} ms without the API`);
  assert.is(ipJson("link show master br-storage").length, 1);
  await containerd.cri.removePod(second.id);
  await api.heal();
  for (const pod of [third, fourth]) {
    await api.removePod(pod);
    await containerd.remove(pod.id);
  }
  await nothingLeft(fixtures);
});

pods("are taken away after the node was restarted, and new ones have networks again", async () => {
  await containerd.useNetwork(nodeNetwork());
  const before = await started({ name: "before", networks: "storage,lan", portMappings: [{ hostPort: 18082, containerPort: 80 }] });
  await reboot({ box, containerd });
  assert.is((await containerd.cri.podStatus(before.id)).ready, false);
  const after = await started({ name: "after", networks: "storage,lan" });
  assert.equal(linksOf(after.netns), ["eth0", "lo", "net1", "net2"]);
  await containerd.remove(before.id);
  assert.equal(linksOf(after.netns), ["eth0", "lo", "net1", "net2"]);
  await containerd.remove(after.id);
  await nothingLeft(fixtures);
});

pods("fail with the reason, which the cluster is told, when a network is not there", async () => {
  await containerd.useNetwork(nodeNetwork());
  const message = await refused({ name: "lost", networks: "storage,nowhere" });
  assert.match(message, /plugin type="polynic" failed \(add\): .*default\/nowhere.*/);
  await nothingLeft(fixtures);
  const key = { namespace: "default", name: "lost" };
  const [event = "", ...others] = await eventsOf(api, key);
  assert.match(event, /^Warning NoNetworkFound: .*default\/nowhere/);
  assert.equal(others, []);
  const [entry, ...rest] = await networkStatusOf(api, key) ?? [];
  assert.equal([entry?.name, rest], ["default/nowhere", []]);
  assert.match(entry.error, "default/nowhere");
});

pods("fail with the plugin's reason, and are taken away, when the last network cannot be attached", async () => {
  await containerd.useNetwork(nodeNetwork());
  await api.putDefinition({ namespace: "default", name: "broken", config: { cniVersion: "1.0.0", type: "macvlan", master: "absent0", ipam: hostLocal("10.99.0.0/24") } });
  assert.match(await refused({ name: "unlucky", networks: "storage,broken" }), /failed \(add\): .*absent0/);
  await nothingLeft(fixtures);
  assert.match((await eventsOf(api, { namespace: "default", name: "unlucky" })).join("\n"), /^Warning .*absent0/m);
});

pods("that are static have their networks under the UID a kubelet made up, others must be who they say", async () => {
  await containerd.useNetwork(nodeNetwork());
  const isStatic = { "kubernetes.io/config.source": "file" };
  const request = await announcePod(api, { name: "static", uid: "mirror", annotations: isStatic, networks: "storage" });
  const ids = [await containerd.cri.runPod({ ...request, uid: "made-up-by-kubelet" })];
  assert.equal(linksOf(await containerd.netnsOf(ids[0] ?? "")), ["eth0", "lo", "net1"]);
  assert.is((await networkStatusOf(api, { namespace: "default", name: "static" }))?.length, 2);

  const message = await refused({ name: "again", uid: "new-uid", networks: "storage" }, { uid: "old-uid" });
  assert.match(message, /old-uid/);
  assert.match(message, /new-uid/);
  for (const id of ids) await containerd.remove(id);
  await nothingLeft(fixtures);
});

pods("that the cluster does not know any more are made without a network, and taken away", async () => {
  await containerd.useNetwork(nodeNetwork());
  const id = await containerd.cri.runPod({ name: "forgotten" });
  assert.equal(linksOf(await containerd.netnsOf(id)), ["lo"]);
  await containerd.remove(id);
  await nothingLeft(fixtures);
});

pods("of the same name are told apart by their UID", async () => {
  await containerd.useNetwork(nodeNetwork());
  const old = await started({ name: "db-0", uid: "first-life", networks: "storage" });
  await api.removePod(old);
  const young = await started({ name: "db-0", uid: "second-life", networks: "storage,lan" });
  const told = await networkStatusOf(api, young);
  assert.equal(told?.map(({ ips }) => ips[0]), ["eth0", "net1", "net2"].map((ifName) => addressesOf(young.netns, ifName)[0]?.split("/")[0]));
  await containerd.remove(old.id);
  assert.equal(linksOf(young.netns), ["eth0", "lo", "net1", "net2"]);
  assert.equal(await networkStatusOf(api, young), told);
  await containerd.remove(young.id);
  await nothingLeft(fixtures);
});

pods("wait for an API that is away for a moment, and go without one", async () => {
  const kubeconfig = api.writeKubeconfig({ user: "token" });
  await containerd.useNetwork(nodeNetwork({ kubeconfig }));
  await api.fault({ kind: "refuse", ms: 1_500 });
  const { id, netns } = await started({ name: "patient", networks: "storage" });
  assert.equal(linksOf(netns), ["eth0", "lo", "net1"]);
  rmSync(kubeconfig);
  await containerd.remove(id);
  await nothingLeft(fixtures);
});

pods("may have networks of other namespaces only as the node's rules say", async () => {
  await containerd.useNetwork(nodeNetwork({ namespaceIsolation: true }));
  await api.putDefinition({ namespace: "red", name: "secret", config: { cniVersion: "1.0.0", ...macvlan, ipam: hostLocal("10.95.0.0/24") } });
  const message = await refused({ namespace: "blue", name: "curious", networks: "red/secret" });
  assert.match(message, /failed \(add\): .*blue/);
  assert.match(message, /red/);
  await nothingLeft(fixtures);
  const shared = await started({ namespace: "blue", name: "modest", networks: "default/lan@wire" });
  assert.equal(linksOf(shared.netns), ["eth0", "lo", "wire"]);
  await containerd.remove(shared.id);
  await nothingLeft(fixtures);
});

pods("have the cluster's network from a definition, more of them by default, and another first one where they say so", async () => {
  await api.putDefinition({ namespace: "kube-system", name: "cluster", config: primary });
  await api.putDefinition({ namespace: "kube-system", name: "everyone", config: { cniVersion: "1.0.0", ...macvlan, ipam: hostLocal("10.96.0.0/24") } });
  await containerd.useNetwork(nodeNetwork({ delegates: undefined, clusterNetwork: "cluster", defaultNetworks: ["everyone"] }));
  const usual = await started({ name: "usual", networks: "lan" });
  assert.equal((await networkStatusOf(api, usual))?.map(({ name, interface: ifName }) => [name, ifName]), [["kube-system/cluster", "eth0"], ["kube-system/everyone", "net1"], ["default/lan", "net2"]]);
  const other = await started({ name: "other", networks: "lan", annotations: { "v1.multus-cni.io/default-network": "default/storage" } });
  const [first] = await networkStatusOf(api, other) ?? [];
  assert.equal([first?.name, first?.interface, first?.default], ["default/storage", "eth0", true]);
  assert.match(addressesOf(other.netns, "eth0")[0] ?? "", /^10\.91\./);
  assert.equal([linksOf(other.netns), (await containerd.cri.podStatus(other.id)).ips], [["eth0", "lo", "net1", "net2"], first.ips]);
  for (const { id } of [usual, other]) await containerd.remove(id);
  await nothingLeft(fixtures);
});

pods("have their networks under the name multus too", async () => {
  await containerd.useNetwork(nodeNetwork({ type: "multus" }));
  const pod = await started({ name: "known", networks: [{ name: "storage", interface: "data" }, { name: "lan", namespace: "default" }], portMappings: [{ hostPort: 18081, containerPort: 80 }] });
  assert.equal(linksOf(pod.netns), ["data", "eth0", "lo", "net2"]);
  assert.equal((await networkStatusOf(api, pod))?.map(({ name, interface: ifName }) => [name, ifName]), [["primary", "eth0"], ["default/storage", "data"], ["default/lan", "net2"]]);
  assert.match(run("nft", "list", "ruleset"), /dport 18081/);
  await containerd.remove(pod.id);
  await nothingLeft(fixtures);
});

pods("come and go twenty at once", async () => {
  await containerd.useNetwork(nodeNetwork());
  const crowd = await Promise.all(Array.from({ length: 20 }, (_, index) => started({ name: `crowd-${index}`, networks: "storage,lan" })));
  const seen = crowd.map(({ netns }) => ["eth0", "net1", "net2"].flatMap((ifName) => addressesOf(netns, ifName)));
  assert.is(new Set(seen.flat()).size, 60, JSON.stringify(seen));
  for (const [index, pod] of crowd.entries()) {
    const told = (await networkStatusOf(api, pod))?.map(({ ips }) => ips[0]);
    assert.equal(told, seen[index]?.map((address) => address.slice(0, address.indexOf("/"))));
  }
  await Promise.all(crowd.map(({ id }) => containerd.remove(id)));
  await nothingLeft(fixtures);
});

const killings = [
  { what: "the executable is killed halfway", cleaningDies: false, collected: false },
  { what: "its first cleaning up is killed as well", cleaningDies: true, collected: false },
  { what: "garbage is collected after both", cleaningDies: true, collected: true },
];
for (const { what, cleaningDies, collected } of killings) {
  pods(`leave nothing when ${what}`, async () => {
    await containerd.useNetwork(nodeNetwork());
    const neighbour = await started({ name: "neighbour", networks: "lan" });
    const name = "killed";
    // The networks are attached; telling the cluster takes its time.
    await api.fault({ match: { path: `/pods/${name}/status` }, kind: "slow", ms: 20_000 });
    let over = false;
    const making = refused({ name, networks: "storage,lan" }).finally(() => { over = true; });
    making.catch(() => {});
    await eventually("the pod's second network", () => ipJson("link show master br-storage").length === 1);
    const victims = commandsFor(name, "ADD");
    assert.ok(victims.length > 0, "the ADD runs");
    kill(victims);
    while (cleaningDies && !over) {
      kill(commandsFor(name, "DEL"));
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert.match(await making, /signal: killed/);
    await api.heal();
    assert.is(ipJson("link show master br-storage").length, cleaningDies ? 1 : 0);
    if (collected) {
      collectGarbage([{ containerID: neighbour.id, ifname: "eth0" }]);
      assert.is(ipJson("link show master br-storage").length, 0);
      assert.equal(linksOf(neighbour.netns), ["eth0", "lo", "net1"]);
    }
    for (const id of await containerd.cri.listPods()) await containerd.remove(id);
    await nothingLeft(fixtures);
  });
}

pods("are whole or not there, and in the end gone, whatever is killed and whatever the API does", async () => {
  await containerd.useNetwork(nodeNetwork());
  const { seed, below, pick, once } = random();
  const context = `POLYNIC_SEED=${seed}`;
  let over = false;
  const trouble = (async () => {
    while (!over) {
      await new Promise((resolve) => setTimeout(resolve, below(60)));
      if (once(10)) await api.fault({ kind: "409", match: { method: "PUT" } });
      else if (once(3)) await api.fault({ kind: pick(["500", "503", "reset", "lost", "slow", "truncated"]), ms: below(300) });
      else kill(commandsFor(`chaos-${below(12)}`, pick(["ADD", "DEL"])));
    }
  })();
  try {
    const made = await Promise.allSettled(Array.from({ length: 12 }, (_, index) => started({ name: `chaos-${index}`, networks: "storage,ports,lan" })));
    const whole = made.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
    for (const { netns } of whole) assert.equal(linksOf(netns), ["eth0", "lo", "net1", "net2", "net3"], context);
    const addresses = whole.flatMap(({ netns }) => ["eth0", "net1", "net2", "net3"].flatMap((ifName) => addressesOf(netns, ifName)));
    assert.is(new Set(addresses).size, whole.length * 4, context);
    await Promise.all((await containerd.cri.listPods()).map((id) => containerd.remove(id).catch(() => {})));
  } finally {
    over = true;
    await trouble;
  }
  await api.heal();
  for (const id of await containerd.cri.listPods()) await containerd.remove(id);
  await nothingLeft(fixtures);
});

function kill(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended by itself.
    }
  }
}

/** What a runtime does now and then that knows GC; containerd does not. */
function collectGarbage(valid: readonly object[]): void {
  const conf = { cniVersion: "1.1.0", name: "node", type: "polynic", kubeconfig: api.kubeconfig, delegates: [primary], "cni.dev/valid-attachments": valid };
  const env = { PATH: process.env["PATH"], CNI_COMMAND: "GC", CNI_PATH: box.pluginDir };
  const { status, stdout, stderr } = spawnSync(join(box.pluginDir, "polynic"), { env, input: JSON.stringify(conf), encoding: "utf8", timeout: 20_000 });
  assert.is(status, 0, stdout + stderr);
}

whereTuning("have addresses of their choice on a chain of plugins, and reach each other there", async () => {
  await containerd.useNetwork(nodeNetwork());
  const [left, right] = [await started({ name: "left", networks: [{ name: "tuned", ips: ["10.94.0.11/24"] }] }), await started({ name: "right", networks: [{ name: "tuned", ips: ["10.94.0.12/24"] }] })];
  assert.equal([addressesOf(left.netns, "net1"), addressesOf(right.netns, "net1")], [["10.94.0.11/24"], ["10.94.0.12/24"]]);
  assert.is(left.netns.exec("sysctl", "-n", "net.ipv4.conf.net1.arp_filter"), "1\n");
  assert.match(left.netns.exec("ping", "-c", "1", "-W", "5", "-I", "net1", "10.94.0.12"), /1 received/);
  for (const { id } of [left, right]) await containerd.remove(id);
  await nothingLeft(fixtures);
});

for (const { what, folder, more } of [
  { what: "a folder beside the cluster network's file", folder: "primary", more: {} },
  { what: "an auxiliary chain", folder: "every-pod", more: { auxiliaryCNIChainName: "every-pod" } },
]) {
  whereTuning(`have what plugins in ${what} do to them`, async () => {
    const directory = join(box.directory, "cluster"), chain = join(directory, folder);
    mkdirSync(chain, { recursive: true });
    writeFileSync(join(directory, "10-primary.conflist"), JSON.stringify(primary));
    await containerd.useNetwork(nodeNetwork({ delegates: undefined, clusterNetwork: join(directory, "10-primary.conflist"), ...more }));
    const pod = async (name: string): Promise<readonly [value: string, links: readonly string[]]> => {
      const { id, netns } = await started({ name, networks: "lan" });
      const value = netns.exec("sysctl", "-n", "net.ipv4.conf.eth0.arp_filter").trim();
      const links = linksOf(netns);
      await containerd.remove(id);
      return [value, links];
    };
    assert.equal(await pod(`untouched-${folder}`), ["0", ["eth0", "lo", "net1"]]);
    writeFileSync(join(chain, "10-tuning.conf"), JSON.stringify({ type: "tuning", sysctl: { "net.ipv4.conf.eth0.arp_filter": "1" } }));
    assert.equal(await pod(`touched-${folder}`), ["1", ["eth0", "lo", "net1"]]);
    rmSync(directory, { recursive: true });
    await nothingLeft(fixtures);
  });
}

pods.run();

for (const build of containerdBuilds().filter(({ name }) => name === "newer")) {
  const newer = boxSuite("pods with several networks of the newer containerd", import.meta.url, { programs, needs, timeoutMs: 60_000 });
  newer.before(() => joinCluster(build));
  newer.after(leaveCluster);
  newer("have every network of their annotation", () => everyNetwork(build.cniVersion));
  newer.run();
}
