// Pods of a cluster with several networks, from end to end: a pod's annotations in the cluster's API, containerd asked
// for its sandbox, the built executable in between; what the kernel and the API say then; and nothing left after it.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import type { BoxCluster } from "../helpers/box-cluster.ts";
import { clusterNeeds, hostLocal, joinCluster, macvlan, primary } from "../helpers/box-cluster.ts";
import {
  addressesOf, announcePod, defaultRoutesOf, eventsOf, fetchText, linksOf, networkStatusOf,
} from "../helpers/box-node.ts";
import { boxSuite } from "../helpers/box.ts";
import { containerdBuilds, image } from "../helpers/containerd.ts";
import { ipJson, run } from "../helpers/netns.ts";

const pods = boxSuite("pods with several networks", import.meta.url, clusterNeeds);
let cluster: BoxCluster;
pods.before(async () => {
  cluster = await joinCluster();
});
pods.after.each(() => cluster.tidy());
pods.after(() => cluster.leave());

/** @param cniVersion  of the node's own network list */
async function everyNetwork(cniVersion: string): Promise<void> {
  await cluster.useNode({}, cniVersion);
  const pod = await cluster.started({ name: "three", networks: [
    { name: "storage", "default-route": ["10.91.0.1"] },
    { name: "lan" },
    { name: "ports", ips: ["10.92.0.77"], portMappings: [{ hostPort: 18080, containerPort: 80, protocol: "tcp" }] },
  ] });
  const { netns } = pod;
  assert.equal(linksOf(netns), ["eth0", "lo", "net1", "net2", "net3"]);
  const addresses = ["eth0", "net1", "net2", "net3"].map((ifName) => addressesOf(netns, ifName));
  assert.equal(addresses, [["10.90.0.2/16"], ["10.91.0.2/16"], ["192.168.90.2/24"], ["10.92.0.77/16"]]);
  const kinds = ["eth0", "net1", "net2", "net3"].map((ifName) => ipJson(`link show ${ifName}`,
    netns)[0].linkinfo.info_kind);
  assert.equal(kinds, ["veth", "veth", "macvlan", "veth"]);
  assert.equal(defaultRoutesOf(netns), ["10.91.0.1 net1"]);
  assert.equal(ipJson("-4 route show 172.20.0.0/16", netns).map(({ gateway, dev }) => `${gateway} ${dev}`),
    ["10.91.0.1 net1"]);
  assert.equal((await cluster.containerd.cri.podStatus(pod.id)).ips, ["10.90.0.2"]);

  const macs = Object.fromEntries(ipJson("link show", netns).map(({ ifname, address }) => [ifname, address]));
  const status = (await networkStatusOf(cluster.api, pod))?.map(({ name, interface: ifName, ips, mac,
    default: isDefault, dns }) => ({ name, ifName, ips, mac, isDefault, dns }));
  assert.equal(status, [
    { name: "primary", ifName: "eth0", ips: ["10.90.0.2"], mac: macs["eth0"], isDefault: true, dns: {} },
    { name: "default/storage", ifName: "net1", ips: ["10.91.0.2"], mac: macs["net1"], isDefault: false, dns: {} },
    { name: "default/lan", ifName: "net2", ips: ["192.168.90.2"], mac: macs["net2"], isDefault: false, dns: {} },
    { name: "default/ports", ifName: "net3", ips: ["10.92.0.77"], mac: macs["net3"], isDefault: false, dns: {} },
  ]);
  assert.equal(await eventsOf(cluster.api, pod), [
    "Normal AddedInterface: Add eth0 [10.90.0.2/16] from primary",
    "Normal AddedInterface: Add net1 [10.91.0.2/16] from default/storage",
    "Normal AddedInterface: Add net2 [192.168.90.2/24] from default/lan",
    "Normal AddedInterface: Add net3 [10.92.0.77/16] from default/ports",
  ]);

  const container = await cluster.containerd.cri.startContainer(pod.id, pod.request,
    { image, command: ["/bin/httpd", "-f", "-p", "80", "-h", "/etc"] });
  assert.match((await cluster.containerd.cri.exec(container, "ip", "route")).stdout,
    /^default via 10\.91\.0\.1 dev net1/m);
  await cluster.containerd.cri.exec(container, "sh", "-c", "echo hello > /etc/page");
  assert.is(await fetchText("http://10.92.0.1:18080/page"), "hello\n");

  await cluster.removeLast(pod);
}

