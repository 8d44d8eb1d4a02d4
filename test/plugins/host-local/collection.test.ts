// The verb GC where nodes share a store: what it reads and what it frees is this node's own, however many others there
// are.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openKubeBlocks } from "../../../src/kube/index.ts";
import { realWorld } from "../../../src/os/index.ts";
import { collectShared } from "../../../src/plugins/host-local/collection.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { SharedBlocks, openMemoryBlocks } from "../../helpers/shared/memory-blocks.ts";
import { allocate, linesOf, nodeWith, rangesOf, scope } from "../../helpers/shared/nodes.ts";

const who = (containerId: string, network?: string) =>
  ({ containerId, ifName: "eth0", ...(network === undefined ? {} : { network }) });
const valid = (containerID: string) => ({ containerID, ifname: "eth0" });
/** Older than the grace. */
const earlier = { ...realWorld, wallMs: () => realWorld.wallMs() - 3_600_000 };

const collecting = suite("GC in a store that nodes share");

collecting("reads nothing of a scope but what the node has", async () => {
  const shared = new SharedBlocks();
  const a = nodeWith("a", openMemoryBlocks(shared), { world: earlier });
  for (const id of ["there", "gone"]) await allocate(a, who(id), rangesOf("10.0.0.0/26"));
  for (const [id, subnet] of [["b0", "10.0.0.0/26"], ["b1", "10.0.1.0/26"]] as const)
    await allocate(nodeWith("b", openMemoryBlocks(shared)), who(id), rangesOf(subnet));
  const narrow = { ...openMemoryBlocks(shared), readAll: async () => { throw new Error("all of it is read"); } };
  const node = nodeWith("a", narrow);
  await collectShared({ store: node.store, scope, network: scope, validAttachments: [valid("there")] }, "a");
  assert.equal(await linesOf(a), ["10.0.0.2 there", "10.0.0.4 b0", "10.0.1.2 b1"]);
});

collecting("asks the API once, and once more for each block that it frees something of", async () => {
  const api = await startApiServer();
  try {
    const open = () => {
      const engine = openKubeBlocks({ kubeconfig: api.kubeconfig, env: {} });
      if (engine === undefined) throw new Error("there is a kubeconfig");
      return engine;
    };
    const sets = rangesOf("10.0.0.0/16");
    for (const id of ["there", "gone"]) await allocate(nodeWith("a", open(), { world: earlier }), who(id), sets);
    for (const name of ["b", "c", "d"]) await allocate(nodeWith(name, open()), who(`of ${name}`), sets);
    const { store } = nodeWith("a", open());
    const collect = async (...ids: readonly string[]) => {
      const before = (await api.requests()).length;
      await collectShared({ store, scope, network: scope, validAttachments: ids.map(valid) }, "a");
      return (await api.requests()).slice(before).map(({ method, query }) =>
        `${method} ${query.includes("node.polynic.io") ? "of a node" : "of a name"}`);
    };
    assert.equal(await collect("there", "gone"), ["GET of a node"]);
    assert.equal(await collect("there"), ["GET of a node", "GET of a name", "PUT of a name"]);
    assert.equal(await collect("there"), ["GET of a node"]);
  } finally {
    await api.stop();
  }
});

collecting("leaves what another network of the scope has", async () => {
  const shared = new SharedBlocks(), sets = rangesOf("10.0.0.0/26");
  const a = nodeWith("a", openMemoryBlocks(shared), { world: earlier });
  for (const network of ["red", "blue"]) await allocate(a, who(`of ${network}`, network), sets);
  await collectShared({ store: a.store, scope, network: "red", validAttachments: [] }, "a");
  assert.equal(await linesOf(a), ["10.0.0.3 of blue"]);
});

collecting.run();
