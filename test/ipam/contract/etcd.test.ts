// The contract held against a real etcd, which two nodes share.
import { openEtcdBlocks } from "../../../src/etcd/index.ts";
import { openBlockLeases } from "../../../src/ipam/index.ts";
import { realWorld } from "../../../src/os/index.ts";
import type { Etcd } from "../../helpers/shared/etcd.ts";
import { hasEtcd, startEtcd } from "../../helpers/shared/etcd.ts";
import { memoryJournal } from "../../helpers/shared/memory-blocks.ts";
import { leaseContract } from "./contract.ts";

let etcd: Etcd | undefined, stores = 0;

const contract = leaseContract({
  title: "leases in etcd",
  shared: true,
  claims: true,
  steps: 12,
  async start() {
    etcd ??= await startEtcd();
    const { endpoints } = etcd, prefix = `/contract/${++stores}`;
    return {
      open: (node) => openBlockLeases({
        engine: openEtcdBlocks({ endpoints, prefix }, { node }), node, journal: memoryJournal(), tell: () => {},
        world: realWorld, alone: async (_, work) => await work(),
      }),
    };
  },
});
contract.after(async () => await etcd?.close());

if (hasEtcd) contract.run();
else console.warn("leases in etcd: skipped, there is no etcd");
