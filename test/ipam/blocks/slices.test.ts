// Slices that nodes claim for themselves: src/ipam/blocks/slices.ts on every engine, and the module node-slice on top.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openHandles } from "../../../src/call/index.ts";
import { openEtcdBlocks } from "../../../src/etcd/index.ts";
import type { BlockEngine, LeaseStore, Slicing } from "../../../src/ipam/index.ts";
import { openKubeBlocks } from "../../../src/kube/index.ts";
import { parsePrefix } from "../../../src/net/index.ts";
import type { AddContext } from "../../../src/plugins/index.ts";
import { wasmIpam } from "../../../src/plugins/wasm/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { rejects } from "../../helpers/errors.ts";
import { exampleModule, plant } from "../../helpers/modules.ts";
import type { Etcd } from "../../helpers/shared/etcd.ts";
import { hasEtcd, startEtcd } from "../../helpers/shared/etcd.ts";
import { SharedBlocks, openMemoryBlocks } from "../../helpers/shared/memory-blocks.ts";
import { nodeWith, scope } from "../../helpers/shared/nodes.ts";
import { builtModules } from "../../helpers/wasm.ts";

const cut = (cidr: string, sliceBits: number): Slicing => ({ cidr: parsePrefix(cidr), sliceBits });
const few = [cut("10.4.0.0/24", 26)], both = [cut("10.4.0.0/16", 24), cut("fd00:4::/48", 64)];
const slice = async (store: LeaseStore, slicings: readonly Slicing[]): Promise<number> =>
  await (store.slice?.(scope, slicings) ?? Promise.reject(new Error("it has no slices")));

type EngineFor = (node: string) => BlockEngine;

