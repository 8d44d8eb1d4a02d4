// That nobody waits longer than he must in a storm: calls are begun in the order they came, a container with many of
// them holds nobody up, and a call of very many networks gives way to others while it is at work.
import { mkdtempSync, rmSync, statSync } from "node:fs";
import type { Socket } from "node:net";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Daemon, defaultLimits } from "../../src/daemon/index.ts";
import { ownIdentity } from "../../src/daemon/identity.ts";
import type { Identity } from "../../src/daemon/message.ts";
import { Queue } from "../../src/daemon/queue.ts";
import { version } from "../../src/program/index.ts";
import type { Answer } from "../../src/service/index.ts";
import { socketOf, startDaemon } from "../helpers/daemon/process.ts";
import type { TestNetns } from "../helpers/netns.ts";
import { kernelSuite } from "../helpers/netns.ts";
import type { Call } from "../helpers/runtime.ts";
import { makeWorld, succeed } from "../helpers/runtime.ts";
import { multiplexed, ourPlugins } from "../helpers/three-networks.ts";

interface Said {
  readonly container: string;
  readonly verb?: string;
  readonly netns?: string;
  readonly conf?: object;
  readonly identity?: Identity;
}

/** What a shim would send. */
function call({ container, verb = "ADD", netns = "/run/netns/x", conf = {}, identity = ownIdentity() }: Said): string {
  const env = { CNI_COMMAND: verb, CNI_CONTAINERID: container, CNI_NETNS: netns, CNI_IFNAME: "eth0",
    CNI_PATH: ourPlugins() };
  const block = Object.entries(env).map(([name, value]) => `${name}=${value}\0`).join("");
  const stdin = JSON.stringify(conf), { mount, net, user, root } = identity;
  const where = `${mount} ${net} ${user} ${root}`;
  return `polynic 1 ${version} polynic ${where} ${block.length} ${stdin.length}\n${block}${stdin}`;
}

/** Each call over a connection of its own, in that order; what is heard is nobody's. */
async function say(path: string, calls: readonly string[]): Promise<readonly Socket[]> {
  const sockets: Socket[] = [];
  for (const text of calls) {
    const socket = connect(path).on("error", () => undefined).resume();
    await new Promise((resolve) => socket.once("connect", resolve));
    socket.write(text);
    sockets.push(socket);
  }
  return sockets;
}

const storm = suite("a storm of pods");
storm("is begun in the order it came, and a container with many calls has its turn like others", async () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-storm-")), path = join(directory, "run", "polynic.sock");
  const limits = { ...defaultLimits, running: 2 }, begun: string[] = [], ends: (() => void)[] = [];
  const daemon = new Daemon({
    path, env: {}, idleMs: 0, limits, queue: new Queue(limits), log: () => undefined,
    serve: ({ env }) => new Promise<Answer>((resolve) => {
      begun.push(env["CNI_CONTAINERID"] ?? "");
      ends.push(() => resolve({ status: 0, stdout: "", stderr: "" }));
    }),
  });
  await daemon.listen();
  const pods = Array.from({ length: 200 }, (_, i) => `pod-${i}`);
  const came = ["busy", "busy", "busy", ...pods];
  const sockets: Socket[] = [];
  for (const [i, container] of came.entries()) {
    sockets.push(...await say(path, [call({ container })]));
    // One after the other is what the order of coming means.
    while (daemon.running + daemon.waiting <= i) await sleep(1);
  }
  for (let i = 0; i < came.length; i++) {
    while (ends[i] === undefined) await sleep(1);
    ends[i]?.();
  }
  // Its second call stands behind those that came before its first one had ended, and so does its third.
  assert.equal(begun.filter((name) => name !== "busy"), pods);
  assert.equal(begun.flatMap((name, i) => (name === "busy" ? [i] : [])).slice(0, 1), [0]);
  assert.is(begun.filter((name) => name === "busy").length, 3);
  for (const socket of sockets) socket.destroy();
  await daemon.stop();
  rmSync(directory, { recursive: true });
});
storm.run();

/** More than are attached in one turn of the thread, however fast the machine is. */
const many = 100;

const giving = kernelSuite("a daemon with a call of very many networks", import.meta.url);
giving("serves another container's before that is done", async () => {
  const world = makeWorld(), daemon = await startDaemon(world, { args: ["--log-format", "json"] });
  try {
    const networks = (count: number): object => ({
      cniVersion: "1.1.0", name: "pods", type: "polynic", cniDir: join(world.directory, "cni"),
      delegates: Array.from({ length: count }, (_, i) => (
        { cniVersion: "1.1.0", name: `n${i}`, type: "bridge", bridge: "many0" })),
    });
    // The bridge is there before, so that it belongs to neither.
    const first = { netns: world.another(), containerId: "first" };
    const big = { netns: world.another(), containerId: "big" };
    const small = { netns: world.another(), containerId: "small" };
    succeed(world, toRuntime("ADD", networks(1), first));
    const said = (one: typeof big, count: number): string => call({ container: one.containerId,
      netns: one.netns.path, conf: networks(count), identity: identityOf(daemon.pid) });
    const sockets = await say(socketOf(world), [said(big, many), said(small, 1)]);
    const done = (): readonly string[] => daemon.log.split("\n").slice(0, -1)
      .filter((line) => line.includes('"ADD is done"')).map((line) => String(JSON.parse(line).container));
    while (done().length < 2) await sleep(5);
    assert.equal(done(), ["small", "big"], daemon.log);
    for (const socket of sockets) socket.destroy();
    for (const one of [first, big, small]) {
      succeed(world, toRuntime("DEL", networks(1), one));
      const links = JSON.parse(one.netns.exec("ip", "-j", "link", "show")) as readonly { readonly ifname: string }[];
      assert.equal(links.map(({ ifname }) => ifname), ["lo"]);
    }
  } finally {
    await daemon.kill();
    world.remove();
  }
});
giving.run();

/** In the one-shot form. */
function toRuntime(verb: string, conf: object, one: { readonly netns: TestNetns; readonly containerId: string }): Call {
  return multiplexed(verb, conf, { netns: one.netns.path, containerId: one.containerId, env: { POLYNIC_SOCKET: "" } });
}

/** Where a process is, as a shim beside it would say. */
function identityOf(pid: number): Identity {
  const of = (path: string): string => {
    const { dev, ino } = statSync(`/proc/${pid}/${path}`, { bigint: true });
    return `${dev}:${ino}`;
  };
  return { mount: of("ns/mnt"), net: of("ns/net"), user: of("ns/user"), root: of("root/") };
}
