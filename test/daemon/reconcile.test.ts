// What a daemon repairs at its start, src/daemon/reconcile.ts: with containers whose namespace is gone, from before a
// reboot, half made, or not deleted; and what it leaves alone.
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { bootId } from "../../src/os/index.ts";
import { builtDist } from "../helpers/dist.ts";
import type { DaemonProcess } from "../helpers/daemon/process.ts";
import { startDaemon } from "../helpers/daemon/process.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { kernelSuite } from "../helpers/netns.ts";
import type { Call, World } from "../helpers/runtime.ts";
import { call, changes, makeWorld, state, succeed } from "../helpers/runtime.ts";
import { multiplexed } from "../helpers/three-networks.ts";

interface Container {
  readonly netns: TestNetns;
  readonly containerId: string;
}

function confOf({ directory }: World, more: readonly object[] = []): object {
  const network = (name: string, subnet: string): object => ({ cniVersion: "1.1.0", name, type: "bridge",
    bridge: `${name}0`, ipMasq: true, ipMasqBackend: "nftables",
    ipam: { type: "host-local", dataDir: join(directory, "networks"), ranges: [[{ subnet }]] } });
  return { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"),
    delegates: [network("front", "10.60.0.0/24"), network("back", "10.61.0.0/24"), ...more] };
}

function about(verb: string, conf: object, { netns, containerId }: Container, path: readonly string[] = []): Call {
  const plain = multiplexed(verb, conf, { netns: netns.path, containerId });
  return { ...plain, path: [...plain.path, ...path] };
}

const settled = (world: World): readonly string[] => state(world)
  .filter((line) => !/^\/files\/(?:run\/|networks\/[^/]+\/last_reserved_ip|cni\/\.polynic\/)/.test(line));

/** A world in which one container has been, and gone, as it should be. */
async function inWorld(work: (world: World, conf: object, before: readonly string[]) => Promise<void>): Promise<void> {
  const world = makeWorld();
  try {
    const conf = confOf(world);
    for (const verb of ["ADD", "DEL"]) succeed(world, multiplexed(verb, conf));
    await work(world, conf, settled(world));
  } finally {
    world.remove();
  }
}

/** Starts one, waits until it has said that, and ends it; what it has said in the end. */
async function repaired(world: World, said: string, path?: string): Promise<string> {
  const env = path === undefined ? {} : { CNI_PATH: `${join(builtDist(), "bin")}:${path}` };
  const daemon: DaemonProcess = await startDaemon(world, { env });
  while (!daemon.log.includes(said) && daemon.isRunning) await sleep(5);
  daemon.signal("SIGTERM");
  assert.is(await daemon.ended, 0, daemon.log);
  return daemon.log;
}

const files = ({ directory }: World): readonly string[] =>
  ["cni", join("cni", "results")].flatMap((folder) => readdirSync(join(directory, folder))
    .filter((name) => !name.startsWith(".") && name !== "results").map((name) => join(directory, folder, name)));

