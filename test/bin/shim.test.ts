// src/bin/shim/shim.c against daemons that end, hang or talk nonsense at every step of a call: it is served once, by
// the daemon or by the one-shot form, or the runtime is told to try again.
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CallReader } from "../../src/daemon/message.ts";
import { ownIdentity } from "../../src/daemon/identity.ts";
import { standAloneTypes } from "../../src/plugins/index.ts";
import { multiplexerNames, version } from "../../src/program/index.ts";
import type { ShimTree } from "../helpers/daemon/shim-tree.ts";
import { makeShimTree } from "../helpers/daemon/shim-tree.ts";

const tree: ShimTree = makeShimTree();
const once = [{ words: "bridge", stdin: "{}" }];

/** What a daemon does once it has a whole call. */
type Manner = (socket: Socket) => void;

/** Runs `work` with such a daemon. */
async function with_(manner: Manner, work: () => Promise<void>, path = tree.socket): Promise<void> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    const reader = new CallReader();
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => { if (reader.add(chunk) !== undefined) manner(socket); });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  try {
    await work();
  } finally {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  }
}

function says(...parts: readonly string[]): Manner {
  return (socket) => { socket.end(parts.join("")); };
}

const person = suite("shim for people");
const alone = suite("shim without a daemon");
const served = suite("shim with a daemon");
const unserved = suite("shim whose daemon fails");

