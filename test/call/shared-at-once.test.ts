// Two daemons and calls by themselves on one node at once, as in the middle of an update, with an API that loses
// answers: no address twice, and nothing left.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { KeptConnections } from "../../src/call/kept-connections.ts";
import { KeptEngines } from "../../src/call/kept-engines.ts";
import { openSharedLeases } from "../../src/call/shared-leases/index.ts";
import { CniError } from "../../src/cni/index.ts";
import type { LeaseStore } from "../../src/ipam/index.ts";
import { formatAddress } from "../../src/net/index.ts";
import { startApiServer } from "../helpers/api-server.ts";
import { allocate, rangesOf, scope } from "../helpers/shared/nodes.ts";

const sets = rangesOf("10.0.0.0/24", "fd00::/64"), callsOfEach = 12;
const who = (containerId: string) => ({ containerId, ifName: "eth0" });

const node = suite("calls of one node at once");

for (const [title, lost] of [["", 0], [", where answers are lost", 4]] as const)
  node(`of two daemons and by themselves give no address twice${title}`, async () => {
    const api = await startApiServer(), stateDir = mkdtempSync(join(tmpdir(), "polynic-at-once-"));
    const daemons = ["one", "other"].map(() => ({ engines: new KeptEngines(), connections: new KeptConnections() }));
    const told: string[] = [];
    const open = (warm: (typeof daemons)[number] | undefined): LeaseStore =>
      openSharedLeases({ type: "kubernetes", trusted: true, servers: undefined }, {
        node: { name: "a", bootId: "now" }, stores: { kubernetes: { kubeconfig: api.kubeconfig } }, stateDir, env: {},
        log: { warn: (line) => void told.push(line), debug() {} }, warm });
    try {
      if (lost > 0) await api.fault({ kind: "lost", match: { method: "PUT" }, times: lost });
      const calls = [...daemons, undefined].flatMap((warm, process) =>
        Array.from({ length: callsOfEach }, async (_, i) => await outcomeOf(open(warm), `c${process}-${i}`)));
      const given = (await Promise.all(calls)).flat();
      assert.is(new Set(given).size, given.length, given.join());
      assert.is(given.length, 3 * callsOfEach * sets.length, told.join("\n"));
      const listed = async () => (await open(undefined).list(scope)).map(({ address }) => formatAddress(address));
      assert.equal((await listed()).toSorted(), given.toSorted());
      await Promise.all([...daemons, undefined].flatMap((warm, process) =>
        Array.from({ length: callsOfEach }, async (_, i) => await open(warm).release(scope, who(`c${process}-${i}`)))));
      assert.equal(await listed(), []);
    } finally {
      for (const { engines, connections } of daemons) {
        engines.close();
        connections.close();
      }
      await api.stop();
      rmSync(stateDir, { recursive: true });
    }
  });

async function outcomeOf(store: LeaseStore, containerId: string): Promise<readonly string[]> {
  try {
    return await allocate({ store }, who(containerId), sets);
  } catch (error) {
    if (error instanceof CniError) throw new Error(`${containerId}: ${error.message}`, { cause: error });
    throw error;
  }
}

node.run();
