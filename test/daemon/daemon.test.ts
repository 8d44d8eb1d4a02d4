// src/daemon/daemon.ts over real sockets, with work that the test ends itself.
import {
  chmodSync, existsSync, linkSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync,
} from "node:fs";
import type { Socket } from "node:net";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { DaemonOptions, Limits } from "../../src/daemon/index.ts";
import { Daemon, defaultLimits } from "../../src/daemon/index.ts";
import { Queue } from "../../src/daemon/queue.ts";
import { ownIdentity } from "../../src/daemon/identity.ts";
import { version } from "../../src/program/index.ts";
import type { Answer, ServedCall } from "../../src/service/index.ts";
import { rejects } from "../helpers/errors.ts";

/** A daemon whose work is whatever the test does with `begun`. */
interface Place {
  readonly directory: string;
  readonly path: string;
  readonly daemon: Daemon;
  readonly log: readonly string[];
  /** Calls that were begun, in order. */
  readonly begun: readonly { readonly call: ServedCall; answer(stdout?: string): void }[];
}

const places: Place[] = [];

async function open(limits: Partial<Limits> = {}, options: Partial<DaemonOptions> = {}): Promise<Place> {
  const directory = mkdtempSync(join(tmpdir(), "polynic-daemon-"));
  const path = options.path ?? join(directory, "run", "polynic.sock");
  const begun: { call: ServedCall; answer(stdout?: string): void }[] = [], log: string[] = [];
  const daemon = new Daemon({
    path, env: {}, idleMs: 0, limits: { ...defaultLimits, ...limits },
    queue: new Queue({ ...defaultLimits, ...limits }), log: (line) => { log.push(line); },
    serve: (call) => new Promise<Answer>((resolve) => {
      begun.push({ call, answer: (stdout = "") => { resolve({ status: 0, stdout, stderr: "" }); } });
    }),
    ...options,
  });
  await daemon.listen();
  const place = { directory, path, daemon, log, begun };
  places.push(place);
  return place;
}

