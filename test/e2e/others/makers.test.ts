// Plugins of other makers below the multiplexer, each a stand-in that writes down what it was told: the configuration
// untouched, the environment, the result before it, and of the runtime's arguments those that it declares.
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { builtDist } from "../../helpers/dist.ts";
import { kernelSuite } from "../../helpers/netns.ts";
import type { World } from "../../helpers/runtime.ts";
import { call, makeWorld, succeed } from "../../helpers/runtime.ts";

/** One call of a stand-in: `<command> <container> <netns> <interface> <args> <path>`, and its stdin. */
interface Told {
  readonly words: string;
  readonly stdin: any;
}

function standIn(world: World, type: string, answer?: object): void {
  const directory = join(world.directory, "bin"), file = join(directory, type);
  mkdirSync(directory, { recursive: true });
  const add = answer === undefined ? "" : `[ "$CNI_COMMAND" = ADD ] && echo '${JSON.stringify(answer)}'\n`;
  writeFileSync(file, `#!/bin/sh
{ echo "$CNI_COMMAND|$CNI_CONTAINERID|$CNI_NETNS|$CNI_IFNAME|$CNI_ARGS|$CNI_PATH"; cat; echo; } >> ${file}.told
${add}exit 0\n`);
  chmodSync(file, 0o755);
}

function toldTo(world: World, type: string): readonly Told[] {
  const path = join(world.directory, "bin", `${type}.told`);
  const lines = existsSync(path) ? readFileSync(path, "utf8").trimEnd().split("\n") : [];
  return lines.filter((_, index) => index % 2 === 0).map((words, index) => (
    { words, stdin: JSON.parse(lines[index * 2 + 1] ?? "") }));
}

const version = "0.3.1", newer = "1.0.0";
const result = (address: string, name: string, cniVersion = version): object => ({ cniVersion,
  interfaces: [{ name, sandbox: "/x" }], ips: [{ version: "4", address, interface: 0 }], routes: [], dns: {} });

// As the documentation of each has it.
const calico = { type: "calico", log_level: "info", datastore_type: "kubernetes", nodename: "node-1", mtu: 0,
  ipam: { type: "calico-ipam", assign_ipv4: "true" }, policy: { type: "k8s" },
  container_settings: { allow_ip_forwarding: false },
  kubernetes: { kubeconfig: "/etc/cni/net.d/calico-kubeconfig" } };
const portmap = { type: "portmap", snat: true, capabilities: { portMappings: true } };
const cilium = { type: "cilium-cni", "chaining-mode": "generic-veth", "enable-debug": false,
  "log-file": "/var/run/cilium/cilium-cni.log" };
const ovs = { type: "ovs", bridge: "br1", vlan: 100, trunk: [{ minID: 10, maxID: 12 }, { id: 19 }], mtu: 1400,
  socket_file: "unix:/run/openvswitch/db.sock", capabilities: { mac: true } };
const whereabouts = { type: "whereabouts", range: "192.168.2.225/28", exclude: ["192.168.2.229/30"],
  kubernetes: { kubeconfig: "/etc/cni/net.d/whereabouts.d/whereabouts.kubeconfig" } };
const flannel = { type: "flannel", delegate: { hairpinMode: true }, subnetFile: "/run/flannel/two.env" };
const args = "IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=p;K8S_POD_INFRA_CONTAINER_ID=pod-1;K8S_POD_UID=u";
/** As Multus hands them on. */
const handedOn = args.replace("IgnoreUnknown=1", "IgnoreUnknown=true");
const runtimeConfig = { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  mac: "02:00:00:00:00:42" };

const network = (name: string, ...plugins: readonly object[]) => ({ cniVersion: version, name, plugins });
const multiplexed = (world: World, delegates: readonly object[], execute: readonly string[]): object => ({
  cniVersion: version, name: "all", type: "multus", cniDir: join(world.directory, "cni"), runtimeConfig,
  binDir: join(world.directory, "bin"), execute, delegates, capabilities: { portMappings: true, mac: true },
  runtimeConfigToAll: true,
});

