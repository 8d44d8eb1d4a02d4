// src/commands/module/one-at-a-time.ts: who installs or removes a module waits for whoever is at it, and loses nothing
// of theirs.
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { oneAtATime } from "../../../src/commands/module/one-at-a-time.ts";
import { takeLock } from "../../../src/os/index.ts";
import { installModule, readLock } from "../../../src/wasm/index.ts";
import { rejects } from "../../helpers/errors.ts";
import { waitLimitMs } from "../../helpers/limits.ts";
import { moduleProgram } from "../../helpers/module-command.ts";
import { describedModule } from "../../helpers/modules.ts";

let directory = "";
const together = suite("polynic module, twice at a time");
together.before.each(() => { directory = mkdtempSync(join(tmpdir(), "polynic-simultaneous-")); });
together.after.each(() => rmSync(directory, { recursive: true }));

const entries = () => Object.keys(readLock(directory));

/**
 * Starts a command while somebody else is at it; once it waits, `change` is what the other one did. Its exit status.
 */
async function whileLocked(words: readonly string[], change: () => Promise<unknown>): Promise<number | null> {
  const lock = await takeLock(join(directory, ".lock"), { timeoutMs: 0 });
  const [program, ...first] = moduleProgram();
  const child = spawn(program, [...first, ...words, "--dir", directory], { stdio: "ignore" });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  try {
    for (const limit = Date.now() + waitLimitMs; !waits(child.pid); await pause(20)) {
      assert.ok(Date.now() < limit && child.exitCode === null, "it did not wait for its turn");
    }
    await change();
  } finally {
    lock.close();
  }
  return await ended;
}

/** Whether a process has opened the lock. */
function waits(pid: number | undefined): boolean {
  const descriptors = `/proc/${pid}/fd`;
  return readdirSync(descriptors).some((fd) => {
    try {
      return readlinkSync(join(descriptors, fd)) === join(directory, ".lock");
    } catch {
      return false; // closed since
    }
  });
}

together("install keeps what another one installed meanwhile", async () => {
  const file = join(directory, "given");
  writeFileSync(file, describedModule());
  const status = await whileLocked(["install", file], async () => {
    assert.equal(entries(), []);
    await installModule({ directory, bytes: describedModule(), name: "other" });
  });
  assert.equal([status, entries()], [0, ["other", "test"]]);
});

together("remove keeps what another one installed meanwhile", async () => {
  await installModule({ directory, bytes: describedModule() });
  const status = await whileLocked(["remove", "test"], async () => {
    assert.equal(entries(), ["test"]);
    await installModule({ directory, bytes: describedModule(), name: "other" });
  });
  assert.equal([status, entries()], [0, ["other"]]);
});

together("nobody waits for ever: error 11 says for whom", async () => {
  const lock = await takeLock(join(directory, ".lock"), { timeoutMs: 0 });
  try {
    assert.match((await rejects(oneAtATime(50)(directory, () => assert.unreachable()), 11)).message,
      /another polynic module install or remove has been at it for 50 ms/);
  } finally {
    lock.close();
  }
  assert.is(await oneAtATime(50)(directory, () => 3), 3);
});

together.run();