async function closeAll(): Promise<void> {
  for (const { directory, daemon, begun } of places.splice(0)) {
    const stopped = daemon.stop();
    while (daemon.running > 0) {
      for (const { answer } of begun) answer();
      await sleep(1);
    }
    await stopped;
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The other end, which hears everything that is said to it. */
interface Caller {
  readonly socket: Socket;
  readonly heard: string;
  /** Resolves when that has been said. */
  hears(text: string): Promise<void>;
  /** Resolves with all that was said when the connection is closed. */
  readonly closed: Promise<string>;
}

function caller(path: string, ...says: readonly (string | Buffer)[]): Caller {
  const socket = connect(path);
  let heard = "", wake = (): void => {};
  socket.on("data", (chunk: Buffer) => {
    heard += chunk.toString();
    wake();
  });
  socket.on("error", () => undefined);
  for (const one of says) socket.write(one);
  return {
    socket,
    get heard() { return heard; },
    async hears(text) {
      while (!heard.includes(text)) await new Promise<void>((resolve) => { wake = resolve; });
    },
    closed: new Promise((resolve) => socket.on("close", () => resolve(heard))),
  };
}

interface Said {
  readonly container?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly stdin?: string;
  readonly programVersion?: string;
  readonly mount?: string;
}

/** What a shim would send. */
function call({ container = "pod-1", env = {}, stdin = "{}", programVersion = version, mount }: Said = {}): string {
  const own = ownIdentity();
  const all = { CNI_COMMAND: "ADD", CNI_CONTAINERID: container, CNI_PATH: "/opt/cni/bin", ...env };
  const block = Object.entries(all).map(([name, value]) => `${name}=${value}\0`).join("");
  const where = `${mount ?? own.mount} ${own.net} ${own.user} ${own.root}`;
  const lengths = `${block.length} ${Buffer.byteLength(stdin)}`;
  return `polynic 1 ${programVersion} bridge ${where} ${lengths}\n${block}${stdin}`;
}

/** Until something is so: a limit of the test run, not a guess at how long it takes. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(2);
}

const served = suite("a call");
served.after.each(closeAll);
served("is begun, served and answered, and leaves nothing behind", async () => {
  const { path, begun, daemon } = await open();
  const one = caller(path, call({ stdin: '{"a":"ö"}', env: { EXTRA: "x=y" } }));
  await one.hears("begun\n");
  assert.is(begun[0]?.call.stdin, '{"a":"ö"}');
  assert.is(begun[0]?.call.name, "bridge");
  assert.is(begun[0]?.call.env["EXTRA"], "x=y");
  begun[0]?.answer("{}\n");
  assert.is(await one.closed, "begun\nanswer 0 3 0\n{}\n");
  await until(() => daemon.connections === 0);
  assert.equal([daemon.running, daemon.waiting], [0, 0]);
});
served("waits for its container's earlier ones and not for others", async () => {
  const { path, begun } = await open();
  const first = caller(path, call());
  await first.hears("begun");
  const second = caller(path, call()), other = caller(path, call({ container: "pod-2" }));
  await other.hears("begun");
  assert.is(second.heard, "");
  begun[0]?.answer();
  await second.hears("begun");
});
served("hears that the daemon is there, while it waits and while it is worked on", async () => {
  const { path, begun } = await open({ aliveMs: 5 });
  const first = caller(path, call()), second = caller(path, call());
  await second.hears("alive\nalive\n");
  await first.hears("begun\nalive\n");
  begun[0]?.answer();
  assert.match(await first.closed, /^(alive\n)*begun\n(alive\n)*answer 0 0 0\n$/);
});
for (const [what, said, why] of [
  ["by another version", { programVersion: "9.9.9" }, "it is by version 9.9.9"],
  ["from another mount namespace", { mount: "4:1" }, "it was made in another mount namespace"],
  ["with a relative search path", { env: { CNI_PATH: "bin" } }, "CNI_PATH is relative"],
] as const) served(`${what} is declined and not begun`, async () => {
  const { path, begun } = await open();
  assert.ok((await caller(path, call(said)).closed).startsWith(`declined ${why}`));
  assert.is(begun.length, 0);
});
served("of a plugin that is run by one at work does not wait for that one", async () => {
  const { path, begun } = await open({ running: 1 });
  await caller(path, call()).hears("begun");
  const nested = caller(path, call({ env: { POLYNIC_INSIDE: "flannel" } }));
  await nested.hears("begun");
  begun[1]?.answer("inner");
  assert.match(await nested.closed, /inner$/);
  await caller(path, call({ env: { POLYNIC_INSIDE: "flannel" } })).hears("begun");
  assert.match(await caller(path, call({ env: { POLYNIC_INSIDE: "flannel" } })).closed, /^declined as many such calls/);
});
served("that waits is not begun once its caller has gone", async () => {
  const { path, begun, daemon } = await open();
  const first = caller(path, call());
  await first.hears("begun");
  const second = caller(path, call({ stdin: "second" }));
  await until(() => daemon.waiting === 1);
  second.socket.destroy();
  await until(() => daemon.waiting === 0);
  begun[0]?.answer();
  await first.closed;
  await caller(path, call({ stdin: "third" })).hears("begun");
  assert.equal(begun.map(({ call }) => call.stdin), ["{}", "third"]);
});
served("that was begun goes on when its caller goes, and the next one waits for its end", async () => {
  const { path, begun, daemon } = await open();
  const first = caller(path, call());
  await first.hears("begun");
  first.socket.destroy();
  const second = caller(path, call({ stdin: "second" }));
  await until(() => daemon.waiting === 1);
  assert.equal([begun.length, daemon.running], [1, 1]);
  begun[0]?.answer();
  await second.hears("begun");
  begun[1]?.answer();
  await second.closed;
  await until(() => daemon.connections === 0);
});
served("that takes too long is told so, and its container's next one still waits for its end", async () => {
  const { path, begun } = await open({ workMs: 20 });
  const first = caller(path, call());
  const heard = await first.closed;
  assert.match(heard, /^begun\nanswer 1 \d+ 0\n/);
  assert.is(JSON.parse(heard.slice(heard.indexOf("{"))).code, 11);
  const second = caller(path, call());
  await sleep(30);
  assert.is(second.heard, "");
  begun[0]?.answer();
  await second.hears("begun");
});
served.run();

const bounds = suite("limits");
bounds.after.each(closeAll);
bounds("of the queue: one call too many is told to try again later", async () => {
  const { path, begun, daemon } = await open({ running: 1, waiting: 1 });
  await caller(path, call({ container: "a" })).hears("begun");
  const second = caller(path, call({ container: "b" }));
  await until(() => daemon.waiting === 1);
  assert.is(daemon.isReady, false);
  const heard = await caller(path, call({ container: "c" })).closed;
  const { code, msg } = JSON.parse(heard.slice(heard.indexOf("{")));
  assert.equal([code, msg], [11, "Cannot serve the call: 1 calls wait already, expected the same call again later"]);
  begun[0]?.answer();
  await second.hears("begun");
  assert.is(begun.length, 2);
});
bounds("of what is held: a call that is too much is told to try again later, and room comes back", async () => {
  const { path, begun } = await open({ heldBytes: 3000 });
  const big = "x".repeat(2000);
  const first = caller(path, call({ container: "a", stdin: big }));
  await first.hears("begun");
  const heard = await caller(path, call({ container: "b", stdin: big })).closed;
  assert.is(JSON.parse(heard.slice(heard.indexOf("{"))).code, 11);
  begun[0]?.answer();
  await first.closed;
  await sleep(5);
  await caller(path, call({ container: "c", stdin: big })).hears("begun");
});
for (const [what, bytes] of [
  ["nothing", ""], ["half a head", "polynic 1 0.1"], ["half a call", call({ stdin: "x".repeat(500) }).slice(0, -100)],
] as const) bounds(`of time: who says ${what} is dropped`, async () => {
  const { path, begun, daemon } = await open({ readMs: 20 });
  assert.is(await caller(path, bytes).closed, "");
  await until(() => daemon.connections === 0);
  assert.is(begun.length, 0);
});
bounds("of size: who announces more than a call can have is dropped at once", async () => {
  const { path } = await open();
  assert.is(await caller(path, "polynic 1 0.1.0 bridge a b c d 0 99999999\n").closed, "");
});
bounds("of connections: a thousand that say nothing keep no call from being served", async () => {
  const { path, begun, daemon } = await open({ unfinished: 1000 });
  const silent = Array.from({ length: 1000 }, () => caller(path));
  await until(() => daemon.connections === 1000);
  const one = caller(path, call());
  await one.hears("begun");
  begun[0]?.answer("served");
  assert.match(await one.closed, /served$/);
  const extra = [caller(path), caller(path)];
  // The oldest makes room.
  await silent[0]?.closed;
  for (const { socket } of [...silent, ...extra]) socket.destroy();
  await until(() => daemon.connections === 0);
});
bounds.run();

const ends = suite("a daemon");
ends.after.each(closeAll);
ends("that stops finishes what has begun, declines what waits and lets nobody in", async () => {
  const { path, begun, daemon } = await open();
  const first = caller(path, call()), waiting = caller(path, call()), silent = caller(path);
  await first.hears("begun");
  await until(() => daemon.waiting === 1 && daemon.connections === 3);
  let isStopped = false;
  void daemon.stop().then(() => { isStopped = true; });
  assert.match(await waiting.closed, /^declined the daemon is stopping/);
  assert.match(await silent.closed, /^declined/);
  assert.is(existsSync(path), false);
  assert.equal([isStopped, daemon.isReady], [false, false]);
  begun[0]?.answer("done");
  assert.match(await first.closed, /done$/);
  await daemon.stopped;
  assert.is(begun.length, 1);
});
ends("ends by itself when nobody asks, and not while somebody is served", async () => {
  const { path, begun, daemon, log } = await open({}, { idleMs: 30 });
  const one = caller(path, call());
  await one.hears("begun");
  await sleep(60);
  assert.is(existsSync(path), true);
  begun[0]?.answer();
  await daemon.stopped;
  assert.ok(log.includes("nobody has asked for 30 ms"));
});
ends.run();

const listening = suite("its socket");
listening.after.each(closeAll);
listening("is its own user's alone, and so is its directory", async () => {
  const { path, directory } = await open();
  const mode = (file: string): number => statSync(file).mode & 0o777;
  assert.equal([mode(path), mode(join(directory, "run"))], [0o600, 0o700]);
});
listening("takes the place of one that a killed daemon left", async () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-daemon-")), path = join(directory, "polynic.sock");
  const left = createServer().listen(path);
  await new Promise((resolve) => left.once("listening", resolve));
  // As a kill would: the name stays.
  const name = join(directory, "kept");
  linkSync(path, name);
  await new Promise((resolve) => left.close(resolve));
  renameSync(name, path);
  const { daemon } = await open({}, { path });
  await caller(path, call()).hears("begun");
  assert.is(daemon.where, path);
  rmSync(directory, { recursive: true });
});
listening("is not put in the place of anything else", async () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-daemon-")), path = join(directory, "polynic.sock");
  writeFileSync(path, "precious");
  assert.match((await rejects(open({}, { path }), 5)).message, /a file is there that is no socket/);
  assert.is(readFileSync(path, "utf8"), "precious");
  rmSync(directory, { recursive: true });
});
listening("is not made in a directory that others can look into", async () => {
  const directory = mkdtempSync(join(tmpdir(), "polynic-daemon-")), shared = join(directory, "shared");
  mkdirSync(shared);
  chmodSync(shared, 0o755);
  assert.match((await rejects(open({}, { path: join(shared, "polynic.sock") }), 5)).message, /has mode 755/);
  rmSync(directory, { recursive: true });
});
listening("belongs to one daemon at a time, and to the next one once that has stopped", async () => {
  const { path, daemon } = await open();
  assert.match((await rejects(open({}, { path }), 11)).message, /another daemon does/);
  await daemon.stop();
  await caller((await open({}, { path })).path, call()).hears("begun");
});
listening.run();
