// Plugins by their own names, one executable after the other, as podman runs them: the shim with a daemon behind it
// beside the reference's executables.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { podmanChain } from "./cases.ts";
import type { Runtime } from "./runtimes.ts";
import { against, ms, ratio, summarize, table, timeMs } from "./statistics.ts";
import { measureWholeProcesses } from "./whole-process.ts";

const chainMost = 0.6, versionMost = 1;

export interface ByName {
  readonly runtime: Runtime;
  readonly directory: string;
}

export function compareByName(ours: ByName, other: ByName, count: number): string {
  const chain = podmanChain((type) => [ours, other].every(({ directory }) => existsSync(join(directory, type))));
  const { medianMs } = measureWholeProcesses([chain], [ours.runtime, other.runtime], count);
  const rows = (["ADD", "DEL"] as const).map((verb) => {
    const [own, others] = [ours, other].map(({ runtime }) => medianMs(runtime, verb, chain));
    return row(`${verb} ${chain.title}`, own ?? Number.NaN, others ?? Number.NaN, chainMost);
  });
  const [own, others] = versions([ours.directory, other.directory], count);
  rows.push(row("VERSION of bridge", own ?? Number.NaN, others ?? Number.NaN, versionMost));
  return table(["", `${ours.runtime.title} ms`, `${other.runtime.title} ms`, "ratio", "goal"], rows);
}

function row(title: string, own: number, other: number, most: number): string[] {
  return [title, ms(own), ms(other), ratio(own, other), against(own / other, most)];
}

/** In turns, as everything else. */
function versions(directories: readonly string[], count: number): readonly number[] {
  const times = directories.map((): number[] => []);
  for (let round = 0; round <= count; round++) {
    for (const [i, directory] of directories.entries()) {
      const file = join(directory, "bridge");
      const tookMs = timeMs(() => spawnSync(file, [], { env: { CNI_COMMAND: "VERSION" }, input: "{}" }));
      if (round > 0) times[i]?.push(tookMs);
    }
  }
  return times.map((each) => summarize(each).medianMs);
}