const makers = kernelSuite("plugins of other makers", import.meta.url);
makers("are told what their documentation asks for, and nothing else", () => {
  const world = makeWorld();
  try {
    standIn(world, "calico", result("10.1.0.2/32", "eth0", newer));
    standIn(world, "portmap", result("10.1.0.2/32", "eth0", newer));
    standIn(world, "cilium-cni", result("10.2.0.2/24", "net1"));
    standIn(world, "ovs", { cniVersion: version, interfaces: [{ name: "net2", sandbox: "/x" }] });
    standIn(world, "whereabouts", { cniVersion: version, ips: [{ version: "4", address: "192.168.2.225/28" }] });
    standIn(world, "flannel", result("10.4.0.2/24", "net4"));
    const bridge = { type: "bridge", bridge: "b1", ipam: { type: "static", addresses: [{ address: "10.2.0.2/24" }] } };
    const conf = multiplexed(world, [
      { ...network("k8s-pod-network", calico, portmap), cniVersion: newer },
      network("veths", bridge, cilium), network("ovs-net", ovs),
      network("wide", { type: "bridge", bridge: "b2", ipam: whereabouts }), network("cbr0", flannel),
    ], ["portmap", "flannel"]);
    const request = { type: "multus", path: [join(builtDist(), "bin")], conf, args };
    succeed(world, { verb: "ADD", ...request });
    succeed(world, { verb: "DEL", ...request });

    const both = (type: string, ifName: string): readonly any[] => {
      const told = toldTo(world, type);
      assert.equal(told.map(({ words }) => words.split("|").slice(0, 5).join("|")), ["ADD", "DEL"].map((verb) => (
        `${verb}|pod-1|${world.container.path}|${ifName}|${handedOn}`)), type);
      assert.ok(told.every(({ words }) => words.split("|")[5]?.split(":").includes(join(world.directory, "bin"))));
      return told.map(({ stdin }) => stdin);
    };
    const head = (name: string, cniVersion = version): object => ({ cniVersion, name });
    const [calicoAdd, calicoDel] = both("calico", "eth0");
    assert.equal(calicoAdd, { ...calico, ...head("k8s-pod-network", newer) });
    const { prevResult: last, ...calicoOwn } = calicoDel; // The specification has it since 0.4.0.
    assert.equal(calicoOwn, calicoAdd);
    assert.equal(last.ips[0].address, "10.1.0.2/32");

    const [portmapAdd] = both("portmap", "eth0");
    const { prevResult: before, ...portmapOwn } = portmapAdd;
    assert.equal(portmapOwn, { ...portmap, ...head("k8s-pod-network", newer),
      runtimeConfig: { portMappings: runtimeConfig.portMappings } });
    assert.equal([before.cniVersion, before.ips[0].address], [newer, "10.1.0.2/32"]);

    const [ciliumAdd] = both("cilium-cni", "net1");
    const { prevResult: bridged, ...ciliumOwn } = ciliumAdd;
    assert.equal(ciliumOwn, { ...cilium, ...head("veths") });
    assert.equal([bridged.cniVersion, bridged.ips[0].version], [version, "4"]);
    // By these it finds the host's end of the pair, and the endpoint's addresses.
    assert.equal(bridged.interfaces.map(({ name, sandbox = "" }: any) => [name.replace(/^veth.*/, "veth"), sandbox]),
      [["b1", ""], ["veth", ""], ["net1", world.container.path]]);
    assert.equal(bridged.ips.map(({ address, interface: index }: any) => [address, index]), [["10.2.0.2/24", 2]]);

    const [ovsAdd] = both("ovs", "net2");
    assert.equal(ovsAdd, { ...ovs, ...head("ovs-net"), runtimeConfig: { mac: runtimeConfig.mac } });

    const [ipamAdd, ipamDel] = both("whereabouts", "net3");
    assert.equal(ipamAdd, { ...head("wide"), type: "bridge", bridge: "b2", ipam: whereabouts });
    assert.equal(ipamDel, ipamAdd);
    const [flannelAdd] = both("flannel", "net4");
    assert.equal(flannelAdd, { ...flannel, ...head("cbr0") });
  } finally {
    world.remove();
  }
});

makers("are not run where the plugin is built in, unless they are to be", () => {
  const world = makeWorld();
  try {
    standIn(world, "flannel", result("10.4.0.2/24", "eth0"));
    const dataDir = join(world.directory, "flannel"), subnetFile = join(world.directory, "subnet.env");
    writeFileSync(subnetFile,
      "FLANNEL_NETWORK=10.4.0.0/16\nFLANNEL_SUBNET=10.4.7.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n");
    const own = { ...flannel, subnetFile, dataDir, ipam: { dataDir: join(world.directory, "networks") } };
    const request = (execute: readonly string[]) => ({ type: "multus", path: [join(builtDist(), "bin")], args,
      conf: multiplexed(world, [network("cbr0", own)], execute) });
    const { json } = succeed(world, { verb: "ADD", ...request([]) });
    assert.is(json.ips[0].address, "10.4.7.2/24");
    assert.equal(toldTo(world, "flannel"), []);
    // The original finds there what it would have kept itself.
    assert.is(JSON.parse(readFileSync(join(dataDir, "pod-1"), "utf8")).type, "bridge");
    succeed(world, { verb: "DEL", ...request([]) });
    assert.not.ok(existsSync(join(dataDir, "pod-1")));

    succeed(world, { verb: "ADD", ...request(["flannel"]) });
    succeed(world, { verb: "DEL", ...request(["flannel"]) });
    assert.equal(toldTo(world, "flannel").map(({ words }) => words.split("|")[0]), ["ADD", "DEL"]);
    const missing = call(world, { verb: "ADD", ...request([]),
      conf: multiplexed(world, [network("cbr0", { ...own, subnetFile: "/none" })], []) });
    assert.is(missing.json.code, 11);
  } finally {
    world.remove();
  }
});
makers.run();