function claiming(title: string, start: () => Promise<EngineFor>): void {
  const test = suite<{ engineFor: EngineFor }>(`slices in ${title}`);
  test.before.each(async (context) => { context.engineFor = await start(); });
  const nodes = (engineFor: EngineFor, ...names: readonly string[]): readonly LeaseStore[] =>
    names.map((name) => nodeWith(name, engineFor(name)).store);

  test("are one a node, and stay its own", async ({ engineFor }) => {
    const three = nodes(engineFor, "a", "b", "c"), numbers = [];
    for (const store of three) numbers.push(await slice(store, both));
    assert.is(new Set(numbers).size, 3);
    for (const [index, store] of nodes(engineFor, "a", "b", "c").entries())
      assert.is(await slice(store, both), numbers[index], "another process of the node finds it");
  });

  test("are never two nodes', however many claim at once, and there are no more of them", async ({ engineFor }) => {
    const all = nodes(engineFor, "a", "b", "c", "d", "e");
    const ended = await Promise.allSettled(all.map(async (store) => await slice(store, few)));
    const numbers = ended.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    assert.equal(numbers.toSorted(), [0, 1, 2, 3]);
    const late = ended.find((one) => one.status === "rejected")?.reason;
    assert.is(late.code, 100);
    assert.match(late.message,
      /Cannot claim a slice for node "\w" in .*: all 4 of 10\.4\.0\.0\/24 in slices of \/26 are other nodes'/);
  });
  test.run();
}

let etcd: Etcd | undefined, api: ApiServer | undefined, prefixes = 0;
claiming("memory", async () => {
  const shared = new SharedBlocks();
  shared.pause = async () => await new Promise((resolve) => setImmediate(resolve));
  return () => openMemoryBlocks(shared);
});
claiming("the cluster's API", async () => {
  api ??= await startApiServer();
  for (const { metadata } of await api.blocks()) await api.removeBlock(metadata.name);
  const { kubeconfig } = api;
  return () => {
    const engine = openKubeBlocks({ kubeconfig, env: {} });
    if (engine === undefined) throw new Error("there is a kubeconfig");
    return engine;
  };
});
if (hasEtcd) {
  claiming("etcd", async () => {
    etcd ??= await startEtcd();
    const { endpoints } = etcd, prefix = `/slices/${++prefixes}`;
    return (name) => openEtcdBlocks({ endpoints, prefix }, { node: { name, bootId: "now" }, machine: `of ${name}` });
  });
} else console.warn("slices in etcd: skipped, there is no etcd");

const refused = suite("slices that cannot be");
for (const [title, slicing, words] of [
  ["wider than the range", cut("10.4.0.0/16", 8), /into slices of \/8: expected \/16 to \/26/],
  ["smaller than a block", cut("10.4.0.0/16", 27), /into slices of \/27: expected \/16 to \/26/],
  ["smaller than a block of IPv6", cut("fd00::/48", 124), /into slices of \/124: expected \/48 to \/122/],
] as const)
  refused(`are ${title}`, async () => {
    const { store } = nodeWith("a", openMemoryBlocks(new SharedBlocks()));
    assert.match((await rejects(slice(store, [slicing]), 7)).message, words);
  });
refused.run();

const module = suite<{ directory: string }>("the module node-slice on a shared store");
module.before.each((context) => {
  context.directory = mkdtempSync(join(tmpdir(), "polynic-slices-"));
  plant(context.directory, "node-slice", exampleModule("node-slice"));
});
module.after.each(({ directory }) => rmSync(directory, { recursive: true }));

interface Call {
  readonly node: string;
  readonly containerId: string;
  readonly ipam: object;
  readonly nodeIndex?: number;
}

async function add(directory: string, { node, containerId, ipam, nodeIndex }: Call): Promise<readonly string[]> {
  const handles = openHandles({ netns: "", path: [], execute: [], modules: builtModules,
    leaseStores: { kubernetes: { kubeconfig: api?.kubeconfig ?? "" } }, stateDir: join(directory, node),
    moduleSettings: { nodeName: node, nodeIndex: nodeIndex ?? null, directory },
    log: { error() {}, warn() {}, verbose() {}, debug() {} }, surroundings: { env: {}, tell() {} } });
  const request = { attachment: { containerId, netns: "", ifName: "eth0", args: "", path: [] }, trusted: true,
    conf: { cniVersion: "1.1.0", name: "sliced", type: "bridge", ipam: { type: "node-slice", ...ipam } } };
  // An IPAM plugin needs no more of a context than these.
  const context = Object.assign(Object.create(handles), { undo: { add() {} }, withoutEffect() {} }) as AddContext;
  const result = await (await wasmIpam("node-slice").step(request, handles)).add(undefined, context);
  return result.ips.map(({ address }) => address);
}

module("gives three nodes addresses of a slice each, of both families, and no others", async ({ directory }) => {
  api ??= await startApiServer();
  for (const { metadata } of await api.blocks()) await api.removeBlock(metadata.name);
  const ipam = { store: { type: "kubernetes" },
    config: { slices: [{ cidr: "10.4.0.0/22", sliceBits: 24 }, { cidr: "fd00:4::/48", sliceBits: 64 }] },
    ranges: [[{ subnet: "10.4.0.0/22", rangeStart: "10.4.0.10" }], [{ subnet: "fd00:4::/48" }]] };
  const slices = new Map<string, Set<string>>();
  for (let round = 0; round < 3; round++)
    for (const node of ["a", "b", "c"]) {
      const [four = "", six = ""] = await add(directory, { node, containerId: `${node}${round}`, ipam });
      const key = `${four.split(".").slice(0, 3).join(".")} ${six.split("::")[0]}`;
      slices.set(node, (slices.get(node) ?? new Set()).add(key));
    }
  assert.ok([...slices.values()].every(({ size }) => size === 1), "each node stays in its slice");
  const all = [...slices.values()].flatMap((keys) => [...keys]);
  assert.is(new Set(all).size, 3);
  assert.ok(all.every((key) => {
    const [, four, six = "fd00:4"] = /^10\.4\.(\d) (.*)$/.exec(key) ?? [];
    return six === (four === "0" ? "fd00:4" : `fd00:4:0:${four}`);
  }), all.join());
});

module("has the slice of its index where the operator gives it one", async ({ directory }) => {
  const ipam = { store: { type: "kubernetes" }, config: { sliceBits: 24 }, subnet: "10.9.0.0/16" };
  const [address = ""] = await add(directory, { node: "a", containerId: "c1", ipam, nodeIndex: 7 });
  assert.match(address, /^10\.9\.7\./);
});

module("needs an index where the store is the node's alone", async ({ directory }) => {
  const ipam = { dataDir: join(directory, "leases"), config: { sliceBits: 24 }, subnet: "10.9.0.0/16" };
  assert.match((await rejects(add(directory, { node: "a", containerId: "c1", ipam }), 7)).message, /it has no index/);
});

module("refuses two ranges of a family to be cut as one", async ({ directory }) => {
  const ipam = { store: { type: "kubernetes" }, config: { sliceBits: 24 },
    ranges: [[{ subnet: "10.9.0.0/16" }, { subnet: "10.10.0.0/16" }]] };
  assert.match((await rejects(add(directory, { node: "a", containerId: "c1", ipam }), 7)).message,
    /Cannot cut both 10\.9\.0\.0\/16 and 10\.10\.0\.0\/16 into slices/);
});

module.after(async () => {
  await api?.stop();
  await etcd?.close();
});
module.run();
