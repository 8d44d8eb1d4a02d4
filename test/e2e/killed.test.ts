// Kill the executable at any point: whatever it was doing, the next DEL or GC leaves nothing of the container behind.
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { kernelSuite } from "../helpers/netns.ts";
import { random } from "../helpers/random.ts";
import type { World } from "../helpers/runtime.ts";
import { changes, makeWorld, start, succeed } from "../helpers/runtime.ts";
import { settledLeftovers, settledState } from "../helpers/killed/settled.ts";
import { makeUplink, multiplexed, threeNetworks } from "../helpers/three-networks.ts";

const roundCount = 12;

/** One world for all rounds, with everything in it that a first container leaves behind. */
async function inRounds(round: (world: World, conf: object, delayMs: number) => Promise<boolean>,
  configured: (world: World) => object = threeNetworks): Promise<void> {
  const world = makeWorld();
  try {
    makeUplink(world);
    const conf = configured(world);
    const began = Date.now();
    succeed(world, multiplexed("ADD", conf));
    let lifeMs = Date.now() - began;
    succeed(world, multiplexed("DEL", conf));
    const before = settledState(world);
    const { seed, below } = random();
    let killed = 0;
    for (let i = 0; i < roundCount || killed < roundCount / 4; i++) {
      // Evenly over the life of one call, and a little beyond, each a bit off.
      const delayMs = (lifeMs * 1.2 * (i % roundCount)) / roundCount + below(3);
      if (await round(world, conf, delayMs)) killed++;
      // It had ended by then: the machine has become faster.
      else lifeMs = Math.min(lifeMs, delayMs);
      assert.equal(changes(before, settledState(world)), [], `killed after ${delayMs} ms, seed ${seed}`);
      assert.equal(settledLeftovers(world), [], `killed after ${delayMs} ms, seed ${seed}`);
    }
  } finally {
    world.remove();
  }
}

/** Whether it was still running. */
async function killAfter(world: World, verb: string, conf: object, delayMs: number): Promise<boolean> {
  const running = start(world, multiplexed(verb, conf));
  await sleep(delayMs);
  running.kill();
  const { status } = await running.answer;
  return status === null;
}

const killed = kernelSuite("killed", import.meta.url, { needs: ["nft_nat", "macvlan", "ipv6"] });
killed("at any point of ADD, DEL takes everything away", async () => {
  await inRounds(async (world, conf, delayMs) => {
    const early = await killAfter(world, "ADD", conf, delayMs);
    succeed(world, multiplexed("DEL", conf));
    return early;
  });
});
killed("at any point of ADD, DEL takes everything away without a namespace", async () => {
  await inRounds(async (world, conf, delayMs) => {
    const early = await killAfter(world, "ADD", conf, delayMs);
    succeed(world, multiplexed("DEL", conf, { netns: "" }));
    // What the kernel would do with the namespace.
    for (const name of ["eth0", "net1", "net2"]) world.container.exec("sh", "-c",
      `ip link show ${name} >/dev/null 2>&1 && ip link del ${name}; true`);
    return early;
  });
});
killed("at any point of ADD, GC takes everything away", async () => {
  await inRounds(async (world, conf, delayMs) => {
    const early = await killAfter(world, "ADD", conf, delayMs);
    succeed(world, multiplexed("GC", { ...conf, "cni.dev/valid-attachments": [] }));
    return early;
  });
});
killed("at any point of DEL, the next DEL takes everything away", async () => {
  await inRounds(async (world, conf, delayMs) => {
    succeed(world, multiplexed("ADD", conf));
    const early = await killAfter(world, "DEL", conf, delayMs);
    succeed(world, multiplexed("DEL", conf));
    return early;
  });
});
killed("at any point of DEL, GC takes everything away", async () => {
  await inRounds(async (world, conf, delayMs) => {
    succeed(world, multiplexed("ADD", conf));
    const early = await killAfter(world, "DEL", conf, delayMs);
    succeed(world, multiplexed("GC", { ...conf, "cni.dev/valid-attachments": [] }));
    return early;
  });
});
killed("at any point of ADD with iptables, DEL takes everything away", async () => {
  await inRounds(async (world, conf, delayMs) => {
    const early = await killAfter(world, "ADD", conf, delayMs);
    succeed(world, multiplexed("DEL", conf));
    return early;
  }, withIptables);
});
killed("at any point of DEL with iptables, the next DEL takes everything away", async () => {
  await inRounds(async (world, conf, delayMs) => {
    succeed(world, multiplexed("ADD", conf));
    const early = await killAfter(world, "DEL", conf, delayMs);
    succeed(world, multiplexed("DEL", conf));
    return early;
  }, withIptables);
});
killed("at any point of ADD with executed plugins, DEL takes everything away", async () => {
  await inRounds(async (world, conf, delayMs) => {
    const early = await killAfter(world, "ADD", conf, delayMs);
    succeed(world, multiplexed("DEL", conf));
    return early;
  }, executed);
});
killed.run();

function withIptables(world: World): object {
  return JSON.parse(JSON.stringify(threeNetworks(world)).replaceAll("nftables", "iptables"));
}

/** The plugins run on while nobody waits for them any more. */
function executed(world: World): object {
  return threeNetworks(world, { execute: true });
}

