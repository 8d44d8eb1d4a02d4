// A daemon that lacks what it needs, or finds what should not be there: no inodes, a disk that cannot be written any
// more, no descriptors, damaged files of any kind, a socket's name that is taken, a plugin that hangs in a DEL.
import {
  chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import type { DaemonProcess } from "../helpers/daemon/process.ts";
import { socketOf, startDaemon, toDaemon } from "../helpers/daemon/process.ts";
import { ipJson, kernelSuite, run } from "../helpers/netns.ts";
import type { Call, World } from "../helpers/runtime.ts";
import { call, changes, makeWorld, start, state, succeed } from "../helpers/runtime.ts";
import { multiplexed, ourPlugins } from "../helpers/three-networks.ts";

interface Trouble {
  readonly world: World;
  readonly daemon: DaemonProcess;
  ask(verb: string, more?: Partial<Call>): Call;
}

function confOf({ directory }: World, more: readonly object[] = []): object {
  const network = { cniVersion: "1.1.0", name: "front", type: "bridge", bridge: "front0",
    ipam: { type: "host-local", dataDir: join(directory, "networks"), ranges: [[{ subnet: "10.60.0.0/24" }]] } };
  return { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"),
    delegates: [network, ...more] };
}

const unsettled = /^\/files\/(?:run\/|plugins|networks\/[^/]+\/last_reserved_ip|(?:cni|networks)\/\.polynic\/)/;
const settled = (world: World): readonly string[] => state(world).filter((line) => !unsettled.test(line));
const linksOf = (world: World): readonly string[] => ipJson("link show", world.container).map(({ ifname }) => ifname);

/** A world in which one container has been and gone, with a daemon; the work leaves it like that. */
async function inTrouble(work: (trouble: Trouble) => Promise<void> | void, mount = ""): Promise<void> {
  const world = makeWorld(), small = join(world.directory, "cni");
  mkdirSync(small);
  if (mount !== "") run("mount", "-t", "tmpfs", "-o", mount, "tmpfs", small);
  try {
    const conf = confOf(world);
    const ask: Trouble["ask"] = (verb, more) => toDaemon(world, multiplexed(verb, conf, more));
    for (const verb of ["ADD", "DEL"]) succeed(world, ask(verb));
    const before = settled(world), daemon = await startDaemon(world);
    await work({ world, daemon, ask });
    succeed(world, ask("DEL"));
    assert.equal(changes(before, settled(world)), []);
    assert.equal(linksOf(world), ["lo"]);
    assert.ok(daemon.isRunning || daemon.log.includes("stopping by SIGTERM"), daemon.log);
    await daemon.kill();
  } finally {
    if (mount !== "") run("umount", "--lazy", small);
    world.remove();
  }
}

const lacking = kernelSuite("a daemon that lacks", import.meta.url);
lacking("inodes tells so, leaves nothing, and goes on once there are some", async () => {
  await inTrouble(({ world, ask }) => {
    const before = settled(world), fillers = join(world.directory, "cni", ".polynic", "fillers");
    mkdirSync(fillers);
    assert.throws(() => {
      for (let i = 0; i < 1000; i++) writeFileSync(join(fillers, String(i)), "");
    }, /ENOSPC/);
    const { status, json } = call(world, ask("ADD"));
    assert.equal([status, json.code], [1, 5], json.msg);
    assert.match(json.msg, /ENOSPC/);
    assert.equal(changes(before, settled(world)), []);
    rmSync(fillers, { recursive: true });
    succeed(world, ask("ADD"));
  }, "size=1m,nr_inodes=64");
});

lacking("a disk that can be written deletes what it can, says what it cannot, and finishes later", async () => {
  await inTrouble(({ world, ask }) => {
    const cni = join(world.directory, "cni");
    succeed(world, ask("ADD"));
    run("mount", "-o", "remount,ro", cni);
    const del = call(world, ask("DEL"));
    assert.is(del.status, 1, "what stays on disk would be taken for attached");
    assert.match(del.json.msg, /EROFS/);
    const again = call(world, ask("ADD"));
    assert.is(again.status, 1);
    run("mount", "-o", "remount,rw", cni);
  }, "size=1m");
});

lacking("descriptors tells the truth about every container, and serves again once it has some", async () => {
  await inTrouble(({ world, daemon, ask }) => {
    const limit = (soft: number | string): string => run("prlimit", "--pid", String(daemon.pid), `--nofile=${soft}:`);
    const used = readdirSync(`/proc/${daemon.pid}/fd`).length, usual = softLimit(daemon);
    const steps = 14;
    let failed = 0;
    for (let spare = 0; spare < steps; spare++) {
      limit(used + spare);
      const { status, json } = call(world, ask("ADD"));
      if (status === 0) assert.ok(linksOf(world).includes("eth0"), `with ${spare} descriptors`);
      else failed++;
      if (status !== 0) assert.match(json.msg, /EMFILE|too many open files/i, `with ${spare} descriptors`);
      limit(usual);
      succeed(world, ask("DEL"));
      assert.equal(linksOf(world), ["lo"], `with ${spare} descriptors`);
    }
    assert.ok(failed < steps, "with some it is served");
    succeed(world, ask("ADD"));
  });
});

function softLimit({ pid }: DaemonProcess): string {
  return /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, "utf8"))?.[1] ?? "";
}