pods("have every network of their annotation, which the cluster is told", () => everyNetwork("1.0.0"));

pods("have their default route of each family where they want it", async () => {
  await cluster.useNode();
  const routes: readonly [gateways: readonly string[], ipv4: readonly string[], ipv6: readonly string[]][] = [
    [["10.97.0.1", "fd00:97::1"], ["10.97.0.1 net1"], ["fd00:97::1 net1"]],
    [["fd00:97::1"], ["10.90.0.1 eth0"], ["fd00:97::1 net1"]],
    [["10.97.0.1"], ["10.97.0.1 net1"], []],
  ];
  for (const [index, [gateways, ipv4, ipv6]] of routes.entries()) {
    const { id, netns } = await cluster.started({ name: `routed-${index}`,
      networks: [{ name: "six", "default-route": gateways }, { name: "lan" }] });
    assert.equal([defaultRoutesOf(netns, 4), defaultRoutesOf(netns, 6)], [ipv4, ipv6]);
    await cluster.containerd.remove(id);
  }
  await cluster.nothingLeft();
});

pods("without the annotation have the cluster's network alone, its route, and an entry for it", async () => {
  await cluster.useNode();
  const plain = await cluster.started({ name: "plain" });
  assert.equal([linksOf(plain.netns), defaultRoutesOf(plain.netns)], [["eth0", "lo"], ["10.90.0.1 eth0"]]);
  assert.equal((await networkStatusOf(cluster.api, plain))?.map(({ name, default: isDefault, gateway }) => [name,
    isDefault, gateway]), [["primary", true, ["10.90.0.1"]]]);
  // A network that asks for no route takes none, in every version that clusters have.
  const sibling = await cluster.started({ name: "sibling", networks: "lan, old@wire" });
  assert.equal([linksOf(sibling.netns), defaultRoutesOf(sibling.netns)],
    [["eth0", "lo", "net1", "wire"], ["10.90.0.1 eth0"]]);
  await cluster.removeLast(plain, sibling);
});

pods("fail with the reason, which the cluster is told, when a network is not there", async () => {
  await cluster.useNode();
  const message = await cluster.refused({ name: "lost", networks: "storage,nowhere" });
  assert.match(message, /plugin type="polynic" failed \(add\): .*default\/nowhere.*/);
  await cluster.nothingLeft();
  const key = { namespace: "default", name: "lost" };
  const [event = "", ...others] = await eventsOf(cluster.api, key);
  assert.match(event, /^Warning NoNetworkFound: .*default\/nowhere/);
  assert.equal(others, []);
  const [entry, ...rest] = await networkStatusOf(cluster.api, key) ?? [];
  assert.equal([entry?.name, rest], ["default/nowhere", []]);
  assert.match(entry.error, "default/nowhere");
});

pods("fail with the plugin's reason, and are taken away, when the last network cannot be attached", async () => {
  await cluster.useNode();
  await cluster.api.putDefinition({ namespace: "default", name: "broken",
    config: { cniVersion: "1.0.0", type: "macvlan", master: "absent0", ipam: hostLocal("10.99.0.0/24") } });
  assert.match(await cluster.refused({ name: "unlucky", networks: "storage,broken" }), /failed \(add\): .*absent0/);
  await cluster.nothingLeft();
  assert.match((await eventsOf(cluster.api, { namespace: "default", name: "unlucky" })).join("\n"),
    /^Warning .*absent0/m);
});

