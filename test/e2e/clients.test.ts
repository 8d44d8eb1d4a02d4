// What runtimes really send: their environments and configurations word for word, played to the built executable.
import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { kernelSuite } from "../helpers/netns.ts";
import { random } from "../helpers/random.ts";
import type { Call, World } from "../helpers/runtime.ts";
import { call, leftovers, makeWorld, start, succeed } from "../helpers/runtime.ts";
import { makeUplink, multiplexed, noAttachment, ourPlugins, threeNetworks } from "../helpers/three-networks.ts";

const clients = kernelSuite("real clients", import.meta.url,
  { needs: ["nft_nat", "macvlan", "ipv6"] });
const containerId = "4f3c8b5d2a1e9f706152433445566778899aabbccddeeff00112233445566778";
const all = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

async function inWorld(work: (world: World) => void | Promise<void>): Promise<void> {
  const world = makeWorld();
  try {
    makeUplink(world);
    await work(world);
  } finally {
    world.remove();
  }
}

clients("podman asks every plugin its versions with dummies", () => inWorld((world) => {
  for (const type of ["polynic", "multus", "bridge", "macvlan", "host-device", "portmap", "loopback", "host-local",
    "static"]) {
    const env = { CNI_CONTAINERID: "", CNI_IFNAME: "dummy", CNI_NETNS: "dummy", CNI_PATH: "dummy",
      CNI_ARGS: undefined };
    const { json, stderr } = succeed(world, { verb: "VERSION", type, path: [ourPlugins()],
      conf: { cniVersion: "1.0.0" }, env });
    assert.equal([json, stderr], [{ cniVersion: "1.1.0", supportedVersions: all }, ""]);
  }
}));

clients("podman asks for an address and a MAC by CNI_ARGS", () => inWorld((world) => {
  const dataDir = join(world.directory, "networks");
  const conf = { cniVersion: "0.4.0", name: "podman", type: "bridge", bridge: "cni-podman0", isGateway: true,
    ipMasq: true, hairpinMode: true,
    ipam: { type: "host-local", dataDir, routes: [{ dst: "0.0.0.0/0" }],
      ranges: [[{ subnet: "10.88.0.0/16", gateway: "10.88.0.1" }]] } };
  const request: Call = { verb: "ADD", type: "bridge", path: [ourPlugins()], conf, containerId,
    args: "IgnoreUnknown=1;K8S_POD_NAME=web;MAC=92:d0:c6:0a:29:33;IP=10.88.0.44" };
  const { json } = succeed(world, request);
  assert.equal([json.ips[0].address, json.ips[0].version, json.interfaces[2].mac],
    ["10.88.0.44/16", "4", "92:d0:c6:0a:29:33"]);
  succeed(world, { ...request, verb: "DEL", conf: { ...conf, prevResult: json } });
  assert.equal(leftovers(world, { containerId }), []);
}));

clients("containerd says its port mappings with capitals and CNI_ARGS in any order", () => inWorld(async (world) => {
  const { below } = random();
  const conf = { ...threeNetworks(world), cniVersion: "1.0.0",
    runtimeConfig: { portMappings: [{ HostPort: 8080, ContainerPort: 80, Protocol: "tcp", HostIP: "" }],
    dns: { Servers: [], Searches: [], Options: [] } } };
  const args = (): string => ["IgnoreUnknown=1", "K8S_POD_NAMESPACE=default", "K8S_POD_NAME=web",
    `K8S_POD_INFRA_CONTAINER_ID=${containerId}`, "K8S_POD_UID=2d8b"]
    .map((pair) => ({ pair, order: below(1000) })).sort((a, b) => a.order - b.order).map(({ pair }) => pair).join(";");
  const { json } = succeed(world, multiplexed("ADD", conf, { containerId, args: args() }));
  assert.match(world.host.exec("nft", "list", "table", "ip", "cni_hostport"), /tcp dport 8080 dnat to 10\.60\.0\.2:80/);
  // The same result, keys in alphabetical order, as it comes when capabilities were injected.
  const prevResult = JSON.parse(JSON.stringify(json, (_, value) => (value?.constructor === Object
    ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value)));
  for (const netns of [world.container.path, "", ""]) succeed(world,
    multiplexed("DEL", { ...conf, prevResult }, { containerId, args: args(), netns }));
  assert.equal(leftovers(world, { containerId }), []);
}));

clients("ctr and buildah name namespaces by process and descriptor", () => inWorld(async (world) => {
  const descriptor = openSync(world.container.path, "r");
  const child = spawn("nsenter", [`--net=${world.container.path}`, "sh", "-c", "echo ready; exec sleep 60"],
    { stdio: ["ignore", "pipe", "ignore"] });
  try {
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const paths = [`/proc/${child.pid}/ns/net`, `/proc/${process.pid}/fd/${descriptor}`];
    for (const netns of paths) {
      const conf = threeNetworks(world);
      const { json } = succeed(world, multiplexed("ADD", conf, { containerId: "buildah-buildah123456", netns }));
      assert.ok(json.interfaces.some(({ name, sandbox }: any) => name === "eth0" && sandbox === netns));
      succeed(world, multiplexed("CHECK", conf, { containerId: "buildah-buildah123456", netns }));
      succeed(world, multiplexed("DEL", conf, { containerId: "buildah-buildah123456", netns }));
      assert.equal(leftovers(world, { containerId: "buildah-buildah123456" }), []);
    }
  } finally {
    child.kill("SIGKILL");
    closeSync(descriptor);
  }
}));

