// What goes wrong around a daemon: restarts, callers that go away, plugins that hang, strangers, another namespace.
// Containers have their networks, or their runtime is told that they have not.
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as assert from "uvu/assert";
import { builtDist } from "../helpers/dist.ts";
import type { DaemonProcess } from "../helpers/daemon/process.ts";
import { socketOf, startDaemon, toDaemon } from "../helpers/daemon/process.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { ipJson, kernelSuite } from "../helpers/netns.ts";
import type { Answer, Call, World } from "../helpers/runtime.ts";
import { changes, makeWorld, start, state, succeed } from "../helpers/runtime.ts";
import { multiplexed } from "../helpers/three-networks.ts";

const containerCount = 8;

function twoBridges({ directory }: World): object {
  const network = (name: string, subnet: string): object => ({ cniVersion: "1.1.0", name, type: "bridge",
    bridge: `${name}0`, ipam: { type: "host-local", dataDir: join(directory, "networks"), ranges: [[{ subnet }]] } });
  return { cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(directory, "cni"),
    delegates: [network("front", "10.60.0.0/24"), network("back", "10.61.0.0/24")] };
}

interface Container {
  readonly netns: TestNetns;
  readonly containerId: string;
}

/** Containers, and what a host that had some and lost them again looks like. */
async function inWorld(
  work: (world: World, containers: readonly Container[], conf: object) => Promise<void>,
  count = containerCount,
): Promise<void> {
  const world = makeWorld();
  try {
    const containers = Array.from({ length: count }, (_, i) => ({ netns: world.another(), containerId: `pod-${i}` }));
    const conf = twoBridges(world);
    for (const verb of ["ADD", "DEL"]) succeed(world, multiplexed(verb, conf));
    const before = settled(world);
    await work(world, containers, conf);
    for (const one of containers) succeed(world, call("DEL", conf, one));
    assert.equal(changes(before, settled(world)), []);
    for (const { netns } of containers) assert.equal(linksOf(netns), []);
  } finally {
    world.remove();
  }
}

function settled(world: World): readonly string[] {
  return state(world)
    .filter((line) => !/^\/files\/(?:run\/|networks\/[^/]+\/last_reserved_ip|cni\/\.polynic\/)/.test(line));
}

function call(verb: string, conf: object, { netns, containerId }: Container, more: Partial<Call> = {}): Call {
  return multiplexed(verb, conf, { netns: netns.path, containerId, ...more });
}

function linksOf(netns: TestNetns): readonly string[] {
  const links = JSON.parse(netns.exec("ip", "-j", "link", "show")) as readonly { readonly ifname: string }[];
  return links.map(({ ifname }) => ifname).filter((name) => name !== "lo");
}

/** What the runtime was told of an ADD is what there is. */
function assertTrue({ status, json, stdout }: Answer, { netns, containerId }: Container): void {
  if (status === 0) assert.equal(linksOf(netns), ["eth0", "net1"], containerId);
  else assert.is(json.code, 11, `${containerId}: ${stdout}`);
}

