// WASM modules: what one call takes, as the first thing of a process and in a warm one, held against what it may take.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installModule, readLock } from "../../src/wasm/index.ts";
import { runtimeFlags } from "../helpers/dist.ts";
import { builtModules } from "../helpers/wasm.ts";
import { against, ms, summarize, table } from "./statistics.ts";

const root = join(import.meta.dirname, "..", "..");
/** An ordinary module of 15 KB, most of it the SDK. */
const example = "sticky";
/** Milliseconds. */
const goals = { foreignCold: 3, builtInCold: 1.5, warm: 0.1 } as const;

interface ChildTimes {
  readonly coldMs: number;
  readonly warmMs: number;
}

/**
 * A table of calls of a built-in and of an installed module, each in fresh processes that start as the executable does,
 * in turns. The installed one also without what was made of it when it was installed, as after an update of polynic.
 */
export async function compareModules(count: number): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "polynic-bench-"));
  try {
    const child = join(directory, "child"), prepared = join(directory, "prepared"), plain = join(directory, "plain");
    mkdirSync(child);
    execFileSync(process.execPath, [join(root, "scripts", "bundle.mjs"), "test/bench/module-child.ts", child]);
    const bytes = readFileSync(join(builtModules, "examples", `${example}.wasm`));
    for (const place of [prepared, plain]) await installModule({ directory: place, bytes });
    forgetPrepared(plain);
    const cases = [
      { title: "built in (host-local)", args: [], coldGoalMs: goals.builtInCold, times: [] as ChildTimes[] },
      { title: `installed (${example}, ${bytes.length} bytes)`, args: [prepared, example],
        coldGoalMs: goals.foreignCold, times: [] as ChildTimes[] },
      { title: "the same, looked over again", args: [plain, example], coldGoalMs: undefined,
        times: [] as ChildTimes[] },
    ];
    for (let round = 0; round <= count; round++) {
      for (const { args, times } of cases) {
        const found = call(child, args);
        if (round > 0) times.push(found);
      }
    }
    const rows = cases.map(({ title, coldGoalMs, times }) => {
      const cold = summarize(times.map(({ coldMs }) => coldMs)), warm = summarize(times.map(({ warmMs }) => warmMs));
      return [title, ms(cold.medianMs), ms(cold.minMs), coldGoalMs === undefined ? "" : against(cold.medianMs,
        coldGoalMs), warm.medianMs.toFixed(3), against(warm.medianMs, goals.warm)];
    });
    return table(["module", "cold ms", "fastest", "goal", "warm ms", "goal"], rows);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function call(child: string, args: readonly string[]): ChildTimes {
  const dist = join(root, "dist"), node = join(dist, "lib", "polynic", "node");
  // Our own child prints exactly this.
  return JSON.parse(execFileSync(node, [...runtimeFlags(dist), join(child, "start.cjs"), "child", builtModules,
    ...args], { encoding: "utf8" })) as ChildTimes;
}

function forgetPrepared(directory: string): void {
  const entries = Object.entries(readLock(directory)).map(([name, { prepared: _, ...entry }]) => [name, entry]);
  writeFileSync(join(directory, "modules.lock.json"), JSON.stringify(Object.fromEntries(entries)), { mode: 0o644 });
}
