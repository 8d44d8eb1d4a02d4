// src/call/kept-engines.ts: engines that a process keeps between calls, and what a daemon asks of a store then.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { KeptConnections } from "../../src/call/kept-connections.ts";
import { KeptEngines } from "../../src/call/kept-engines.ts";
import { openSharedLeases } from "../../src/call/shared-leases/index.ts";
import type { BlockEngine } from "../../src/ipam/index.ts";
import { keepClusters } from "../../src/kube/index.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { SharedBlocks, openMemoryBlocks } from "../helpers/shared/memory-blocks.ts";
import { allocate, rangesOf } from "../helpers/shared/nodes.ts";

const engine = (closed: () => void = () => {}): BlockEngine =>
  ({ ...openMemoryBlocks(new SharedBlocks()), close: closed });

const engines = suite("kept engines");

engines("are one for all that name it alike, for some minutes", () => {
  let ms = 0;
  const kept = new KeptEngines(() => ms), first = kept.of("a", () => engine());
  ms = 299_000;
  assert.is(kept.of("a", () => engine()), first);
  assert.is.not(kept.of("b", () => engine()), first);
  ms = 301_000;
  assert.is.not(kept.of("a", () => engine()), first, "kubeconfigs and certificates are replaced");
});

engines("are closed at the end, and not too many", () => {
  const kept = new KeptEngines(() => 0), opened: string[] = [];
  let closed = 0;
  for (let i = 0; i < 40; i++) kept.of(`e${i}`, () => engine(() => closed++));
  kept.of("e39", () => (opened.push("the last"), engine()));
  kept.of("e0", () => (opened.push("the first"), engine(() => closed++)));
  assert.equal(opened, ["the first"]);
  assert.throws(() => kept.of("e40", () => { throw new Error("no endpoints"); }), /no endpoints/);
  assert.is(closed, 0, "calls go on with those that they have");
  kept.close();
  assert.is(closed, 16);
});

engines("let a call of a daemon go without a read, over the connections of its watch", async () => {
  const api = await startApiServer(), directory = mkdtempSync(join(tmpdir(), "polynic-kept-"));
  const clusters = keepClusters({ nodeName: "a", userAgent: "polynic/test", log: () => {} }), kept = new KeptEngines();
  const connections = new KeptConnections(clusters.connections);
  try {
    const { kubeconfig } = api;
    clusters.of({ kubeconfig, env: {} });
    const call = async (containerId: string) => {
      const store = openSharedLeases({ type: "kubernetes", trusted: true, servers: undefined }, {
        node: { name: "a", bootId: "now" }, stores: { kubernetes: { kubeconfig } }, stateDir: directory, env: {},
        log: { warn() {}, debug() {} }, warm: { engines: kept, connections },
      });
      const before = (await api.requests()).length;
      await allocate({ store }, { containerId, ifName: "eth0" }, rangesOf("10.0.0.0/24"));
      return (await api.requests()).slice(before).filter(({ path }) => path.includes("leaseblocks"))
        .map(({ method }) => method);
    };
    await call("c1");
    const opened = await api.connections();
    assert.equal([await call("c2"), await call("c3")], [["PUT"], ["PUT"]]);
    assert.is(await api.connections(), opened, "nothing is connected anew");
    assert.is((await api.blocks()).length, 1);
  } finally {
    kept.close();
    clusters.close();
    await api.stop();
    rmSync(directory, { recursive: true });
  }
});

engines.run();
