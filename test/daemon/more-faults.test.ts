// More of what goes wrong around a daemon: a full disk, a clock that jumps, a socket that is gone, stale or a file.
// After each nothing is left that should not be there.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { socketOf, startDaemon, toDaemon } from "../helpers/daemon/process.ts";
import { kernelSuite, run } from "../helpers/netns.ts";
import type { Call, World } from "../helpers/runtime.ts";
import { call, changes, makeWorld, start, state, succeed } from "../helpers/runtime.ts";
import { multiplexed } from "../helpers/three-networks.ts";

function confOf({ directory }: World): object {
  const network = (name: string, subnet: string): object => ({ cniVersion: "1.1.0", name, type: "bridge",
    bridge: `${name}0`, ipMasq: true, ipMasqBackend: "nftables",
    ipam: { type: "host-local", dataDir: join(directory, "networks"), ranges: [[{ subnet }]] } });
  return { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"),
    delegates: [network("front", "10.60.0.0/24"), network("back", "10.61.0.0/24")] };
}

const unsettled = /^\/files\/(?:run\/|jumping|networks\/[^/]+\/last_reserved_ip|(?:cni|networks)\/\.polynic\/)/;

const settled = (world: World): readonly string[] => state(world).filter((line) => !unsettled.test(line));

/** A world in which one container has been and gone; the work leaves it like that. */
async function inWorld(
  work: (world: World, ask: (verb: string, more?: Partial<Call>) => Call) => Promise<void>,
  prepare: (world: World) => () => void = () => () => undefined,
): Promise<void> {
  const world = makeWorld();
  let undo: () => void = () => undefined;
  try {
    undo = prepare(world);
    const conf = confOf(world);
    for (const verb of ["ADD", "DEL"]) succeed(world, multiplexed(verb, conf));
    const before = settled(world);
    await work(world, (verb, more) => toDaemon(world, multiplexed(verb, conf, more)));
    assert.equal(changes(before, settled(world)), []);
  } finally {
    undo();
    world.remove();
  }
}

const faults = kernelSuite("a daemon", import.meta.url);
for (const [what, folder, place] of [
  ["what it is about to do", "cni", join("cni", "results")], ["addresses", "networks", join("networks", ".polynic")],
] as const) {
  faults(`whose disk for ${what} is full tells so, leaves nothing, and goes on once there is room`, async () => {
    await inWorld(async (world, ask) => {
      const daemon = await startDaemon(world), filler = join(world.directory, place, ".filler");
      const before = settled(world);
      let errno: unknown;
      try {
        writeFileSync(filler, Buffer.alloc(1024 * 1024));
      } catch (error) {
        errno = (error as NodeJS.ErrnoException).code;
      }
      assert.is(errno, "ENOSPC");
      const { status, json } = call(world, ask("ADD"));
      assert.equal([status, json.code], [1, 5], json.msg);
      assert.match(json.msg, /ENOSPC/);
      succeed(world, ask("DEL"));
      rmSync(filler);
      assert.equal(changes(before, settled(world)), []);
      for (const verb of ["ADD", "DEL"]) succeed(world, ask(verb));
      await daemon.kill();
    }, ({ directory }) => {
      const small = join(directory, folder);
      mkdirSync(small);
      run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", small);
      return () => void run("umount", "--lazy", small);
    });
  });
}
faults("whose clock jumps by hours, back and forth, serves as before", async () => {
  await inWorld(async (world, ask) => {
    const script = join(world.directory, "jumping.cjs");
    // Each look at the clock may be hours before the one before.
    writeFileSync(script, "const now = Date.now; let looks = 0;" +
      "Date.now = () => now() + (++looks % 3 - 1) * 7_200_000;");
    const daemon = await startDaemon(world, { require: script });
    const containers = Array.from({ length: 6 }, (_, i) => ({ netns: world.another().path, containerId: `pod-${i}` }));
    for (const verb of ["ADD", "DEL"]) {
      const answers = await Promise.all(containers.map((one) => start(world, ask(verb, one)).answer));
      for (const { status, stdout } of answers) assert.is(status, 0, stdout);
    }
    assert.is(daemon.isRunning, true);
    await daemon.kill();
  });
});
faults("whose socket is gone, a plain file or stale costs no container its networks", async () => {
  await inWorld(async (world, ask) => {
    const daemon = await startDaemon(world), path = socketOf(world);
    const both = (): void => {
      for (const verb of ["ADD", "DEL"]) succeed(world, ask(verb));
    };
    rmSync(path);
    both();
    writeFileSync(path, "a plain file");
    both();
    await daemon.kill();
    const refused = await startDaemon(world).then(() => "", String);
    assert.match(refused, /a file is there that is no socket/);
    rmSync(path);
    const next = await startDaemon(world);
    await next.kill();
    // Its socket is still there, and nobody listens.
    both();
    const last = await startDaemon(world);
    both();
    last.signal("SIGTERM");
    assert.is(await last.ended, 0);
  });
});
faults.run();
