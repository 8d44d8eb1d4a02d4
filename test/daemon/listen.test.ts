// src/daemon/listen.ts where others have files beside the socket, and with what systemd passes on.
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { ListenOptions } from "../../src/daemon/listen.ts";
import { listen } from "../../src/daemon/listen.ts";
import { rejects } from "../helpers/errors.ts";

const directory = mkdtempSync(join(tmpdir(), "polynic-listen-"));

/** Listens, and takes the socket away again after the work. */
async function listening(options: Partial<ListenOptions>, work: (path: string) => Promise<void>): Promise<void> {
  const path = options.path ?? join(directory, "shared", "plugin.sock"), server = createServer();
  const { close } = await listen(server, { path, env: {}, isShared: true, ...options });
  try {
    await work(path);
  } finally {
    close();
    server.close();
  }
}

const shared = suite("a socket among others' files");
shared("is in a directory that may be open to all, and open to root's group", async () => {
  mkdirSync(join(directory, "shared"));
  chmodSync(join(directory, "shared"), 0o755);
  await listening({}, async (path) => assert.is(statSync(path).mode & 0o777, 0o660));
  assert.is(existsSync(join(directory, "shared", "plugin.sock")), false);
  assert.is(existsSync(join(directory, "shared", "daemon.lock")), false);
});
shared("is not taken from who listens there, and is from who does not any more", async () => {
  const path = join(directory, "new", "deep", "plugin.sock");
  await listening({ path }, async () => {
    const { message } = await rejects(listen(createServer(), { path, env: {}, isShared: true }), 11);
    assert.is(message, `Cannot listen at ${path}: another daemon does`);
  });
  writeFileSync(path, "precious");
  assert.match((await rejects(listen(createServer(), { path, env: {}, isShared: true }), 5)).message, /no socket/);
  assert.is(readFileSync(path, "utf8"), "precious");
});
shared.run();

const passed = suite("sockets that systemd passes on");
passed("are one: more are refused, and those of another process are not ours", async () => {
  const path = join(directory, "run", "own.sock");
  const two = { LISTEN_PID: String(process.pid), LISTEN_FDS: "2" };
  const { message } = await rejects(listen(createServer(), { path, env: two }), 5);
  assert.is(message, `Cannot listen at ${path}: systemd passes 2 sockets on, expected one`);
  await listening({ path, env: { ...two, LISTEN_PID: "1" }, isShared: false }, async () =>
    assert.is(statSync(path).mode & 0o777, 0o600));
});
passed.after(() => rmSync(directory, { recursive: true }));
passed.run();