clients("ctr deletes without a namespace, CNI_ARGS unset, after its process has ended", () => inWorld((world) => {
  const conf = threeNetworks(world);
  const env = { CNI_ARGS: undefined };
  succeed(world, multiplexed("ADD", conf, { containerId: "default-web", env }));
  world.container.remove();
  for (let i = 0; i < 3; i++) succeed(world, multiplexed("DEL", conf,
    { containerId: "default-web", env: { ...env, CNI_NETNS: undefined } }));
  for (const netns of ["/proc/4194000/ns/net", world.container.path]) succeed(world,
    multiplexed("DEL", conf, { containerId: "default-web", env, netns }));
}));

clients("several networks of one pod are added at once, in one namespace", () => inWorld(async (world) => {
  const confs = ["eth0", "eth1"].map((ifName, index) => ({
    ifName, conf: { ...threeNetworks(world), name: `pods${index}`,
      delegates: [{ cniVersion: "1.1.0", name: `net${index}`, type: "bridge", bridge: `br${index}`,
      ipam: { type: "host-local", dataDir: join(world.directory, "networks"),
        ranges: [[{ subnet: `10.9${index}.0.0/24` }]] } }] },
  }));
  const added = await Promise.all(confs.map(({ conf, ifName }) => start(world,
    multiplexed("ADD", conf, { ifName })).answer));
  for (const { status, stdout } of added) assert.is(status, 0, stdout);
  for (const { conf, ifName } of confs) succeed(world, multiplexed("CHECK", conf, { ifName }));
  const [first, second] = confs;
  assert.ok(first && second);
  succeed(world, multiplexed("DEL", first.conf, { ifName: first.ifName }));
  succeed(world, multiplexed("CHECK", second.conf, { ifName: second.ifName }));
  succeed(world, multiplexed("DEL", second.conf, { ifName: second.ifName }));
  assert.equal(leftovers(world), []);
}));

clients("cnitool collects without a list after deleting what it knows", () => inWorld((world) => {
  const conf = threeNetworks(world);
  const id = "cnitool-7b8a61d5d8e94d07cbe4";
  const { json } = succeed(world, multiplexed("ADD", conf, { containerId: id, args: "" }));
  succeed(world, multiplexed("STATUS", conf));
  succeed(world, multiplexed("CHECK", { ...conf, prevResult: json }, { containerId: id }));
  succeed(world, multiplexed("DEL", { ...conf, prevResult: json }, { containerId: id }));
  succeed(world, multiplexed("GC", conf));
  assert.equal(leftovers(world, { containerId: id }), []);
}));

clients("every version is answered in its own shape", () => inWorld((world) => {
  for (const cniVersion of all) {
    const conf = { cniVersion, name: "versions", type: "bridge", bridge: "br0",
      ipam: { type: "host-local", dataDir: join(world.directory, "networks"),
      ranges: [[{ subnet: "10.95.0.0/24" }]] } };
    const request: Call = { verb: "ADD", type: "bridge", path: [ourPlugins()], conf };
    const { json } = succeed(world, request);
    assert.is(json.cniVersion, cniVersion);
    assert.equal(["ip4" in json, json.ips?.[0].version], [cniVersion < "0.3.0",
      cniVersion < "1.0.0" && cniVersion >= "0.3.0" ? "4" : undefined]);
    const prevResult = cniVersion >= "0.4.0" ? { prevResult: json } : {};
    const checked = call(world, { ...request, verb: "CHECK", conf: { ...conf, ...prevResult } });
    assert.equal([checked.status, checked.json?.code], cniVersion >= "0.4.0" ? [0, undefined] : [1, 1], checked.stdout);
    succeed(world, { ...request, verb: "DEL", conf: { ...conf, ...prevResult } });
    const status = call(world, { ...request, verb: "STATUS", env: noAttachment });
    assert.equal([status.status, status.json?.code], cniVersion === "1.1.0" ? [0, undefined] : [1, 1], status.stdout);
  }
  assert.equal(leftovers(world), []);
}));

clients("the log goes to stderr or a file, never into the answer", () => inWorld((world) => {
  const logFile = join(world.directory, "log");
  const conf = threeNetworks(world, { logLevel: "debug", logFile, logToStderr: true });
  const { json, stderr } = succeed(world, multiplexed("ADD", conf));
  assert.is(json.ips.length, 4);
  assert.match(stderr, /Add: .*front/);
  assert.match(readFileSync(logFile, "utf8"), /Add: .*lan/);
  succeed(world, multiplexed("DEL", conf));
}));
clients.run();