const damages: readonly (readonly [string, (path: string) => void])[] = [
  ["is empty", (path) => writeFileSync(path, "")],
  ["is no JSON", (path) => writeFileSync(path, Buffer.from([0, 255, 254, 91, 123]))],
  ["holds nothing", (path) => writeFileSync(path, "[null]")],
  ["leads nowhere", (path) => symlinkSync("nowhere", path)],
  ["leads to itself", (path) => symlinkSync(path, path)],
  ["is a pipe that nobody writes to", (path) => run("mkfifo", path)],
];
const damaged = kernelSuite("a daemon for whose container", import.meta.url);
for (const [what, damage] of damages) {
  damaged(`the scratch file ${what} takes the container off all the same`, async () => {
    await inTrouble(({ world, ask }) => {
      const scratch = join(world.directory, "cni", "pod-1");
      succeed(world, ask("ADD"));
      rmSync(scratch);
      damage(scratch);
      succeed(world, ask("DEL"));
      assert.equal(linksOf(world), ["lo"]);
    });
  });
  damaged(`a cached result ${what} takes the container off all the same`, async () => {
    await inTrouble(({ world, ask }) => {
      const result = join(world.directory, "cni", "results", "front-pod-1-eth0");
      succeed(world, ask("ADD"));
      rmSync(result);
      damage(result);
      succeed(world, ask("DEL"));
      assert.equal(linksOf(world), ["lo"]);
    });
  });
}

const hanging = kernelSuite("a daemon whose plugin hangs in a DEL", import.meta.url);
hanging("serves others meanwhile, says so when it is ended, and the next DEL takes all of it away", async () => {
  const plugins = mkdtempSync(join(tmpdir(), "polynic-hanging-")), note = join(plugins, "pid");
  writeFileSync(join(plugins, "hanging"), "#!/bin/sh\n" +
    `[ "$CNI_COMMAND" = DEL ] || { echo '{"cniVersion":"1.1.0"}'; exit 0; }\n` +
    `[ -e ${note} ] && exit 0\necho $$ > ${note}.new && mv ${note}.new ${note}\nexec sleep 600\n`);
  chmodSync(join(plugins, "hanging"), 0o755);
  try {
    await inTrouble(async ({ world, ask }) => {
      const conf = confOf(world, [{ cniVersion: "1.1.0", name: "odd", type: "hanging" }]);
      const path = [ourPlugins(), plugins], other = { netns: world.another().path, containerId: "other" };
      succeed(world, ask("ADD", { conf, path }));
      const { answer } = start(world, ask("DEL", { conf, path }));
      while (pidIn(note) === undefined) await sleep(5);
      for (const verb of ["ADD", "DEL"]) succeed(world, ask(verb, other));
      process.kill(pidIn(note) ?? 0, "SIGKILL");
      assert.is((await answer).status, 1);
      succeed(world, ask("DEL", { conf, path }));
    });
  } finally {
    rmSync(plugins, { recursive: true });
  }
});

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

const taken = kernelSuite("a daemon whose socket's name", import.meta.url);
for (const [what, take] of [
  ["is a directory's", (path: string) => mkdirSync(path)],
  ["is a pipe's", (path: string) => run("mkfifo", path)],
  ["leads nowhere", (path: string) => symlinkSync("nowhere", path)],
] as const) {
  taken(`${what} says so and ends, and costs no container its networks`, async () => {
    await inTrouble(async ({ world, daemon, ask }) => {
      const path = socketOf(world);
      daemon.signal("SIGTERM");
      assert.is(await daemon.ended, 0);
      take(path);
      assert.match(await startDaemon(world).then(() => "", String), /Cannot start the daemon: .*polynic\.sock/s);
      for (const verb of ["ADD", "DEL"]) succeed(world, ask(verb));
    });
  });
}
for (const each of [lacking, damaged, hanging, taken]) each.run();
