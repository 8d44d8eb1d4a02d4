// The contract held against the cluster's API, which two nodes share.
import { openKubeBlocks } from "../../../src/kube/index.ts";
import { openBlockLeases } from "../../../src/ipam/index.ts";
import { realWorld } from "../../../src/os/index.ts";
import type { ApiServer } from "../../helpers/api-server.ts";
import { startApiServer } from "../../helpers/api-server.ts";
import { memoryJournal } from "../../helpers/shared/memory-blocks.ts";
import { leaseContract } from "./contract.ts";

let api: ApiServer | undefined;

const contract = leaseContract({
  title: "leases in the cluster's API",
  shared: true,
  claims: true,
  steps: 12,
  async start() {
    api ??= await startApiServer();
    for (const { metadata } of await api.blocks()) await api.removeBlock(metadata.name);
    const { kubeconfig } = api;
    return {
      open(node) {
        const engine = openKubeBlocks({ kubeconfig, env: {} });
        if (engine === undefined) throw new Error("there is a kubeconfig");
        return openBlockLeases({ engine, node, journal: memoryJournal(), tell: () => {}, world: realWorld,
          alone: async (_, work) => await work() });
      },
    };
  },
});
contract.after(async () => await api?.stop());
contract.run();
