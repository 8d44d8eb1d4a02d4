// SIGKILL of the daemon at every step of ADD and DEL: the runtime is told to try again, or the one-shot form does it;
// then nothing is left that should not be there, and no pod is said to have networks it has not.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { startDaemon, toDaemon } from "../helpers/daemon/process.ts";
import { kernelSuite } from "../helpers/netns.ts";
import type { Answer, World } from "../helpers/runtime.ts";
import { changes, makeWorld, start, succeed } from "../helpers/runtime.ts";
import { settledLeftovers, settledState } from "../helpers/killed/settled.ts";
import { makeUplink, multiplexed, threeNetworks } from "../helpers/three-networks.ts";

const dying = join(import.meta.dirname, "..", "helpers", "daemon", "dying.cjs");
/** Steps that are tried of each verb, evenly over all there are. */
const stepCount = 24;

/** Files of the daemon's own, and of the test's. */
const daemonFiles = "run/|when";

function settled(world: World): readonly string[] {
  return settledState(world, daemonFiles);
}

/** Nothing may be left of the container, and what all share must be as it was. */
function assertClean(world: World, before: readonly string[], what: string): void {
  assert.equal(changes(before, settled(world)), [], what);
  assert.equal(settledLeftovers(world), [], what);
}

interface Dying {
  readonly world: World;
  readonly conf: object;
  /** The state with everything a first container leaves behind. */
  readonly before: readonly string[];
}

async function inWorld(work: (dying: Dying) => Promise<void>): Promise<void> {
  const world = makeWorld();
  try {
    makeUplink(world);
    const conf = threeNetworks(world);
    for (const verb of ["ADD", "DEL"]) succeed(world, multiplexed(verb, conf));
    await work({ world, conf, before: settled(world) });
  } finally {
    world.remove();
  }
}

/** One call to a daemon that dies with its n-th step, from when the call is made. */
async function callDying({ world, conf }: Dying, verb: string, step: number, after: boolean): Promise<Answer> {
  const when = join(world.directory, "when");
  rmSync(when, { force: true });
  const daemon = await startDaemon(world, { require: dying, env: {
    POLYNIC_DIE_AT: String(step), POLYNIC_DIE_WHEN: when, ...(after ? { POLYNIC_DIE_AFTER: "1" } : {}),
  } });
  writeFileSync(when, "");
  const answer = await start(world, toDaemon(world, multiplexed(verb, conf))).answer;
  rmSync(when);
  await daemon.kill();
  return answer;
}

/** How many steps a call has: one more is survived. */
async function stepsOf(dying: Dying, verb: string, again: () => void): Promise<number> {
  let low = 1, high = 1024;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { status } = await callDying(dying, verb, middle, false);
    again();
    if (status === 0) high = middle;
    else low = middle + 1;
  }
  return low - 1;
}

const killed = kernelSuite("a killed daemon", import.meta.url, { needs: ["nft_nat", "macvlan", "ipv6"] });
for (const verb of ["ADD", "DEL"]) {
  killed(`at any step of ${verb} leaves nothing that the next DEL does not take away`, async () => {
    await inWorld(async (dying) => {
      const { world, conf, before } = dying;
      const prepare = (): void => {
        succeed(world, multiplexed("DEL", conf));
        if (verb === "DEL") succeed(world, multiplexed("ADD", conf));
      };
      prepare();
      const steps = await stepsOf(dying, verb, prepare);
      assert.ok(steps > stepCount, `${verb} has ${steps} steps`);
      for (let i = 0; i < stepCount; i++) {
        const step = 1 + Math.floor((i * steps) / stepCount), after = i % 2 === 1;
        const what = `killed ${after ? "after" : "before"} step ${step} of ${steps}`;
        const answer = await callDying(dying, verb, step, after);
        assert.is(answer.status, 1, `${what}: ${answer.stdout}`);
        assert.is(answer.json.code, 11, what);
        succeed(world, toDaemon(world, multiplexed("DEL", conf)));
        assertClean(world, before, what);
        if (verb === "DEL") succeed(world, multiplexed("ADD", conf));
      }
      succeed(world, multiplexed("DEL", conf));
      assertClean(world, before, "at the end");
    });
  });
}
killed("that had not begun costs nothing: the one-shot form does it", async () => {
  await inWorld(async ({ world, conf, before }) => {
    const daemon = await startDaemon(world);
    daemon.signal("SIGSTOP");
    const add = start(world, toDaemon(world, multiplexed("ADD", conf)));
    // It is in the socket's queue, or about to be; either way it is not begun.
    await sleep(200);
    await daemon.kill();
    assert.is((await add.answer).status, 0);
    succeed(world, toDaemon(world, multiplexed("CHECK", { ...conf, prevResult: (await add.answer).json })));
    succeed(world, toDaemon(world, multiplexed("DEL", conf)));
    assertClean(world, before, "after DEL");
  });
});
killed.run();
