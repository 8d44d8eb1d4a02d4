/**
 * A call that dies at a system call of its own choosing: its processes have a library loaded (die-at.c), which counts
 * what changes something and kills all of them right before one of these.
 */
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What die-at.c has its processes share. */
const sharedBytes = 256;

export interface Dying {
  /** For the environment of calls, which count together until `begin` is said again. */
  readonly env: Readonly<Record<string, string>>;
  /** Counts from 0 again; the calls die right before step `dieAt`, counted from 1; at 0 they live. */
  begin(dieAt: number): void;
  /** Steps since then. */
  steps(): number;
  /** What each step was, a line each. */
  told(): string;
  remove(): void;
}

/** @throws Error where there is no C compiler, or it refuses */
export function openDying(): Dying {
  const directory = mkdtempSync(join(tmpdir(), "polynic-dying-"));
  const [library, count, log] = ["die-at.so", "count", "log"].map((name) => join(directory, name)) as
    [string, string, string]; // as many as there are names
  const source = join(import.meta.dirname, "die-at.c");
  const built = spawnSync("cc", ["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror", "-o", library, source],
    { encoding: "utf8" });
  if (built.status !== 0) {
    rmSync(directory, { recursive: true });
    throw new Error(`Cannot build ${source}: ${built.error?.message ?? built.stderr}`);
  }
  const env: Record<string, string> = { LD_PRELOAD: library, POLYNIC_DIE_STEPS: count, POLYNIC_DIE_LOG: log };
  return {
    env,
    begin(dieAt) {
      env["POLYNIC_DIE_AT"] = String(dieAt);
      writeFileSync(count, new Uint8Array(sharedBytes));
      writeFileSync(log, "");
    },
    steps: () => readFileSync(count).readInt32LE(0),
    told: () => readFileSync(log, "utf8"),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}