const faults = kernelSuite("a daemon in trouble", import.meta.url);
faults("that restarts again and again costs no container its networks", async () => {
  await inWorld(async (world, containers, conf) => {
    let isDone = false;
    const restarts = (async () => {
      while (!isDone) {
        const daemon = await startDaemon(world);
        await sleep(60);
        daemon.signal("SIGTERM");
        assert.is(await daemon.ended, 0, daemon.log);
      }
    })();
    for (let round = 0; round < 3; round++) {
      for (const verb of ["ADD", "DEL"]) {
        const answers = await Promise.all(containers.map((one) =>
          start(world, toDaemon(world, call(verb, conf, one))).answer));
        for (const [i, { status, stdout, stderr }] of answers.entries())
          assert.is(status, 0, `${verb} of ${containers[i]?.containerId} in round ${round}: ${stdout}${stderr}`);
      }
    }
    isDone = true;
    await restarts;
  });
});
faults("that is killed under load tells of every container what is true", async () => {
  await inWorld(async (world, containers, conf) => {
    for (let round = 0; round < 4; round++) {
      const daemon = await startDaemon(world);
      const running = containers.map((one) => start(world, toDaemon(world, call("ADD", conf, one))));
      await sleep(8 + 6 * round);
      await daemon.kill();
      const answers = await Promise.all(running.map(({ answer }) => answer));
      for (const [i, one] of containers.entries()) {
        const answer = answers[i];
        assert.ok(answer);
        assertTrue(answer, one);
        succeed(world, toDaemon(world, call("DEL", conf, one)));
        // And the runtime's next attempt finds nothing in its way.
        succeed(world, toDaemon(world, call("ADD", conf, one)));
        succeed(world, toDaemon(world, call("DEL", conf, one)));
      }
    }
  });
});
faults("whose caller is killed in the middle goes on, and DEL takes all of it away", async () => {
  await inWorld(async (world, containers, conf) => {
    const daemon = await startDaemon(world);
    for (const [i, one] of containers.entries()) {
      const add = start(world, toDaemon(world, call("ADD", conf, one)));
      await sleep(2 * i);
      add.kill();
      // In turn behind what is still under way.
      succeed(world, toDaemon(world, call("DEL", conf, one)));
      assert.equal(linksOf(one.netns), []);
    }
    await daemon.kill();
  });
});
faults("serves others while a plugin hangs, and cleans up when that is ended", async () => {
  await inWorld(async (world, containers, conf) => {
    const [first, ...others] = containers;
    assert.ok(first);
    const daemon = await startDaemon(world);
    const hanging = await startHanging(world, conf, first);
    for (const one of others) assertTrue(succeed(world, toDaemon(world, call("ADD", conf, one))), one);
    process.kill(hanging.pid, "SIGKILL");
    const { status, json } = await hanging.answer;
    assert.equal([status, json.code], [1, 112]);
    assert.equal(linksOf(first.netns), []);
    for (const one of others) succeed(world, toDaemon(world, call("DEL", conf, one)));
    daemon.signal("SIGTERM");
    assert.is(await daemon.ended, 0);
  });
});
faults("with a plugin that hangs ends at the second signal, and DEL finds what it had begun", async () => {
  await inWorld(async (world, [first], conf) => {
    assert.ok(first);
    const daemon = await startDaemon(world);
    const hanging = await startHanging(world, conf, first);
    daemon.signal("SIGTERM");
    while (!daemon.log.includes("1 calls are under way")) await sleep(5);
    assert.is(daemon.isRunning, true);
    daemon.signal("SIGTERM");
    assert.is(await daemon.ended, 1);
    assert.is((await hanging.answer).json.code, 11);
    succeed(world, toDaemon(world, hanging.del));
    assert.equal(linksOf(first.netns), []);
  }, 1);
});
faults("leaves a call from another network namespace to the one-shot form, in that namespace", async () => {
  await inWorld(async (world, [first], conf) => {
    assert.ok(first);
    const daemon = await startDaemon(world);
    const elsewhere = { ...world, host: world.another() };
    elsewhere.host.exec("ip", "link", "set", "lo", "up");
    succeed(elsewhere, toDaemon(world, call("ADD", conf, first)));
    const bridges = ipJson("link show type bridge", elsewhere.host).map(({ ifname }) => ifname);
    assert.equal(bridges.sort(), ["back0", "front0"]);
    succeed(elsewhere, toDaemon(world, call("DEL", conf, first)));
    await daemon.kill();
  }, 1);
});
faults("serves a call among a thousand connections that say nothing, half a call, nonsense or too much", async () => {
  await inWorld(async (world, [first], conf) => {
    assert.ok(first);
    const daemon = await startDaemon(world);
    const before = residentKiB(daemon);
    const half = `polynic 1 0.1.0 bridge a b c d 4000000 16000000\n${"x".repeat(10_000)}`;
    const strangers: Socket[] = [];
    for (let i = 0; i < 1000; i++) {
      const socket = connect(socketOf(world)).on("error", () => undefined);
      if (i % 4 === 1) socket.write(half);
      if (i % 4 === 2) socket.write("GET /healthz HTTP/1.1\r\n\r\n".repeat(40));
      if (i % 4 === 3) socket.write("polynic 1 0.1.0 bridge a b c d 0 99999999\n");
      strangers.push(socket);
    }
    for (const verb of ["ADD", "DEL"]) {
      const answer = succeed(world, toDaemon(world, call(verb, conf, first)));
      if (verb === "ADD") assertTrue(answer, first);
    }
    assert.ok(daemon.isRunning);
    assert.ok(residentKiB(daemon) < before + 64 * 1024, `${before} KiB before, ${residentKiB(daemon)} after`);
    for (const socket of strangers) socket.destroy();
    await daemon.kill();
  }, 1);
});
faults("lets no other user in, neither by its directory nor by a socket that is open to all", async () => {
  const world = makeWorld();
  try {
    const daemon = await startDaemon(world);
    chmodSync(world.directory, 0o755);
    assert.is(connectAs(65534, socketOf(world)), "EACCES");
    await daemon.kill();

    // Open to all, as a unit with SocketMode=0666 would be.
    const activated = await activate(world);
    assert.is(connectAs(65534, activated.path), "closed");
    while (!activated.log.includes("connection refused: it is by user 65534")) await sleep(5);
    assert.is(connectAs(0, activated.path), "declined");
    activated.end();
  } finally {
    world.remove();
  }
});
faults("that systemd starts for a call ends when idle, and is started again by the next one", async () => {
  await inWorld(async (world, [first], conf) => {
    assert.ok(first);
    const activated = await activate(world, "--idle-exit", "1");
    for (let i = 1; i <= 2; i++) {
      for (const verb of ["ADD", "DEL"])
        succeed(world, { ...call(verb, conf, first), env: { POLYNIC_SOCKET: activated.path } });
      while (activated.endings.length < i) await sleep(20);
    }
    assert.equal(activated.endings, ["ended 0", "ended 0"]);
    // Looking for what is left may take longer than the first call.
    assert.match(activated.log.replaceAll(/^looked for what is left.*\n/gm, ""),
      /^(serving at descriptor 3\nnobody has asked for 1000 ms\nstopped\n){2}$/);
    activated.end();
  }, 1);
});
faults.run();

