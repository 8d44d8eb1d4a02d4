// The contract held against blocks that two nodes share, in an engine that only compares and swaps.
import { setImmediate } from "node:timers/promises";
import { realWorld } from "../../../src/os/index.ts";
import { openBlockLeases } from "../../../src/ipam/index.ts";
import { SharedBlocks, memoryJournal, openMemoryBlocks } from "../../helpers/shared/memory-blocks.ts";
import { random } from "../../helpers/random.ts";
import { leaseContract } from "./contract.ts";

const any = random();

leaseContract({
  title: "leases in blocks",
  shared: true,
  claims: true,
  async start() {
    const shared = new SharedBlocks();
    shared.pause = async () => {
      for (let turns = any.below(3); turns > 0; turns--) await setImmediate();
    };
    return {
      open: (node) => openBlockLeases({
        engine: openMemoryBlocks(shared), node, journal: memoryJournal(), alone: async (_, work) => await work(),
        tell: () => {}, world: { ...realWorld, sleep: async () => await setImmediate() },
      }),
    };
  },
}).run();
