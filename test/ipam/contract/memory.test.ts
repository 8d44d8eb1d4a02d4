// The contract held against a store that two nodes share and nobody locks.
import { setImmediate } from "node:timers/promises";
import { random } from "../../helpers/random.ts";
import { leaseContract } from "./contract.ts";
import { SharedMemory, openMemoryLeases } from "./memory-leases.ts";

const any = random();

leaseContract({
  title: "leases in memory",
  shared: true,
  async start() {
    const memory = new SharedMemory();
    // Others come in between at random, as on a network.
    memory.pause = async () => {
      for (let turns = any.below(3); turns > 0; turns--) await setImmediate();
    };
    return { open: (node) => openMemoryLeases(memory, node) };
  },
}).run();
