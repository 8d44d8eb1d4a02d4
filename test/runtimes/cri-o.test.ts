// A driver that calls plugins as CRI-O 1.36 does, which no package brings: VERSION, STATUS and GC when it starts, ADD
// and then CHECK for each pod, after its restart CHECK of every pod that runs, DEL with what ADD had answered.
import { join } from "node:path";
import * as assert from "uvu/assert";
import { kernelSuite, run } from "../helpers/netns.ts";
import type { Answer, NetworkConf, World } from "../helpers/runtime.ts";
import { call, changes, leftovers, makeWorld, runChain, state } from "../helpers/runtime.ts";
import { makeUplink, noAttachment, ourPlugins, threeNetworks } from "../helpers/three-networks.ts";

interface Sandbox {
  readonly id: string;
  readonly netns: string;
}

/** What the runtime keeps of its pods beside their results: of a crash nothing else is left. */
interface Driver {
  readonly pods: Map<string, Sandbox & { readonly result: object }>;
  /** @returns why its network is not ready, or a pod is not as it should be, in a plugin's words; else undefined */
  start(): string | undefined;
  add(pod: Sandbox): Answer;
  del(id: string): void;
}

const pathOf = (): readonly string[] => [ourPlugins()];
const argsOf = ({ id }: Sandbox): string =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${id};K8S_POD_INFRA_CONTAINER_ID=${id};K8S_POD_UID=u-${id}`;

function driver(world: World, network: NetworkConf): Driver {
  const pods: Driver["pods"] = new Map();
  const { cniVersion, name } = network;
  const asked = (verb: string, type: string, conf: object): Answer =>
    call(world, { verb, type, path: pathOf(), conf, env: noAttachment });
  const perPlugin = (verb: string, more: object): readonly Answer[] => network.plugins.map((plugin) =>
    asked(verb, plugin.type, { ...plugin, cniVersion, name, ...more }));
  const kept = (id: string): Sandbox & { readonly result: object } => {
    const pod = pods.get(id);
    assert.ok(pod, id);
    return pod;
  };
  const checked = ({ id, netns, result }: Sandbox & { readonly result: object }): Answer =>
    runChain(world, "CHECK", network, pathOf,
      { containerId: id, netns, args: argsOf({ id, netns }), prevResult: result });
  return {
    pods,
    start() {
      for (const { type } of network.plugins) {
        const { json } = asked("VERSION", type, { cniVersion });
        assert.ok(json.supportedVersions.includes(cniVersion), `${type} speaks ${json.supportedVersions.join()}`);
      }
      const unwell = perPlugin("STATUS", {}).find(({ status }) => status !== 0);
      if (unwell !== undefined) return unwell.json.msg;
      const valid = [...pods.keys()].map((containerID) => ({ containerID, ifname: "eth0" }));
      const collected = perPlugin("GC", { "cni.dev/valid-attachments": valid, "cni.dev/attachments": valid });
      for (const { status, stdout } of collected) assert.is(status, 0, stdout);
      return [...pods.values()].map(checked).find(({ status }) => status !== 0)?.json.msg;
    },
    add(pod) {
      const added = runChain(world, "ADD", network, pathOf,
        { containerId: pod.id, netns: pod.netns, args: argsOf(pod) });
      if (added.status !== 0) return added;
      pods.set(pod.id, { ...pod, result: added.json });
      const found = checked(kept(pod.id));
      return found.status === 0 ? added : found;
    },
    del(id) {
      const { netns, result } = kept(id);
      const ended = runChain(world, "DEL", network, pathOf, { containerId: id, netns, args: argsOf({ id, netns }),
        prevResult: result });
      assert.is(ended.status, 0, ended.stdout);
      pods.delete(id);
    },
  };
}

const ipam = (world: World, subnet: string): object =>
  ({ type: "host-local", dataDir: join(world.directory, "networks"),
  ranges: [[{ subnet }]] });

/** The networks of a node: a multiplexer, and the chain of plugins that CRI-O's own package brings. */
const networks: Readonly<Record<string, (world: World) => NetworkConf>> = {
  "the multiplexer with three networks": (world) => {
    const { cniVersion, name, type, runtimeConfig: _, ...own } = threeNetworks(world) as any;
    return { cniVersion, name, plugins: [{ type, ...own }] };
  },
  "a chain of plugins": (world) => ({ cniVersion: "1.1.0", name: "crio", plugins: [
    { type: "bridge", bridge: "cni0", isGateway: true, ipMasq: true, hairpinMode: true,
      ipam: { ...ipam(world, "10.85.0.0/24"), routes: [{ dst: "0.0.0.0/0" }] } },
    { type: "portmap", capabilities: { portMappings: true } },
    { type: "firewall", backend: "iptables" },
    { type: "tuning", sysctl: { "net.ipv4.conf.IFNAME.arp_filter": "1" } },
  ] }),
};

for (const [title, networkOf] of Object.entries(networks)) {
  const crio = kernelSuite(`a driver like CRI-O with ${title}`, import.meta.url,
    { needs: ["nft_nat", "macvlan", "ipv6"] });

  crio("starts, runs pods that reach each other, restarts beside them, and leaves nothing", () => {
    const world = makeWorld();
    try {
      makeUplink(world);
      const runtime = driver(world, networkOf(world));
      assert.is(runtime.start(), undefined);
      const other = world.another();
      const added = [runtime.add({ id: "pod-1", netns: world.container.path }),
        runtime.add({ id: "pod-2", netns: other.path })];
      for (const { status, stdout } of added) assert.is(status, 0, stdout);
      const second = added[1]?.json.ips[0].address.replace(/\/.*/, "");
      world.container.exec("ping", "-c", "1", "-W", "20", second);
      const before = state(world);
      assert.is(runtime.start(), undefined);
      assert.equal(changes(before, state(world)), []);
      world.container.exec("ping", "-c", "1", "-W", "20", second);
      runtime.del("pod-1");
      assert.equal(leftovers(world).filter((line) => !/^host link|^rule |pod-2/.test(line)), []);
      assert.is(runtime.start(), undefined);
      runtime.del("pod-2");
      assert.equal(leftovers(world, { containerId: "pod-2", container: other }), []);
    } finally {
      world.remove();
    }
  });

  crio("collects at its start what it knows nothing of, with its namespace or without", () => {
    const world = makeWorld();
    try {
      makeUplink(world);
      const runtime = driver(world, networkOf(world)), lost = world.another();
      const left = (): readonly string[] => leftovers(world, { containerId: "lost", container: world.another() })
        .map((line) => line.replace(/counter packets \d+ bytes \d+/, "")).toSorted();
      assert.is(runtime.add({ id: "kept", netns: world.container.path }).status, 0);
      const before = left();
      assert.is(runtime.add({ id: "lost", netns: lost.path }).status, 0);
      assert.ok(left().length > before.length);
      runtime.pods.delete("lost");
      run("ip", "netns", "delete", lost.name);
      assert.is(runtime.start(), undefined);
      assert.equal(left(), before);
      assert.is(runtime.start(), undefined);
      runtime.del("kept");
      assert.equal(leftovers(world, { containerId: "kept" }), []);
    } finally {
      world.remove();
    }
  });

  crio("hears by CHECK that somebody took an address away, and by STATUS that no ADD would work", () => {
    const world = makeWorld();
    try {
      makeUplink(world);
      const runtime = driver(world, networkOf(world));
      assert.is(runtime.add({ id: "pod-1", netns: world.container.path }).status, 0);
      world.container.exec("ip", "addr", "flush", "dev", "eth0");
      assert.match(runtime.start() ?? "", /Cannot find address .* on interface "eth0": it holds none/);
      runtime.del("pod-1");
      assert.equal(leftovers(world), []);
      const broken = networkOf(world), [first = { type: "" }, ...others] = broken.plugins;
      const missing = first.type === "polynic"
        ? { ...first, delegates: [{ cniVersion: "1.1.0", name: "x", type: "nowhere" }] }
        : { ...first, ipam: { type: "nowhere" } };
      assert.match(driver(world, { ...broken, plugins: [missing, ...others] }).start() ?? "", /nowhere/);
    } finally {
      world.remove();
    }
  });
  crio.run();
}
