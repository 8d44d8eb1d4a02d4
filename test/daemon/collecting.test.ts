// src/daemon/cluster/collecting.ts and src/commands/daemon/collect.ts: addresses are freed now and then, by a few of
// the nodes, and trouble is told once.
import { setTimeout as sleep } from "node:timers/promises";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { collectRequest } from "../../src/commands/daemon/collect.ts";
import type { CollectOptions } from "../../src/daemon/cluster/collecting.ts";
import { keepCollecting } from "../../src/daemon/cluster/collecting.ts";
import { openKubeBlocks } from "../../src/kube/index.ts";
import { bootId } from "../../src/os/index.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { kernelSuite } from "../helpers/netns.ts";
import { allocate, linesOf, nodeWith, rangesOf } from "../helpers/shared/nodes.ts";
import { emptyMachine, restoreMachine } from "../helpers/typed.ts";

const rounds = suite("collecting");

/** Until so many rounds were drawn. */
async function keeping(count: number, options: Partial<CollectOptions> = {}) {
  const stop = new AbortController(), lines: string[] = [];
  let drawn = 0, collected = 0;
  await keepCollecting({
    random: () => 0.5, times: { roundMs: 1 }, log: (line) => void lines.push(line), ...options,
    collect: async () => {
      collected++;
      return await (options.collect?.() ?? []);
    },
    sharers: async () => {
      if (++drawn >= count) stop.abort();
      return await (options.sharers?.() ?? 1);
    },
  }, stop.signal);
  return { lines, collected };
}

rounds("goes on until the end, and tells what was freed", async () => {
  const { lines, collected } = await keeping(5, { collect: async () => ["10.0.0.2 is freed"] });
  assert.equal([collected, lines.length], [5, 5]);
});

rounds("is done by three of many nodes", async () => {
  let next = 0;
  const random = (): number => (next = (next + 0.137) % 1);
  const { collected } = await keeping(600, { sharers: async () => 30, random });
  assert.ok(collected > 30 && collected < 90, `${collected} of 600 rounds among 30 nodes`);
});

rounds("tells of trouble once, and again after it was over", async () => {
  let round = 0;
  const { lines } = await keeping(6, { collect: async () => {
    if (++round !== 4) throw new Error("away");
    return [];
  } });
  assert.equal(lines, ["cannot collect addresses: away", "cannot collect addresses: away"]);
});

rounds("ends at once when it is told to", async () => {
  const stop = new AbortController();
  const kept = keepCollecting({ sharers: async () => 1, collect: async () => [], log() {}, random: () => 0.9 },
    stop.signal);
  await sleep(5);
  stop.abort();
  await kept;
});

const machine = kernelSuite("polynic daemon --collect", import.meta.url);

machine("frees what earlier starts of this node have left, and tells of trouble once", async () => {
  emptyMachine();
  const api = await startApiServer(), directory = "/var/lib/cni/conf", told: string[] = [];
  try {
    const engine = openKubeBlocks({ kubeconfig: api.kubeconfig, env: {} });
    if (engine === undefined) throw new Error("there is a kubeconfig");
    for (const name of ["a", "b"]) await api.putNode({ name });
    const sets = rangesOf("10.0.0.0/24"), now = nodeWith("a", engine, { bootId: bootId() });
    const wallMs = Date.now;
    // An hour ago.
    Date.now = () => wallMs() - 3_600_000;
    try {
      await allocate(nodeWith("a", engine, { bootId: "earlier" }), { containerId: "lost", ifName: "eth0" }, sets);
      await allocate(nodeWith("b", engine, { bootId: "earlier" }), { containerId: "other", ifName: "eth0" }, sets);
    } finally {
      Date.now = wallMs;
    }
    mkdirSync(directory);
    writeFileSync(join(directory, "10-pods.conf"), JSON.stringify({ cniVersion: "1.1.0", name: "all", type: "polynic",
      nodeName: "a", kubeconfig: api.kubeconfig, delegates: [{ cniVersion: "1.1.0", name: "pods", type: "bridge",
        ipam: { type: "host-local", subnet: "10.0.0.0/24", store: { type: "kubernetes" } } }] }));
    const words = { "conf-dir": directory, "data-dir": undefined, "state-dir": undefined };
    assert.is(collectRequest(words, {}, () => {}), undefined);
    const request = collectRequest({ ...words, collect: true }, {}, (line) => void told.push(line));
    assert.is(await request?.sharers(), 2);
    await api.fault({ kind: "403", match: { path: "/nodes" }, times: 2 });
    const [freed = "", ...more] = await request?.collect() ?? [];
    assert.match(freed, /^10\.0\.0\.\d+ of pods is freed: it is of an earlier start of this machine/);
    assert.equal([more, (await linesOf(now)).map((line) => line.split(" ")[1])], [[], ["other"]]);
    assert.equal(await request?.collect(), []);
    assert.is(told.filter((line) => /permission to list nodes/.test(line)).length, 1, told.join("\n"));
  } finally {
    await api.stop();
    restoreMachine();
  }
});

rounds.run();
machine.run();