const repairs = kernelSuite("a daemon that starts", import.meta.url);
repairs("takes away what is left of containers whose namespace is gone, and nothing of those there are", async () => {
  await inWorld(async (world, conf) => {
    const alive = { netns: world.another(), containerId: "alive" };
    succeed(world, about("ADD", conf, alive));
    const before = settled(world);
    for (const containerId of ["gone-1", "gone-2"]) {
      const one = { netns: world.another(), containerId };
      succeed(world, about("ADD", conf, one));
      one.netns.remove();
    }
    const log = await repaired(world, "container gone-2");
    assert.match(log, /took away what was left of container gone-1, interface eth0: \/run\/netns\/\S+ is no network/);
    assert.equal(changes(before, settled(world)), []);
    succeed(world, about("CHECK", { ...conf, prevResult: undefined }, alive));
    succeed(world, about("DEL", conf, alive));
  });
});
repairs("takes away what an ADD had made that was killed in the middle", async () => {
  await inWorld(async (world, _, before) => {
    const plugins = join(world.directory, "run");
    mkdirSync(plugins, { mode: 0o700 });
    // Kills whoever runs it, which has attached two networks by then.
    writeFileSync(join(plugins, "killer"), "#!/bin/sh\n[ \"$CNI_COMMAND\" = ADD ] && kill -9 $PPID\nexit 0\n");
    chmodSync(join(plugins, "killer"), 0o755);
    const conf = confOf(world, [{ cniVersion: "1.1.0", name: "odd", type: "killer" }]);
    const one = { netns: world.another(), containerId: "half" };
    assert.is.not(call(world, about("ADD", conf, one, [plugins])).status, 0);
    assert.ok(changes(before, settled(world)).length > 0);
    one.netns.remove();
    await repaired(world, "container half", plugins);
    assert.equal(changes(before, settled(world)), []);
  });
});
repairs("tries again what a DEL could not delete", async () => {
  await inWorld(async (world, _, before) => {
    const plugins = join(world.directory, "run");
    mkdirSync(plugins, { mode: 0o700 });
    writeFileSync(join(plugins, "stubborn"), `#!/bin/sh
[ "$CNI_COMMAND" = ADD ] && echo '{"cniVersion":"1.1.0","interfaces":[]}' && exit 0
[ "$CNI_COMMAND" = DEL ] && [ ! -e ${plugins}/willing ] && echo '{"code":11,"msg":"no"}' && exit 1
touch ${plugins}/done\n`);
    chmodSync(join(plugins, "stubborn"), 0o755);
    const conf = confOf(world, [{ cniVersion: "1.1.0", name: "odd", type: "stubborn" }]);
    const one = { netns: world.another(), containerId: "left" };
    succeed(world, about("ADD", conf, one, [plugins]));
    assert.is(call(world, about("DEL", conf, one, [plugins])).status, 1);
    one.netns.remove();
    const log = await repaired(world, "cannot take away", plugins);
    assert.match(log, /container left: .*stubborn.*: no/);
    writeFileSync(join(plugins, "willing"), "");
    await repaired(world, "took away what was left of container left", plugins);
    assert.ok(existsSync(join(plugins, "done")));
    assert.equal(changes(before, settled(world)), []);
  });
});
repairs("knows by the boot id what is from before a reboot, whatever is at its path by now", async () => {
  await inWorld(async (world, conf, before) => {
    const one = { netns: world.another(), containerId: "yesterday" };
    succeed(world, about("ADD", conf, one));
    one.netns.remove();
    const now = world.another();
    for (const file of files(world)) {
      const text = readFileSync(file, "utf8");
      assert.match(text, bootId());
      writeFileSync(file, text.replaceAll(bootId(), "another-boot").replaceAll(one.netns.path, now.path));
    }
    const log = await repaired(world, "container yesterday");
    assert.match(log, "the machine has been started anew since");
    assert.equal(changes(before, settled(world)), []);
  });
});
repairs("sets a damaged scratch file aside, says so, and leaves the container and its DEL as they were", async () => {
  await inWorld(async (world, conf, before) => {
    const one = { netns: world.another(), containerId: "torn" };
    succeed(world, about("ADD", conf, one));
    const scratch = join(world.directory, "cni", "torn");
    writeFileSync(scratch, readFileSync(scratch, "utf8").slice(0, 200));
    writeFileSync(join(world.directory, "cni", "results", "front-nobody-eth0"), "{\"kind\":");
    const log = await repaired(world, "set aside");
    assert.match(log, /Cannot read the scratch file \S+: it is not JSON; it is set aside as \S+\/damaged\/torn, and/);
    assert.equal([existsSync(scratch), log.includes("took away")], [false, false]);
    const links = JSON.parse(one.netns.exec("ip", "-j", "link", "show")) as readonly { readonly ifname: string }[];
    assert.equal(links.map(({ ifname }) => ifname).sort(), ["eth0", "lo", "net1"]);
    succeed(world, about("DEL", conf, one));
    rmSync(join(world.directory, "cni", "results", "front-nobody-eth0"));
    assert.equal(changes(before, settled(world)), []);
  });
});
repairs("serves although there is nothing it could repair with", async () => {
  const world = makeWorld();
  try {
    mkdirSync(join(world.directory, "networks"));
    writeFileSync(join(world.directory, "cni"), "a file where a directory should be");
    const log = await repaired(world, "serving at");
    assert.match(log, "stopped");
  } finally {
    world.remove();
  }
});
repairs.run();
