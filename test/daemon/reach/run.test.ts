// src/daemon/reach/run.ts, and `polynic daemon --reach`: routes that follow the nodes, stay when the daemon stops, and
// go when they are told to.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { parseAllDocuments } from "yaml";
import { keepReach } from "../../../src/daemon/reach/run.ts";
import { openOwnNamespace } from "../../../src/kernel/index.ts";
import type { Namespace } from "../../../src/kernel/index.ts";
import type { ClusterNode } from "../../../src/kube/index.ts";
import { openNodes } from "../../../src/kube/index.ts";
import { parseNode } from "../../../src/kube/nodes/node.ts";
import { formatAddress } from "../../../src/net/index.ts";
import { takeLock } from "../../../src/os/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { startDaemon } from "../../helpers/daemon/process.ts";
import { ipJson, kernelSuite, run } from "../../helpers/netns.ts";
import type { World } from "../../helpers/runtime.ts";
import type { NodeSeed } from "../../helpers/shared/node-calls.ts";
import { nodeObject } from "../../helpers/shared/node-calls.ts";
import { emptyMachine, restoreMachine, typedHere, writeConf } from "../../helpers/typed.ts";

const kernel = kernelSuite("keeping reach", import.meta.url, { needs: ["ipv6", "nft_nat"] });

const a: NodeSeed = { name: "a", subnets: ["10.244.1.0/24"], addresses: ["192.0.2.1"] };
const b: NodeSeed = { name: "b", subnets: ["10.244.2.0/24"], addresses: ["192.0.2.2"] };
const moved: NodeSeed = { ...b, addresses: ["192.0.2.22"] };
const known = (...seeds: readonly NodeSeed[]): readonly ClusterNode[] =>
  seeds.map((seed) => parseNode(nodeObject({ uid: "1", ...seed })));

let directory: string, api: ApiServer, host: Namespace, told: string[];
const routes = (): readonly string[] => ipJson("route show proto 112").map(({ dst, gateway }) => `${dst} ${gateway}`);
async function eventually(what: string, holds: () => boolean): Promise<void> {
  for (const limit = Date.now() + 60_000; !holds(); await sleep(10))
    if (Date.now() > limit) throw new Error(`waited for: ${what}; ${told.join("\n")}`);
}

kernel.before(async () => {
  emptyMachine();
  directory = mkdtempSync(join(tmpdir(), "polynic-reach-run-"));
  run("ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth1");
  for (const name of ["eth0", "eth1"]) run("ip", "link", "set", name, "up");
  run("ip", "addr", "add", "192.0.2.1/24", "dev", "eth0");
  api = await startApiServer();
  host = openOwnNamespace();
});
kernel.before.each(() => { told = []; });
kernel.after(async () => {
  host.close();
  await api.stop();
  rmSync(directory, { recursive: true });
  restoreMachine();
});

/** Keeps routes in this process while `work` goes on. */
async function keeping(
  nodes: (signal: AbortSignal) => AsyncIterable<readonly ClusterNode[]>,
  work: () => Promise<void>,
  learn: (subnets: readonly unknown[]) => void = () => {},
  times = { repairMs: 20, retryMs: 20 },
): Promise<void> {
  const stop = new AbortController();
  const kept = keepReach({
    host, node: "a", isTunnelOnly: false, nodes, lockPath: join(directory, "lock"),
    known: ({ subnets }) => learn(subnets), log: (line) => void told.push(line), times,
  }, stop.signal);
  try {
    await work();
  } finally {
    stop.abort();
    await kept;
  }
}

/** Told by hand, and never at an end. */
function byHand(): { tell(...seeds: readonly NodeSeed[]): void; nodes(): AsyncIterable<readonly ClusterNode[]> } {
  let next = Promise.withResolvers<readonly ClusterNode[]>();
  return {
    tell: (...seeds) => next.resolve(known(...seeds)),
    async *nodes() {
      for (;;) {
        const nodes = await next.promise;
        next = Promise.withResolvers();
        yield nodes;
      }
    },
  };
}

kernel("follows nodes that join, move and leave, and puts right what others have changed", async () => {
  const source = byHand(), learned: number[] = [];
  await keeping(source.nodes, async () => {
    source.tell(a, b);
    await eventually("a node", () => routes().join() === "10.244.2.0/24 192.0.2.2");
    run("ip", "route", "del", "10.244.2.0/24");
    await eventually("repair", () => routes().join() === "10.244.2.0/24 192.0.2.2");
    source.tell(a, moved);
    await eventually("another address", () => routes().join() === "10.244.2.0/24 192.0.2.22");
    source.tell(a);
    await eventually("no node", () => routes().length === 0);
    source.tell(a, b);
    await eventually("it again", () => routes().length === 1);
  }, (subnets) => void learned.push(subnets.length));
  assert.ok(learned.length > 0 && learned.every((count) => count === 1));
  assert.equal(told.filter((line) => line.startsWith("reaching 1 subnets of other nodes directly")).length, 2);
  assert.is(routes().length, 1, "they stay");
});

