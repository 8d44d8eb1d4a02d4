// src/call/kept-connections.ts: what a process asks of a cluster's API goes over the same connections, call after call.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { KeptConnections } from "../../src/call/kept-connections.ts";
import { KeptEngines } from "../../src/call/kept-engines.ts";
import { nodeSubnets } from "../../src/call/node-subnets/index.ts";
import { openSharedLeases } from "../../src/call/shared-leases/index.ts";
import { openCluster, openConnections } from "../../src/kube/index.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { allocate, rangesOf } from "../helpers/shared/nodes.ts";

const log = { warn() {}, debug() {} };

const connections = suite("kept connections");

connections("serve a pod, the node's subnets and its leases, call after call, where nothing is watched", async () => {
  const api = await startApiServer(), directory = mkdtempSync(join(tmpdir(), "polynic-kept-"));
  const warm = { connections: new KeptConnections(), engines: new KeptEngines() };
  try {
    const { kubeconfig } = api, stores = { kubernetes: { kubeconfig } };
    await api.putNode({ name: "a", subnets: ["10.244.1.0/24"] });
    const call = async (containerId: string): Promise<void> => {
      const cluster = openCluster({ kubeconfig, env: {}, deadlineMs: 10_000,
        connections: warm.connections.of(openConnections) });
      await cluster?.getPod({ namespace: "blue", name: "none" });
      cluster?.close();
      await nodeSubnets({ trusted: true, kubeconfig: undefined },
        { node: "a", stores, stateDir: directory, log, env: {}, warm });
      const store = openSharedLeases({ type: "kubernetes", trusted: true, servers: undefined },
        { node: { name: "a", bootId: "now" }, stores, stateDir: directory, env: {}, log, warm });
      await allocate({ store }, { containerId, ifName: "eth0" }, rangesOf("10.0.0.0/24"));
    };
    await call("c1");
    const opened = await api.connections();
    for (const containerId of ["c2", "c3"]) await call(containerId);
    assert.is(await api.connections(), opened, "nothing is connected anew");
  } finally {
    warm.engines.close();
    warm.connections.close();
    await api.stop();
    rmSync(directory, { recursive: true });
  }
});

connections("are opened once, by whoever needs them first, and are those of a watch where there is one", () => {
  const kept = new KeptConnections(), first = kept.of(openConnections), watch = openConnections();
  assert.is(kept.of(() => { throw new Error("they are open"); }), first);
  assert.is(new KeptConnections(watch).of(openConnections), watch);
  kept.close();
});

connections.run();
