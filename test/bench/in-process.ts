// ADD and DEL as a warm process serves them: the multiplexer called as a library with the handles it has in earnest,
// beside the floor in turns. Starting is not measured: like a daemon, the process keeps its compiled WASM modules and
// its socket in the host's namespace.
import type { Warm } from "../../src/call/index.ts";
import { openHandles, openLog, openWarm } from "../../src/call/index.ts";
import { add, del, withContainerLock } from "../../src/mux/index.ts";
import type { MuxCommand } from "../../src/mux/index.ts";
import { LatelyRead } from "../../src/service/lately-read.ts";
import { builtModules } from "../helpers/wasm.ts";
import { cniVersion, plainBridges } from "./cases.ts";
import { openFloor } from "./floor.ts";
import { ms, ratio, summarize, table } from "./statistics.ts";
import { makeContainer, removeContainer, settle } from "./whole-process.ts";

/** Rounds nobody counts: V8 compiles what it finds to be used often. */
const warmUpRounds = 30;

/** What one run of something took: by the clock, and of the processors, all threads of this process together. */
interface Taken {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/**
 * A table of medians of ADD and DEL of 1, 3 and 8 plain bridge networks, and their ratio to the floor, by the clock and
 * by what the processors did meanwhile: the kernel's waiting for others hides the work of a DEL from the clock.
 */
export async function compareWithFloor(count: number): Promise<string> {
  const rows: string[][] = [];
  const warm = openWarm();
  for (const networks of [1, 3, 8]) {
    const own = { ADD: [] as Taken[], DEL: [] as Taken[] }, kernel = { ADD: [] as Taken[], DEL: [] as Taken[] };
    for (let round = -warmUpRounds; round < count; round++) {
      const netns = makeContainer();
      const call = bridgesCommand(networks, { netns, warm });
      const added = await taken(() => add(call)), deleted = await taken(() => del(call));
      settle();
      const floor = openFloor(netns, plainBridges(networks).map(({ name }) => name));
      const floorAdded = await taken(floor.add), floorDeleted = await taken(floor.del);
      floor.close();
      removeContainer();
      if (round < 0) continue;
      own.ADD.push(added);
      own.DEL.push(deleted);
      kernel.ADD.push(floorAdded);
      kernel.DEL.push(floorDeleted);
    }
    const title = `${networks} bridge network${networks === 1 ? "" : "s"}`;
    for (const verb of ["ADD", "DEL"] as const) rows.push([`${verb} ${title}`, ...cellsOf(own[verb], kernel[verb])]);
  }
  warm.close();
  const header = ["in-process ms", "kernel alone ms", "ratio"];
  return table(["", ...header, ...header.map((title) => `${title} (CPU)`)], rows);
}

function cellsOf(own: readonly Taken[], kernel: readonly Taken[]): readonly string[] {
  return (["wallMs", "cpuMs"] as const).flatMap((which) => {
    const [ownMs = Number.NaN, kernelMs = Number.NaN] =
      [own, kernel].map((all) => summarize(all.map((one) => one[which])).medianMs);
    return [ms(ownMs), ms(kernelMs), ratio(ownMs, kernelMs)];
  });
}

/** A daemon gets the same text for each container. */
const lately = new LatelyRead();

export interface BridgesCommand {
  readonly netns: string;
  readonly warm: Warm;
  readonly containerId?: string;
  readonly ifName?: string;
}

/** The call of a container on that many plain bridge networks, of which the first has the interface named. */
export function bridgesCommand(
  networks: number, { netns, warm, containerId = "in-process", ifName = "eth0" }: BridgesCommand,
): MuxCommand {
  const path = ["/nonexistent"];
  const conf = { cniVersion, name: "bench", type: "polynic",
    delegates: plainBridges(networks).map((network) => ({ cniVersion, ...network })) };
  const config = lately.muxConf(lately.request(JSON.stringify(conf)).conf, { invokedAs: "polynic", verb: "ADD" });
  const surroundings = { env: {}, tell: () => {} };
  const log = openLog(config.log, surroundings.tell);
  return {
    conf: config,
    attachment: { containerId, netns, ifName, args: "", path },
    validAttachments: undefined,
    env: {}, version: "0.0.0",
    openHandles: (netns) => openHandles({ netns, path, execute: [], modules: builtModules, warm, surroundings, log }),
    exclusively: (containerId, work) => withContainerLock({ cniDir: config.cniDir, containerId }, work),
  };
}

export async function taken(work: () => unknown): Promise<Taken> {
  const cpu = process.cpuUsage(), start = process.hrtime.bigint();
  await work();
  const wallMs = Number(process.hrtime.bigint() - start) / 1e6, { user, system } = process.cpuUsage(cpu);
  return { wallMs, cpuMs: (user + system) / 1000 };
}