pods("that are static have their networks under the UID a kubelet made up, others must be who they say", async () => {
  await cluster.useNode();
  const isStatic = { "kubernetes.io/config.source": "file" };
  const request = await announcePod(cluster.api, { name: "static", uid: "mirror", annotations: isStatic,
    networks: "storage" });
  const id = await cluster.containerd.cri.runPod({ ...request, uid: "made-up-by-kubelet" });
  assert.equal(linksOf(await cluster.containerd.netnsOf(id)), ["eth0", "lo", "net1"]);
  assert.is((await networkStatusOf(cluster.api, { namespace: "default", name: "static" }))?.length, 2);

  const message = await cluster.refused({ name: "again", uid: "new-uid", networks: "storage" }, { uid: "old-uid" });
  assert.match(message, /old-uid/);
  assert.match(message, /new-uid/);
  await cluster.removeLast({ id });
});

pods("that the cluster does not know any more are made without a network, and taken away", async () => {
  await cluster.useNode();
  const id = await cluster.containerd.cri.runPod({ name: "forgotten" });
  assert.equal(linksOf(await cluster.containerd.netnsOf(id)), ["lo"]);
  await cluster.removeLast({ id });
});

pods("of the same name are told apart by their UID", async () => {
  await cluster.useNode();
  const old = await cluster.started({ name: "db-0", uid: "first-life", networks: "storage" });
  await cluster.api.removePod(old);
  const young = await cluster.started({ name: "db-0", uid: "second-life", networks: "storage,lan" });
  const told = await networkStatusOf(cluster.api, young);
  assert.equal(told?.map(({ ips }) => ips[0]), ["eth0", "net1",
    "net2"].map((ifName) => addressesOf(young.netns, ifName)[0]?.split("/")[0]));
  await cluster.containerd.remove(old.id);
  assert.equal(linksOf(young.netns), ["eth0", "lo", "net1", "net2"]);
  assert.equal(await networkStatusOf(cluster.api, young), told);
  await cluster.removeLast(young);
});

pods("wait for an API that is away for a moment, and go without one", async () => {
  const kubeconfig = cluster.api.writeKubeconfig({ user: "token" });
  await cluster.useNode({ kubeconfig });
  await cluster.api.fault({ kind: "refuse", ms: 1_500 });
  const { id, netns } = await cluster.started({ name: "patient", networks: "storage" });
  assert.equal(linksOf(netns), ["eth0", "lo", "net1"]);
  rmSync(kubeconfig);
  await cluster.removeLast({ id });
});

pods("may have networks of other namespaces only as the node's rules say", async () => {
  await cluster.useNode({ namespaceIsolation: true });
  await cluster.api.putDefinition({ namespace: "red", name: "secret",
    config: { cniVersion: "1.0.0", ...macvlan, ipam: hostLocal("10.95.0.0/24") } });
  const message = await cluster.refused({ namespace: "blue", name: "curious", networks: "red/secret" });
  assert.match(message, /failed \(add\): .*blue/);
  assert.match(message, /red/);
  await cluster.nothingLeft();
  const shared = await cluster.started({ namespace: "blue", name: "modest", networks: "default/lan@wire" });
  assert.equal(linksOf(shared.netns), ["eth0", "lo", "wire"]);
  await cluster.removeLast(shared);
});

pods("have the cluster's network from a definition, more of them by default, and another first one where they say so",
  async () => {
  await cluster.api.putDefinition({ namespace: "kube-system", name: "cluster", config: primary });
  await cluster.api.putDefinition({ namespace: "kube-system", name: "everyone",
    config: { cniVersion: "1.0.0", ...macvlan, ipam: hostLocal("10.96.0.0/24") } });
  await cluster.useNode({ delegates: undefined, clusterNetwork: "cluster", defaultNetworks: ["everyone"] });
  const usual = await cluster.started({ name: "usual", networks: "lan" });
  assert.equal((await networkStatusOf(cluster.api, usual))?.map(({ name, interface: ifName }) => [name, ifName]),
    [["kube-system/cluster", "eth0"], ["kube-system/everyone", "net1"], ["default/lan", "net2"]]);
  const other = await cluster.started({ name: "other", networks: "lan",
    annotations: { "v1.multus-cni.io/default-network": "default/storage" } });
  const [first] = await networkStatusOf(cluster.api, other) ?? [];
  assert.equal([first?.name, first?.interface, first?.default], ["default/storage", "eth0", true]);
  assert.match(addressesOf(other.netns, "eth0")[0] ?? "", /^10\.91\./);
  assert.equal([linksOf(other.netns), (await cluster.containerd.cri.podStatus(other.id)).ips],
    [["eth0", "lo", "net1", "net2"], first.ips]);
  await cluster.removeLast(usual, other);
});