kernel("tells of what goes wrong once, and tries again", async () => {
  const source = byHand();
  run("ip", "link", "set", "eth0", "down");
  await keeping(source.nodes, async () => {
    source.tell(a, b);
    await eventually("trouble", () => told.some((line) => /cannot keep the routes.*10\.244\.2\.0\/24/.test(line)));
    await sleep(100);
    assert.is(told.filter((line) => line.startsWith("cannot keep")).length, 1);
    run("ip", "link", "set", "eth0", "up");
    await eventually("success", () => routes().length === 1);
  });
});

kernel("looks again soon for an address of this node that no link has yet", async () => {
  const source = byHand(), later = { ...a, addresses: ["192.0.2.111"] };
  run("ip", "route", "flush", "proto", "112");
  await keeping(source.nodes, async () => {
    source.tell(later, b);
    await eventually("trouble", () => told.some((line) => line.includes("no link of this node has 192.0.2.111")));
    run("ip", "addr", "add", "192.0.2.111/24", "dev", "eth0");
    await eventually("a route", () => routes().length === 1);
    run("ip", "addr", "del", "192.0.2.111/24", "dev", "eth0");
  }, undefined, { repairMs: 3_600_000, retryMs: 20 });
});

kernel("is done by one process at a time", async () => {
  const source = byHand(), lock = await takeLock(join(directory, "lock"), { timeoutMs: 0 });
  await keeping(source.nodes, async () => {
    const waiting = "another daemon keeps the routes to other nodes' pods: waiting for its end";
    await eventually(waiting, () => told.includes(waiting));
    lock.close();
    source.tell(a);
    await eventually("its turn", () => routes().length === 0);
  });
});

kernel("hears of nodes from the API, of each change once, also after it was away", async () => {
  await api.putNode(a);
  const lines: string[] = [], nodes = openNodes({ kubeconfig: api.kubeconfig, env: {}, lookMs: 20,
    log: (line) => void lines.push(line) });
  if (nodes === undefined) throw new Error("there is a kubeconfig");
  await keeping((signal) => nodes.follow(signal), async () => {
    await api.putNode(b);
    await eventually("a node", () => routes().join() === "10.244.2.0/24 192.0.2.2");
    await api.fault({ kind: "403", times: 3 });
    await api.endWatches();
    await api.putNode(moved);
    await eventually("another address", () => routes().join() === "10.244.2.0/24 192.0.2.22");
    await api.removeNode("b");
    await eventually("no node", () => routes().length === 0);
  });
  nodes.close();
  assert.match(lines.join(), /Cannot list nodes: .*expected the permission to list nodes/);
});

/** What is told of the nodes while `work` goes on, as `NAME ADDRESS`. */
async function followed(work: (told: readonly string[][]) => Promise<void>, lookMs = 60_000): Promise<string> {
  const lines: string[] = [], seen: string[][] = [], stop = new AbortController();
  const nodes = openNodes({ kubeconfig: api.kubeconfig, env: {}, lookMs, log: (line) => void lines.push(line) });
  if (nodes === undefined) throw new Error("there is a kubeconfig");
  const reading = (async () => {
    for await (const all of nodes.follow(stop.signal))
      seen.push(all.map(({ name, addresses }) => [name, ...addresses.map(formatAddress)].join(" ")));
  })();
  try {
    await work(seen);
  } finally {
    stop.abort();
    await reading;
    nodes.close();
  }
  return lines.join("\n");
}

kernel("hears of each change of nodes as it happens, and nothing of what changes nothing", async () => {
  await api.putNode(a);
  await followed(async (seen) => {
    await eventually("the first", () => seen.at(-1)?.join() === "a 192.0.2.1");
    const requests = (await api.requests()).length;
    for (let i = 0; i < 5; i++)
      await api.put("nodes", { ...nodeObject(a), metadata: { name: "a", annotations: { beat: String(i) } } });
    await api.putNode(b);
    await eventually("another", () => seen.at(-1)?.join() === "a 192.0.2.1,b 192.0.2.2");
    assert.equal([seen.length, (await api.requests()).length], [2, requests]);
    await api.removeNode("b");
    await eventually("one less", () => seen.at(-1)?.join() === "a 192.0.2.1");
  });
});