if (tree.hasShim) {
  person("leaves what has no CNI_COMMAND to the launcher, arguments and all", async () => {
    const { stdout } = await tree.run({ name: "polynic", args: ["lint", "a file"], env: { CNI_COMMAND: undefined } });
    assert.equal([stdout, tree.oneShots()], ["one-shot\n", [{ words: "polynic lint a file", stdin: "{}" }]]);
  });
  for (const command of ["", "add", "PING"])
    person(`leaves CNI_COMMAND "${command}" to the launcher`, async () => {
      await tree.run({ env: { CNI_COMMAND: command } });
      assert.equal(tree.oneShots(), once);
    });
  for (const name of [...multiplexerNames, ...standAloneTypes])
    person(`answers VERSION as ${name} itself`, async () => {
      const link = join(tree.directory, name);
      symlinkSync(join(tree.directory, "bin", "polynic"), link);
      const { status, stdout } = await tree.run({ file: link, env: { CNI_COMMAND: "VERSION" } });
      assert.is(status, 0);
      assert.ok(JSON.parse(stdout).supportedVersions.includes("1.1.0"));
      assert.equal(tree.oneShots(), []);
    });
  person("leaves VERSION of a name it does not know to the launcher", async () => {
    const link = join(tree.directory, "stranger");
    symlinkSync(join(tree.directory, "bin", "polynic"), link);
    await tree.run({ file: link, env: { CNI_COMMAND: "VERSION" } });
    assert.equal(tree.oneShots(), [{ words: "stranger", stdin: "{}" }]);
  });
  person("says in the shape of a CNI error that there is no launcher", async () => {
    const stray = join(tree.directory, "stray");
    writeFileSync(stray, readFileSync(join(tree.directory, "bin", "polynic")), { mode: 0o755 });
    const { status, stdout } = await tree.run({ file: stray });
    assert.is(status, 1);
    assert.is(JSON.parse(stdout).code, 5);
  });

  alone("runs the one-shot form, which gets stdin", async () => {
    const { status, stdout } = await tree.run({ stdin: "input" });
    assert.equal([status, stdout, tree.oneShots()], [0, "one-shot\n", [{ words: "bridge", stdin: "input" }]]);
  });
  alone("does the same by a relative path and through links in other directories", async () => {
    await tree.run({ file: "bin/bridge", cwd: tree.directory });
    const first = tree.oneShots();
    symlinkSync("bin/bridge", join(tree.directory, "far"));
    await tree.run({ file: join(tree.directory, "far") });
    assert.equal([...first, ...tree.oneShots()].map(({ words }) => words), ["bridge", "far"]);
  });
  for (const [what, prepare] of [
    ["is a plain file", (path: string) => writeFileSync(path, "")],
    ["is what a killed daemon left", (path: string) => spawnSync(process.execPath, ["-e",
      `require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`])],
    ["is a link to nothing", (path: string) => symlinkSync("nothing", path)],
  ] as const) alone(`runs the one-shot form when the socket ${what}`, async () => {
    const path = join(tree.directory, what.replaceAll(" ", "-"));
    prepare(path);
    await tree.run({ env: { POLYNIC_SOCKET: path } });
    assert.equal(tree.oneShots(), once);
  });
  if (process.geteuid?.() !== 0) console.warn("SKIPPED a shim that gets no thread: only root can change users");
  else alone("says so where no thread can be had, for which the runtime would wait for ever", async () => {
    chmodSync(tree.directory, 0o755);
    // Root has no such limit.
    const limited = (count: number) => tree.run({ file: "setpriv", args: ["--reuid=54321", "--regid=54321",
      "--clear-groups", "prlimit", `--nproc=${count}`, join(tree.directory, "bin", "bridge")] });
    const { status, stdout } = await limited(3);
    assert.equal([status, JSON.parse(stdout).code], [1, 11]);
    assert.match(JSON.parse(stdout).msg, /no thread can be had/);
    assert.is((await limited(100)).stdout, "one-shot\n");
    assert.equal(tree.oneShots(), []);
  });
  for (const path of ["", "x".repeat(200)])
    alone(`runs the one-shot form when the path is ${path.length} characters long`, async () => {
      await tree.run({ env: { POLYNIC_SOCKET: path } });
      assert.equal(tree.oneShots(), once);
    });

  served("prints the answer whole, and ends with its status", async () => {
    const text = "x".repeat(300_000);
    await with_(says("alive\n", "begun\nalive\nalive\nanswer 1 ", `${text.length} 4\n`, text, "log\n"), async () => {
      assert.equal(await tree.run(), { status: 1, stdout: text, stderr: "log\n" });
    });
    assert.equal(tree.oneShots(), []);
  });
  for (const [what, to] of [["a full disk", "> /dev/full"], ["a reader that is gone", "| sleep 0"]] as const)
    served(`has the one-shot form delete what was added when the answer meets ${what}`, async () => {
      // The reader ends before the daemon answers.
      const manner = (status: number): Manner => (socket) => void setTimeout(() =>
        socket.end(`begun\nanswer ${status} 2 0\n{}`), to.startsWith("|") ? 2000 : 0);
      const bridge = join(tree.directory, "bin", "bridge");
      const run = () => tree.run({ file: "bash", args: ["-c", `"$0" ${to}; exit "\${PIPESTATUS[0]}"`, bridge] });
      await with_(manner(0), async () => assert.is((await run()).status, 1));
      assert.equal(tree.oneShots(), [{ words: "bridge for DEL", stdin: "{}" }]);
      // An ADD that failed has nothing to delete.
      await with_(manner(1), async () => assert.is((await run()).status, 1));
      assert.equal(tree.oneShots(), []);
    });
  served("says who it is, where it is and what it was given", async () => {
    const reader = new CallReader();
    let heard: ReturnType<CallReader["add"]>;
    const server = createServer((socket) => socket.on("data", (chunk: Buffer) => {
      heard = reader.add(chunk);
      if (heard !== undefined) socket.end("begun\nanswer 0 0 0\n");
    }));
    await new Promise<void>((resolve) => server.listen(tree.socket, resolve));
    const stdin = "y".repeat(1_000_000);
    assert.is((await tree.run({ name: "multus", stdin, env: { ODD: "a\nb=c", EMPTY: "" } })).status, 0);
    server.close();
    const own = ownIdentity();
    assert.equal([heard?.name, heard?.programVersion, heard?.identity], ["multus", version, own]);
    assert.equal([heard?.env["ODD"], heard?.env["EMPTY"], heard?.env["CNI_COMMAND"]], ["a\nb=c", "", "ADD"]);
    assert.ok(heard?.stdin === stdin);
  });
  served("takes less than a mebibyte of memory while it waits", async () => {
    let rssKb = 0, pid = 0;
    await with_((socket) => {
      rssKb = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]);
      socket.end("begun\nanswer 0 0 0\n");
    }, async () => {
      const running = tree.start({ stdin: "z".repeat(2000) });
      ({ pid } = running);
      await running.answer;
    });
    assert.ok(rssKb > 0 && rssKb <= 1024, `${rssKb} kB`);
  });
  served("leaves more than a call may have to the one-shot form, which says what is wrong", async () => {
    const limit = 16 * 1024 * 1024;
    await with_(says("begun\nanswer 0 0 0\n"), async () => {
      assert.is((await tree.run({ stdin: Buffer.alloc(limit + 10) })).stdout, "one-shot\n");
    });
    assert.equal(tree.oneShots().map(({ stdin }) => stdin.length), [limit + 1]);
  });

  for (const [what, manner] of [
    ["ends", (socket) => socket.destroy()],
    ["ends after a sign of life", says("alive\n")],
    ["ends in the middle of a word", says("alive\nbegu")],
    ["declines", says("declined the daemon is stopping\n")],
    ["talks nonsense", says("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["talks without an end", says("x".repeat(10_000))],
  ] as const satisfies readonly (readonly [string, Manner])[])
    unserved(`runs the one-shot form when it ${what} before it begins`, async () => {
      await with_(manner, async () => { assert.is((await tree.run()).stdout, "one-shot\n"); });
      assert.equal(tree.oneShots(), once);
    });
  unserved("runs the one-shot form when it ends before it has read the call", async () => {
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((resolve) => server.listen(tree.socket, resolve));
    assert.is((await tree.run({ stdin: "s".repeat(5_000_000) })).stdout, "one-shot\n");
    server.close();
    assert.equal(tree.oneShots().map(({ stdin }) => stdin.length), [5_000_000]);
  });
  for (const [what, manner] of [
    ["ends", says("begun\n")],
    ["ends in the middle of its answer", says("begun\nanswer 0 100 0\n{\"half\":")],
    ["ends in the middle of the answer's head", says("begun\nanswer 0 1")],
    ["talks nonsense", says("begun\nwhat\n")],
    ["promises more than an answer can have", says("begun\nanswer 0 99999999 0\n")],
  ] as const) unserved(`tells the runtime to try again when it ${what} after it has begun`, async () => {
    await with_(manner, async () => {
      const { status, stdout } = await tree.run();
      assert.equal([status, JSON.parse(stdout).code], [1, 11]);
    });
    assert.equal(tree.oneShots(), []);
  });
  unserved("waits a bounded time for one that hangs, which cannot begin any more then", async () => {
    let written: Error | null | undefined;
    await with_((socket) => {
      // After the shim has given up; it is the one-shot form that holds its end open now.
      socket.once("close", () => undefined);
      void sleep(4000).then(() => socket.write("begun\n", (error) => { written = error ?? null; }));
    }, async () => {
      assert.is((await tree.run()).stdout, "one-shot\n");
      while (written === undefined) await sleep(20);
    });
    assert.ok(written instanceof Error, "the daemon could still say that it begins");
    assert.equal(tree.oneShots(), once);
  });
  unserved("waits a bounded time for one that accepts nobody", async () => {
    const stopped = spawn(process.execPath, ["-e", `
      require("net").createServer().listen({ path: "${tree.socket}", backlog: 0 }, () =>
        process.kill(process.pid, "SIGSTOP"))`], { stdio: "ignore" });
    while (!/^State:\s+T/m.test(readFileSync(`/proc/${stopped.pid}/status`, "utf8"))) await sleep(5);
    try {
      // One is let in by the kernel and waits for a sign of life, one waits in the queue, two find that full.
      const runs = await Promise.all([tree.run(), tree.run(), tree.run(), tree.run()]);
      assert.equal(runs.map(({ stdout }) => stdout), Array(4).fill("one-shot\n"));
    } finally {
      stopped.kill("SIGKILL");
      rmSync(tree.socket, { force: true });
    }
  });
}
for (const one of [person, alone, served]) one.run();
unserved.after(() => tree.remove());
unserved.run();
