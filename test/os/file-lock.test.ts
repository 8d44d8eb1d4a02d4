import { spawn, spawnSync } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileLockError, lockFile } from "../../src/os/index.ts";
import { throws } from "../helpers/errors.ts";
import { until } from "../helpers/netns.ts";

const lock = suite("lockFile");
let directory = "";
let path = "";

lock.before.each(() => {
  directory = mkdtempSync(join(tmpdir(), "polynic-lock-"));
  path = join(directory, "lock");
});
lock.after.each(() => {
  rmSync(directory, { recursive: true });
});

/** Another process that holds the lock, by the program flock(1), until its stdin ends. */
async function held(mode: "-x" | "-s"): Promise<ChildProcess> {
  const ready = join(directory, "ready");
  const other = spawn("flock", [mode, path, "sh", "-c", `touch ${ready}; read end`],
    { stdio: ["pipe", "ignore", "ignore"] });
  await until("the other process has the lock", () => existsSync(ready));
  return other;
}

lock("makes the file, and may be taken again after close", () => {
  lockFile(path).close();
  assert.is(statSync(path).mode & 0o777, 0o750 & ~process.umask());
  const again = lockFile(path, { timeoutMs: 0 });
  again.close();
  again.close();
  lockFile(path, { timeoutMs: 0 }).close();
});

lock("makes nothing where a symbolic link points, and waits for no pipe", () => {
  symlinkSync(join(directory, "elsewhere"), path);
  throws(() => lockFile(path, { timeoutMs: 0 }), "ENOENT");
  assert.not(existsSync(join(directory, "elsewhere")));
  assert.is(spawnSync("mkfifo", [join(directory, "pipe")]).status, 0);
  lockFile(join(directory, "pipe"), { timeoutMs: 0 }).close();
});

lock("takes a directory", () => {
  lockFile(directory).close();
});

lock("is refused while another process has it", async () => {
  const other = await held("-x");
  try {
    for (const mode of ["exclusive", "shared"] as const) {
      assert.throws(() => lockFile(path, { timeoutMs: 30, mode }), (error: unknown) => error instanceof FileLockError);
    }
  } finally {
    other.stdin?.end();
    await new Promise((resolve) => other.on("close", resolve));
  }
  lockFile(path, { timeoutMs: 1_000 }).close();
});

lock("is shared with other readers", async () => {
  const other = await held("-s");
  try {
    lockFile(path, { timeoutMs: 30, mode: "shared" }).close();
    assert.throws(() => lockFile(path, { timeoutMs: 30 }), (error: unknown) => error instanceof FileLockError);
  } finally {
    other.stdin?.end();
    await new Promise((resolve) => other.on("close", resolve));
  }
});

lock("waits until the other process is done", async () => {
  const other = spawn("flock", ["-x", path, "sleep", "0.2"], { stdio: "ignore" });
  const ended = new Promise((resolve) => other.on("close", resolve));
  await until("the other process has the lock", () => existsSync(path));
  lockFile(path).close();
  await ended;
});

lock("passes on what the system says of the path", () => {
  throws(() => lockFile(join(directory, "none", "lock")), "ENOENT");
});
lock.run();