kernel("hears of what happened while nobody watched, also where that is forgotten", async () => {
  await api.putNode(b);
  await followed(async (seen) => {
    await eventually("both", () => seen.at(-1)?.length === 2);
    await api.fault({ kind: "503", times: 2 });
    await api.endWatches();
    await api.removeNode("b");
    await api.compact();
    await eventually("one", () => seen.at(-1)?.join() === "a 192.0.2.1");
  }, 200);
});

kernel("looks at nodes again and again where they may not be watched", async () => {
  await api.deny({ resource: "nodes", verb: "watch" });
  try {
    const lines = await followed(async (seen) => {
      await eventually("one", () => seen.length === 1);
      await api.putNode(b);
      await eventually("both", () => seen.at(-1)?.length === 2);
      await api.removeNode("b");
      await eventually("one again", () => seen.at(-1)?.length === 1);
    }, 50);
    assert.match(lines, /nodes cannot be watched: .*cannot watch.*they are looked for every 0.05 s at the latest/);
  } finally {
    await api.allowAll();
  }
});

kernel("takes the rights to list and watch nodes, which the role gives, and no others", async () => {
  const answered = (await api.requests()).filter(({ status }) => status === 200);
  assert.equal([...new Set(answered.map(({ method, path }) => `${method} ${path}`))], ["GET /api/v1/nodes"]);
  const file = join(import.meta.dirname, "..", "..", "..", "deploy", "reach", "rbac.yaml");
  const [role] = parseAllDocuments(readFileSync(file, "utf8")).map((document) => document.toJS());
  assert.equal(role.rules, [{ apiGroups: [""], resources: ["nodes"], verbs: ["list", "watch"] }]);
});

kernel("lists as many nodes as there are, and leaves out one that nobody can read", async () => {
  for (let i = 0; i < 450; i++) await api.putNode({ name: `n${i}`, subnets: [`10.${i >> 8}.${i & 255}.0/24`] });
  await api.putNode({ name: "odd", subnets: ["here"] });
  const lines: string[] = [];
  const nodes = openNodes({ kubeconfig: api.kubeconfig, env: {}, log: (line) => void lines.push(line) });
  assert.is((await nodes?.list(30_000))?.length, 451);
  assert.match(lines.join(), /node "odd": spec\.podCIDRs is "here", expected prefixes/);
  nodes?.close();
  for (let i = 0; i < 450; i++) await api.removeNode(`n${i}`);
  await api.removeNode("odd");
});

kernel("polynic daemon --reach keeps them, leaves them when it stops, and --reach-off takes them away", async () => {
  const world = { host: { path: `/proc/${process.pid}/ns/net` }, directory } as World;
  await api.putNode(a);
  await api.putNode(b);
  writeConf("00-polynic.conf", { cniVersion: "1.1.0", name: "pods", type: "polynic", kubeconfig: api.kubeconfig,
    nodeName: "a", delegates: [{ name: "pods", type: "bridge" }] });
  const daemon = await startDaemon(world, { args: ["--reach"] });
  await eventually("a route", () => routes().join() === "10.244.2.0/24 192.0.2.2");
  const early = await typedHere("daemon", "--reach-off");
  assert.equal([early.status, early.stdout], [1, ""]);
  assert.match(early.stderr, /a daemon keeps them, expected it to be stopped before/);
  daemon.signal("SIGTERM");
  assert.is(await daemon.ended, 0, daemon.log);
  assert.match(daemon.log, /reach: reaching 1 subnets of other nodes directly and 0 through the tunnel/);
  assert.is(routes().length, 1, "traffic goes on");
  assert.equal(JSON.parse(readFileSync("/var/lib/cni/polynic/node-subnets.json", "utf8")),
    { node: "a", podCIDRs: ["10.244.1.0/24"] });
  assert.match((await typedHere("daemon", "--reach-off")).stdout, /^took away the routes to other nodes' pods/);
  assert.equal(routes(), []);
  assert.is((await typedHere("daemon", "--reach-off")).stdout, "no routes to other nodes' pods are there\n");
});

kernel("polynic daemon --reach is refused without a cluster, and beside an end of its own", async () => {
  const idle = await typedHere("daemon", "--reach", "--idle-exit", "5");
  assert.equal(idle.status, 2);
  assert.match(idle.stderr, /Cannot use --idle-exit with --reach/);
  const none = await typedHere("daemon", "--reach", "--conf-dir", join(directory, "none"));
  assert.match(none.stderr, /no configuration of this machine names a kubeconfig, expected --kubeconfig/);
});

kernel.run();