interface Hanging {
  readonly pid: number;
  readonly answer: Promise<Answer>;
  /** What takes the container off again. */
  readonly del: Call;
}

/** An ADD whose third network is a plugin that never ends. */
async function startHanging(world: World, conf: object, one: Container): Promise<Hanging> {
  const plugins = join(world.directory, "run", "plugins"), note = join(world.directory, "run", "pid");
  mkdirSync(plugins);
  writeFileSync(join(plugins, "hanging"),
    `#!/bin/sh\n[ "$CNI_COMMAND" = ADD ] || exit 0\necho $$ > ${note}\nexec sleep 600\n`);
  chmodSync(join(plugins, "hanging"), 0o755);
  // As twoBridges makes it.
  const { delegates } = conf as { readonly delegates: readonly object[] };
  const three = { ...conf, delegates: [...delegates, { cniVersion: "1.1.0", name: "odd", type: "hanging" }] };
  const path = [join(builtDist(), "bin"), plugins];
  const { answer } = start(world, toDaemon(world, call("ADD", three, one, { path })));
  for (;;) {
    const pid = pidIn(note);
    if (pid !== undefined) return { pid, answer, del: call("DEL", three, one, { path }) };
    await sleep(5);
  }
}

function pidIn(file: string): number | undefined {
  try {
    return Number(readFileSync(file, "utf8")) || undefined;
  } catch {
    return undefined;
  }
}

function residentKiB({ pid }: DaemonProcess): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
}

/** What a user meets at a socket: an errno, or what was said before it was closed. */
function connectAs(uid: number, path: string): string {
  const script = `process.setgroups([]); process.setgid(${uid}); process.setuid(${uid});
    let heard = "";
    const socket = require("net").connect(${JSON.stringify(path)});
    // It may have been closed before it was heard.
    socket.on("data", (chunk) => { heard += chunk; })
      .on("error", ({ code }) => { heard = code === "ECONNRESET" || code === "EPIPE" ? "closed" : code; })
      .on("close", () => console.log(heard.split(" ")[0] || "closed"));
    socket.write("polynic 1 0 bridge a b c d 0 0\\n");`;
  return spawnSync(process.execPath, ["-e", script], { encoding: "utf8" }).stdout.trim();
}

interface Activated {
  readonly path: string;
  readonly log: string;
  /** A line for each daemon that has ended, with its status as wait(2) has it. */
  readonly endings: readonly string[];
  end(): void;
}

/** A socket that a daemon is started for when somebody connects. */
async function activate(world: World, ...args: readonly string[]): Promise<Activated> {
  const path = join(world.directory, "activated.sock");
  const script = join(import.meta.dirname, "..", "helpers", "daemon", "activate.pl");
  const child = spawn("nsenter", [`--net=${world.host.path}`, "perl", script, path,
    join(builtDist(), "bin", "polynic"), "daemon", ...args], { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let log = "", said = "";
  child.stdout.on("data", (chunk: Buffer) => { said += chunk.toString(); });
  child.stderr.on("data", (chunk: Buffer) => { log += chunk.toString(); });
  while (!said.includes("listening")) await sleep(5);
  return {
    path,
    get log() { return log; },
    get endings() { return said.split("\n").filter((line) => line.startsWith("ended")); },
    // Its whole group, the daemon with it.
    end: () => void process.kill(-(child.pid ?? 0), "SIGKILL"),
  };
}
