// A daemon that watches its node's pods, as a process: what it asks the API for, and what it tells of that.
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import type { ApiServer } from "../helpers/api-server.ts";
import { bridgeNetwork, nodeName, podCall, startClusterOf } from "../helpers/daemon/cluster.ts";
import type { DaemonProcess } from "../helpers/daemon/process.ts";
import { startDaemon } from "../helpers/daemon/process.ts";
import { ipJson, kernelSuite } from "../helpers/netns.ts";
import type { World } from "../helpers/runtime.ts";
import { call, makeWorld, start, succeed } from "../helpers/runtime.ts";

const networks = "k8s.v1.cni.cncf.io/networks", pods = "/api/v1/namespaces/blue/pods";

interface Node {
  readonly world: World;
  readonly api: ApiServer;
  readonly daemon: DaemonProcess;
  /** Pods that the API has been asked for, one by one. */
  podsAsked(): Promise<number>;
  metric(name: string): number;
}

async function onNode(work: (node: Node) => Promise<void>): Promise<void> {
  const world = makeWorld(), api = await startClusterOf(world);
  const args = ["--watch", "--node-name", nodeName, "--health", "127.0.0.1:9877"];
  const daemon = await startDaemon(world, { args });
  try {
    await api.putDefinition({ namespace: "blue", name: "back", config: bridgeNetwork(world, "back", "10.61.0.0/24") });
    const script = "fetch('http://127.0.0.1:9877/metrics').then((r) => r.text()).then(console.log)";
    await work({
      world, api, daemon,
      podsAsked: async () => (await api.requests()).filter(({ method, path }) =>
        method === "GET" && path.startsWith(`${pods}/`)).length,
      metric: (name) => Number(world.host.exec(process.execPath, "-e", script).split("\n")
        .find((line) => line.startsWith(`${name} `))?.split(" ")[1]),
    });
    daemon.signal("SIGTERM");
    assert.is(await daemon.ended, 0, daemon.log);
  } finally {
    await daemon.kill();
    await api.stop();
    world.remove();
  }
}

const put = ({ api }: Node, name: string, text: string) => api.putPod({ namespace: "blue", name, uid: `${name}-1`,
  annotations: { [networks]: text }, spec: { nodeName } });
const linksIn = (netns: World["container"]): readonly string[] =>
  ipJson("link show", netns).map(({ ifname }) => ifname).toSorted();

const daemon = kernelSuite("a daemon that watches the node's pods", import.meta.url);

daemon("asks for the first and not for the next, counts both, and deletes them while the API is away", async () => {
  await onNode(async (node) => {
    const { world, api, daemon: { log }, podsAsked, metric } = node;
    const first = { name: "first", uid: "first-1", netns: world.container.path };
    const second = { name: "second", uid: "second-1", netns: world.another().path };
    for (const name of ["first", "second"]) await put(node, name, "back");
    succeed(world, podCall(world, api, "ADD", first));
    assert.is(await podsAsked(), 1);
    while (metric('polynic_cache_objects{what="pods"}') < 2) await sleep(50);
    succeed(world, podCall(world, api, "ADD", second));
    assert.is(await podsAsked(), 1, log);
    assert.equal(["hits", "misses"].map((what) => metric(`polynic_cache_${what}_total{what="pods"}`)), [1, 1]);
    assert.is(metric('polynic_cache_objects{what="definitions"}'), 1);
    assert.ok(metric("polynic_cache_age_seconds") >= 0);
    assert.equal(linksIn(world.container), ["eth0", "lo", "net1"]);
    const asked = (await api.requests()).filter(({ path }) => path === "/api/v1/pods")
      .map(({ query }) => new URLSearchParams(query));
    assert.equal(asked.map((query) => [query.get("watch"), query.get("fieldSelector")?.split(",")[0]]),
      asked.map(() => ["true", `spec.nodeName=${nodeName}`]), "no other node's pods are asked for");
    assert.ok(asked.length > 0);

    await api.fault({ kind: "refuse" });
    for (const one of [first, second]) succeed(world, podCall(world, api, "DEL", one));
    assert.equal(linksIn(world.container), ["lo"]);
    const waiting = start(world, podCall(world, api, "ADD", first));
    while (metric("polynic_requests_in_flight") < 1) await sleep(50);
    assert.equal(linksIn(world.container), ["lo"]);
    await api.heal();
    const { status, stdout } = await waiting.answer;
    assert.is(status, 0, stdout);
    assert.equal(linksIn(world.container), ["eth0", "lo", "net1"]);
    while (metric('polynic_watch_reconnects_total{what="pods"}') < 1) await sleep(50);
    succeed(world, podCall(world, api, "DEL", first));
  });
});

daemon("gives a pod the networks that it asks for by now, however far behind the watch is", async () => {
  await onNode(async (node) => {
    const { world, api, daemon: { log }, metric } = node;
    const pod = { name: "late", uid: "late-1", netns: world.container.path };
    await put(node, "late", "back");
    succeed(world, podCall(world, api, "ADD", pod));
    succeed(world, podCall(world, api, "DEL", pod));
    while (metric('polynic_cache_objects{what="pods"}') < 1) await sleep(50);
    await api.holdWatches("pods");
    await put(node, "late", "back@lan0");
    succeed(world, podCall(world, api, "ADD", pod));
    assert.equal(linksIn(world.container), ["eth0", "lan0", "lo"], log);
    assert.is(metric('polynic_cache_hits_total{what="pods"}'), 1);
    succeed(world, podCall(world, api, "DEL", pod));
    assert.is(call(world, podCall(world, api, "ADD", { ...pod, uid: "other" })).json.code, 11);
  });
});

daemon.run();