pods("have their networks under the name multus too", async () => {
  await cluster.useNode({ type: "multus" });
  const pod = await cluster.started({ name: "known", networks: [{ name: "storage", interface: "data" },
    { name: "lan", namespace: "default" }], portMappings: [{ hostPort: 18081, containerPort: 80 }] });
  assert.equal(linksOf(pod.netns), ["data", "eth0", "lo", "net2"]);
  assert.equal((await networkStatusOf(cluster.api, pod))?.map(({ name, interface: ifName }) => [name, ifName]),
    [["primary", "eth0"], ["default/storage", "data"], ["default/lan", "net2"]]);
  assert.match(run("nft", "list", "ruleset"), /dport 18081/);
  await cluster.removeLast(pod);
});

pods("have addresses of their choice on a chain of plugins, and reach each other there", async () => {
  await cluster.useNode();
  const [left, right] = [await cluster.started({ name: "left", networks: [{ name: "tuned", ips: ["10.94.0.11/24"] }] }),
    await cluster.started({ name: "right", networks: [{ name: "tuned", ips: ["10.94.0.12/24"] }] })];
  assert.equal([addressesOf(left.netns, "net1"), addressesOf(right.netns, "net1")],
    [["10.94.0.11/24"], ["10.94.0.12/24"]]);
  assert.is(left.netns.exec("sysctl", "-n", "net.ipv4.conf.net1.arp_filter"), "1\n");
  assert.match(left.netns.exec("ping", "-c", "1", "-W", "5", "-I", "net1", "10.94.0.12"), /1 received/);
  await cluster.removeLast(left, right);
});

for (const { what, folder, more } of [
  { what: "a folder beside the cluster network's file", folder: "primary", more: {} },
  { what: "an auxiliary chain", folder: "every-pod", more: { auxiliaryCNIChainName: "every-pod" } },
]) {
  pods(`have what plugins in ${what} do to them`, async () => {
    const directory = join(cluster.box.directory, "cluster"), chain = join(directory, folder);
    mkdirSync(chain, { recursive: true });
    writeFileSync(join(directory, "10-primary.conflist"), JSON.stringify(primary));
    await cluster.useNode({ delegates: undefined, clusterNetwork: join(directory, "10-primary.conflist"), ...more });
    const pod = async (name: string): Promise<readonly [value: string, links: readonly string[]]> => {
      const { id, netns } = await cluster.started({ name, networks: "lan" });
      const value = netns.exec("sysctl", "-n", "net.ipv4.conf.eth0.arp_filter").trim();
      const links = linksOf(netns);
      await cluster.containerd.remove(id);
      return [value, links];
    };
    assert.equal(await pod(`untouched-${folder}`), ["0", ["eth0", "lo", "net1"]]);
    writeFileSync(join(chain, "10-tuning.conf"), JSON.stringify({ type: "tuning",
      sysctl: { "net.ipv4.conf.eth0.arp_filter": "1" } }));
    assert.equal(await pod(`touched-${folder}`), ["1", ["eth0", "lo", "net1"]]);
    rmSync(directory, { recursive: true });
    await cluster.nothingLeft();
  });
}

pods.run();

for (const build of containerdBuilds().filter(({ name }) => name === "newer")) {
  const newer = boxSuite("pods with several networks of the newer containerd", import.meta.url,
    { ...clusterNeeds });
  newer.before(async () => {
    cluster = await joinCluster(build);
  });
  newer.after(() => cluster.leave());
  newer("have every network of their annotation", () => everyNetwork(build.cniVersion));
  newer.run();
}
